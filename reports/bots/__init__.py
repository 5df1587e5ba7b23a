"""Bots of a site in words, and the operations about them in the management API. Their page is the dashboard's."""
