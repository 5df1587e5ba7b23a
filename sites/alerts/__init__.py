"""Alerts: conditions are evaluated, and their notifications are stored as deliveries before they are sent."""
