"""The product on the services it can use: PostgreSQL, Redis, and a ClickHouse of two shards."""
