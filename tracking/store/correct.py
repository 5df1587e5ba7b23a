"""Corrections: change the events, delete what was made from them, make it anew."""
