"""Database connections of threads that wait for something else."""

from __future__ import annotations

from django.db import connections


def release_connections() -> None:
    """Close this thread's connections, so that others can use them while it waits. Django reopens them when needed.

    A connection inside a transaction stays open.
    """
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
