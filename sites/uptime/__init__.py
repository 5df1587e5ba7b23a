"""Uptime: monitors are checked in an interval, outages become incidents, and their alerts are sent once."""
