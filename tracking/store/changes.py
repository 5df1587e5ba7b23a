"""Whether this process is changing the store, so that what is remembered of it can be let go at once.

`gate` is closed while rows go in and while a correction makes visits anew: an event in between would count twice.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

Times = tuple[int, int]


class Gate:
    """A lock that counts: `with gate` is one change, from its beginning to its end."""

    def __init__(self) -> None:
        self._turn = threading.RLock()
        self._counting = threading.Lock()
        self._begun = self._ended = self._deep = 0
        self._owner = 0

    def __enter__(self) -> Gate:
        self._turn.acquire()
        self._owner, self._deep = threading.get_ident(), self._deep + 1
        self._count(1, 0)
        return self

    def __exit__(self, *_: object) -> None:
        self._count(0, 1)
        self._deep -= 1
        self._owner = self._owner if self._deep else 0
        self._turn.release()

    @contextmanager
    def passing(self) -> Iterator[None]:
        """A change that may happen beside others."""
        self._count(1, 0)
        try:
            yield
        finally:
            self._count(0, 1)

    @contextmanager
    def still(self) -> Iterator[None]:
        """No change that closes the gate is under way here meanwhile."""
        with self._turn:
            yield

    def mine(self) -> bool:
        """Whether this thread has closed it."""
        return self._owner == threading.get_ident()

    def times(self) -> Times:
        """How many changes have begun and ended: equal while nothing changes, and another pair after each change."""
        with self._counting:
            return self._begun, self._ended

    def _count(self, begun: int, ended: int) -> None:
        with self._counting:
            self._begun += begun
            self._ended += ended


gate = Gate()
