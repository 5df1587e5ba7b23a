"""The endpoints. Each translates requests of one dialect into hits, and the outcome back; nothing else.

An endpoint is a function `endpoint(request) -> Reply`. The table of paths is in `tracking.collector`.
"""
