"""Plans of the operator, and what accounts used of theirs: events and API calls by day."""
