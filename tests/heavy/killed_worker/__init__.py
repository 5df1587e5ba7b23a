"""A worker that is killed in the middle of every task: the world it works on, itself, and who kills it."""
