"""The priority of threads that compute while others answer."""

from __future__ import annotations

import contextlib
import os
import threading

NICENESS = 10  # of the 19 by which a thread can be nice


def lower_thread_priority() -> None:
    """Let this thread, and those it starts, give way to the ones that answer, where a thread has its own priority.

    With both cores busy, one click in a hundred took 8 ms instead of 27 beside the spool's writer, and one short
    computation in a hundred 3 ms instead of 9 beside password hashes.
    """
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
