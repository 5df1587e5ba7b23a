"""Segment files: lines are appended to open ones (counts are added up in them), sealed ones wait for the writer.

    SPOOL_DIR/<boot>/lock                          held while the process lives
    SPOOL_DIR/<boot>/<table>-<yyyymm>-<n>.open     being written
    SPOOL_DIR/<boot>/<table>-<yyyymm>-<n>.ready    sealed
    SPOOL_DIR/quarantine/…                         lines that the store can never take

<boot> is a UUID and n a counter, so a name never comes back: the store remembers names and would silently drop other
rows under a known one. A segment holds one month, because an insert may touch at most 100 partitions.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import threading
import time
import uuid
from collections import Counter
from datetime import datetime
from pathlib import Path

from django.conf import settings

from tracking.spool.files import COUNTS, Segment, Tally, cut_torn_tail, measured, token
from tracking.spool.fullness import Fullness

MOST_OPEN = 24
MOST_WAITING_BYTES = 16 << 30  # of all segments together; settings.SPOOL_MOST_BYTES overrides
SPARE_BYTES = 32 << 20  # left free on the disk, for the databases beside the spool
MAX_DISK_SHARE = 0.25  # of the free bytes: a larger segment is sealed at once, since inserting it frees the space


class SpoolFull(Exception):
    """There is no room for an event: the disk is full, the spool's bound is reached, or its directory is gone."""


