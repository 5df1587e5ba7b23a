"""A second implementation of the query engine in plain Python, to compare results."""
