"""Digests: reports by mail, with the numbers of the dashboard."""
