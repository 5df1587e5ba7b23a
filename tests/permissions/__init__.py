"""A request can name only what its caller can fetch: every endpoint, every field that carries an id, every caller."""
