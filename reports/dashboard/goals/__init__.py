"""Pages of goals, funnels and segments. They query, so they are not in the app `goals`, which is below queries."""
