"""The dashboard: pages are layouts of panels, and the URL is their whole state."""
