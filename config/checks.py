"""Mistakes in the configuration, as Django system checks with an id and a hint."""
