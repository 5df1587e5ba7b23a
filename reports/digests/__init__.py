"""Digests: reports by e-mail, with the same numbers as the dashboard."""
