"""Database connections of a thread that waits for something else."""

from __future__ import annotations

from django.db import connections


def release_connections() -> None:
    """Give this thread's connections back, so that others have them while it waits. Django opens them again.

    A connection inside a transaction is kept.
    """
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
