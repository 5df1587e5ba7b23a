"""Data to look things up in: files that people edit, and the script that fetches geography."""
