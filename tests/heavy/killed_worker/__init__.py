"""A worker that is killed in the middle of every task: its data, the worker, and the servers that kill it."""
