"""Daily salts: 16 random bytes a day, stored for 48 hours, then destroyed.

A device's number cannot be recomputed once its salt is destroyed. Salts are stored in DATA_DIR (mode 600), or in Redis
where several processes serve, so that all of them hash a visitor to the same device.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import threading
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

RETENTION_DAYS = 2


class SaltFile:
    """The salts in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = threading.Lock()

    def get(self, day: date) -> bytes:
        """Return the salt of a day, created if it is missing; salts that are too old by then are destroyed.

        Workers that must do without the store's process read the same file, so it is locked.
        """
        with self.lock, self.path.with_suffix(".lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            return self._get(day)

    def _get(self, day: date) -> bytes:
        try:
            stored = json.loads(self.path.read_text())
        except (OSError, ValueError):
            stored = {}
        oldest = str(day - timedelta(days=RETENTION_DAYS - 1))
        value = stored.setdefault(str(day), secrets.token_hex(16))
        current = {name: value for name, value in stored.items() if name >= oldest}
        temporary = self.path.with_suffix(".new")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(current))
        os.replace(temporary, self.path)
        return bytes.fromhex(value)


class SaltCache:
    """The salts that this process has read, so that a hit does not wait for its salt."""

    def __init__(self, read: Callable[[date], bytes]) -> None:
        self.read = read
        self.by_day: dict[date, bytes] = {}
        self.lock = threading.Lock()

    def renew(self, day: date) -> bytes:
        """Read the salt of a day again, and destroy those that are 48 hours older."""
        value = self.read(day)  # without the lock, since a suspended call would keep it
        with self.lock:
            self.by_day[day] = value
            for expired in [other for other in self.by_day if other <= day - timedelta(days=RETENTION_DAYS)]:
                del self.by_day[expired]
        return value
