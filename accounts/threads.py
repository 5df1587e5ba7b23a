"""Threads that compute or wait while others serve requests: their priority and their database connections."""

from __future__ import annotations

import contextlib
import os
import threading

from django.db import connections

NICENESS = 10  # 0 is normal, 19 the lowest priority


def lower_thread_priority() -> None:
    """Lower the priority of this thread and those it starts, on systems where threads have priorities of their own.

    With both cores busy, one click in a hundred took 8 ms instead of 27 beside the spool's writer, and one short
    computation in a hundred 3 ms instead of 9 beside password hashes.
    """
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def release_connections() -> None:
    """Close this thread's connections, so that others can use them while it waits. Django reopens them when needed.

    A connection inside a transaction stays open.
    """
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
