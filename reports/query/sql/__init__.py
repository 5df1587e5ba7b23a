"""SQL of a query: one subquery per table that is read, put together into one statement."""
