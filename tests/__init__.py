"""Behaviour of Footfall, told as sentences."""
