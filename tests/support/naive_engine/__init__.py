"""The query engine once more in plain Python, to compare its answers with."""
