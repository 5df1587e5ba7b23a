"""One process per directory of events: a lock of our own, because the engine says it late and without words."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from tracking.store.errors import StoreAway

_held: tuple[Path, int] | None = None


def take_directory(directory: Path) -> None:
    """Hold the directory for this process. Raises StoreAway when another one has it or it cannot be written."""
    global _held
    if _held is not None and _held[0] == directory:
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
    _held = (directory, lock)


def release_directory() -> None:
    """Let another process have it (a forked child closes its copy; the parent's lock stays)."""
    global _held
    if _held is not None:
        os.close(_held[1])
    _held = None
