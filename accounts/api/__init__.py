"""The management API: what all endpoints share, and those of accounts."""