class Segments:
    """All segments of this process. Doors write from any thread; the writer seals and removes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lock = threading.Lock()
        self.fullness = Fullness(root)
        self.wake = threading.Event()
        self._begin()

    def _begin(self) -> None:
        self.boot = self.root / uuid.uuid4().hex
        self.held = -1
        self.open: dict[tuple[str, int], Segment] = {}
        self.sealed: dict[Path, float] = {}  # the files that wait for the writer: when they were begun
        self.counter = 0
        self.waiting_bytes = self.waiting_rows = 0
        self.owed: Counter[tuple[str, int, int, bytes]] = Counter()
        self.spare = True
        self.free_bytes = float("inf")  # on the spool's disk, when last measured

    # -- doors ----------------------------------------------------------------------------------------------------

    def write(self, table: str, month: int, line: bytes, rows: int = 1) -> None:
        """Append a line (or several) to the segment of its table and month. Raises SpoolFull."""
        key = (table, month)
        with self.lock:
            try:
                segment = self.open.get(key) or self._new(key)
                segment.append(line, rows)
            except OSError as error:
                self.fullness.refuse(error.strerror or str(error))
                raise SpoolFull(f"The event spool at {self.root} takes nothing: {error.strerror}.") from error
            self.waiting_rows += rows
            self.waiting_bytes += len(line)
            self.fullness.full = False
        if segment.full and not self.wake.is_set():
            self.wake.set()

    def count(self, table: str, now: datetime, head: bytes, hits: int = 1) -> None:
        """Add to the minute's `hits` in a table of COUNTS; in memory when there is no room."""
        seconds = int(now.timestamp())
        with self.lock:
            self._add(table, now.year * 100 + now.month, seconds - seconds % 60, head, hits)

    def _add(self, table: str, month: int, minute: int, head: bytes, hits: int) -> None:
        key = (table, month)
        try:
            tally = self.open.get(key) or self._new(key)
            added = tally.add(head, minute, hits)  # type: ignore[attr-defined]
        except OSError as error:
            self.fullness.refuse(error.strerror or str(error))
            self.owed[table, month, minute, head] += hits
            return
        if added:
            self.waiting_rows += 1
            self.waiting_bytes += added

    def _new(self, key: tuple[str, int]) -> Segment:
        if not self.spare or self.waiting_bytes > getattr(settings, "SPOOL_MOST_BYTES", MOST_WAITING_BYTES):
            raise OSError(errno.ENOSPC, "it has reached its bound")
        if self.held < 0:
            self._take_boot()
        if len(self.open) >= MOST_OPEN:  # months of imported events
            self._seal(min(self.open, key=lambda each: self.open[each].began))
        self.counter += 1
        path = self.boot / f"{key[0]}-{key[1]}-{self.counter}.open"
        self.open[key] = (Tally if key[0] in COUNTS else Segment)(path, key[0])
        return self.open[key]

    def _take_boot(self) -> None:
        """Make this process's directory and hold its lock. Raises OSError."""
        self.boot.mkdir(parents=True, exist_ok=True, mode=0o700)
        held = os.open(self.boot / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(held, fcntl.LOCK_EX)
        if not (self.boot / "lock").exists():  # somebody took it for a dead one's before it was held
            os.close(held)
            self.boot = self.root / uuid.uuid4().hex
            return self._take_boot()
        self.held = held
        return None

    # -- the writer -----------------------------------------------------------------------------------------------

    def seal(self, older: dict[str, float] | None = None, others: float = 1.0) -> None:
        """Seal the segments that are full or older than their table's (or `others`) seconds; without `older` all."""
        now = time.monotonic()
        with self.lock:
            due = [
                key
                for key, one in self.open.items()
                if one.rows and (older is None or self._is_due(one, now, older.get(one.table, others)))
            ]
            for key in due:
                self._seal(key)

    def _seal(self, key: tuple[str, int]) -> None:
        segment = self.open.pop(key)
        self.sealed[segment.seal()] = segment.began

    def _is_due(self, segment: Segment, now: float, seconds: float) -> bool:
        """Whether to seal a segment now: because of its age or size, or because the disk is nearly full."""
        return segment.due(now, seconds) or segment.size > self.free_bytes * MAX_DISK_SHARE

    def oldest(self) -> float:
        """Seconds since the oldest segment with rows was begun; 0 when nothing waits."""
        with self.lock:
            began = [one.began for one in self.open.values() if one.rows] + list(self.sealed.values())
        return max(0.0, time.monotonic() - min(began)) if began else 0.0

    def ready(self) -> list[Path]:
        """Sealed segments of this process, oldest first."""
        return sorted(self.boot.glob("*.ready"), key=lambda path: int(path.stem.rpartition("-")[2]))

    def inserted(self, path: Path) -> None:
        """A segment is in the store: remove it."""
        size, rows = measured(path)
        path.unlink()
        with self.lock:
            self.waiting_bytes -= size
            self.waiting_rows -= rows
            self.fullness.full = False
            self.sealed.pop(path, None)

    def adopt(self) -> list[Path]:
        """Take over the segments of processes that died; returns how they are called now."""
        if self.held < 0:
            self._take_boot()
        found = []
        for lock in self.root.glob("*/lock"):
            if lock.parent == self.boot:
                continue
            try:
                held = os.open(lock, os.O_RDWR)
            except FileNotFoundError:  # another process took it over
                continue
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                found += self._take_over(lock.parent)
            except BlockingIOError:
                continue  # it lives
            finally:
                os.close(held)
        return found

    def _take_over(self, boot: Path) -> list[Path]:
        """Move a dead process's segments here. Their names, which the store may know, keep its boot's."""
        found = []
        for path in sorted(boot.glob("*-*-*")):
            if path.suffix == ".open":
                cut_torn_tail(path)
            self.counter += 1
            goal = self.boot / f"{path.stem.partition('@')[0]}@{token(path)}-{self.counter}.ready"
            size, rows = measured(path)
            if not rows:
                path.unlink()
                continue
            self.sealed[goal] = time.monotonic() - max(0.0, time.time() - path.stat().st_mtime)
            path.rename(goal)
            self.waiting_bytes += size
            self.waiting_rows += rows
            found.append(goal)
        shutil.rmtree(boot, ignore_errors=True)
        return found

    def look_at_disk(self) -> None:
        """Note whether the disk has room to spare, and write what is owed if it has."""
        try:
            disk = os.statvfs(self.boot if self.boot.exists() else self.root.parent)
        except OSError:
            return
        free, whole = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
        self.spare = free > min(SPARE_BYTES, whole // 20)
        self.free_bytes = free
        self.fullness.check_end()
        if self.spare and self.owed:
            with self.lock:
                owed, self.owed = self.owed, Counter()
                for (table, month, minute, head), hits in owed.items():
                    self._add(table, month, minute, head, hits)

    # -- the end --------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Seal everything and let go; a directory without segments disappears."""
        self.seal()
        with self.lock:
            for empty in self.open.values():
                empty.seal().unlink()
            self.open.clear()
            if self.held >= 0 and not any(self.boot.glob("*-*-*")):
                shutil.rmtree(self.boot, ignore_errors=True)
            self.abandon()
            self._begin()

    def abandon(self) -> None:
        """Close descriptors and touch no file (a forked child's copies)."""
        for segment in self.open.values():
            os.close(segment.fd)
        if self.held >= 0:
            os.close(self.held)
        self.open, self.held = {}, -1
