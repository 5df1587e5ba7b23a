"""Alerts: conditions are watched, channels are told, every delivery is written down before it is made."""
