"""Sums and distinct devices of closed days: how they are built, and how they are read instead of events."""
