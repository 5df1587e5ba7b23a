"""Reports by e-mail: a digest is the same questions as the dashboard's, told in a letter."""
