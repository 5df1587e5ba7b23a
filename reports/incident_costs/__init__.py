"""The cost of incidents: the visits and revenue that are usual for such a time and did not come."""
