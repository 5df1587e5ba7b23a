"""Requests of a test in milliseconds of their own, since the event store keeps no shorter times.

What happened within the same millisecond comes back in any order, so a test that sends one request after the other
would find its rows in another order once in a while.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

LENGTH = 0.0011  # a millisecond, and what a clock that is being set right may lag behind
_ended = 0.0


@contextmanager
def own_millisecond() -> Iterator[None]:
    """Let a request begin a millisecond after the one before has ended. A clock that a test has stopped stands still.

    Not for requests that are sent at once, which have no order.
    """
    global _ended
    rest = _ended + LENGTH - time.perf_counter()
    if rest > 0:
        time.sleep(rest)
    try:
        yield
    finally:
        _ended = time.perf_counter()
