"""A lock on the directory of events: chDB allows one process, but reports a second one late and unclearly."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from tracking.store.errors import StoreAway

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
