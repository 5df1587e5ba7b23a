"""The locks of the event store: one for changes in this process, and one on the directory of chDB.

The first counts changes, so that caches notice each one. It is held while rows are inserted and while a correction
rebuilds visits, since an event that is inserted in between would count twice. The second is there because chDB allows
one process, but reports another one late and unclearly.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tracking.store.errors import StoreAway

ChangeCounts = tuple[int, int]


class WriteLock:
    """A reentrant lock that counts changes: `with write_lock` is one change, from its beginning to its end."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._counter_lock = threading.Lock()
        self._begun = self._ended = self._depth = 0
        self._owner = 0

    def __enter__(self) -> WriteLock:
        self._lock.acquire()
        self._owner, self._depth = threading.get_ident(), self._depth + 1
        self._count(1, 0)
        return self

    def __exit__(self, *_: object) -> None:
        self._count(0, 1)
        self._depth -= 1
        self._owner = self._owner if self._depth else 0
        self._lock.release()

    @contextmanager
    def counting_change(self) -> Iterator[None]:
        """Count a change that may run in parallel to others, without holding the lock."""
        self._count(1, 0)
        try:
            yield
        finally:
            self._count(0, 1)

    @contextmanager
    def without_changes(self) -> Iterator[None]:
        """Hold the lock without counting a change: no insert and no correction runs in this process meanwhile."""
        with self._lock:
            yield

    def is_held_here(self) -> bool:
        """Return whether this thread holds the lock for a change."""
        return self._owner == threading.get_ident()

    def get_change_counts(self) -> ChangeCounts:
        """Return how many changes have begun and ended: equal while none is running, and a new pair after each."""
        with self._counter_lock:
            return self._begun, self._ended

    def _count(self, begun: int, ended: int) -> None:
        with self._counter_lock:
            self._begun += begun
            self._ended += ended


write_lock = WriteLock()


_locked: tuple[Path, int] | None = None


def take_directory(directory: Path) -> None:
    """Lock the directory for this process. Raises StoreAway when another one has it or it cannot be written."""
    global _locked
    if _locked is not None and _locked[0] == directory:
        return
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = os.open(directory.with_name(directory.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreAway(f"The directory {directory} cannot be written; the event store needs it.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise StoreAway(
            f"The events at {directory} are open in another process; stop it, or set EVENTS_URL to a ClickHouse server."
        ) from error
    release_directory()
    _locked = (directory, lock)


def release_directory() -> None:
    """Release the lock. A forked child only closes its copy; the parent keeps the lock."""
    global _locked
    if _locked is not None:
        os.close(_locked[1])
    _locked = None
