"""Requests can refer only to objects that their caller may fetch: every endpoint, every id, every caller."""
