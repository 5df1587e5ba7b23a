"""Shared links: read-only reports of one site for everybody who has the link.

A link may be limited to a segment, protected with a password, and expire.
"""
