"""The doors. Each translates requests of one dialect into hits and the outcome back; nothing else.

A door is a function `door(request) -> Reply`. Which path leads where is the table in `tracking.collector`.
"""
