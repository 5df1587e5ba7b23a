"""Uptime: is the site answering? Monitors are claimed, checked side by side, judged, and told about once."""
