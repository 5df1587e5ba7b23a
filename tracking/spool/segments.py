"""Segment files: lines are appended to open ones (counts are overwritten in them), sealed ones wait for the writer.

    SPOOL_DIR/<process>/lock                          locked while the process lives
    SPOOL_DIR/<process>/<table>-<yyyymm>-<n>.open     being written
    SPOOL_DIR/<process>/<table>-<yyyymm>-<n>.ready    sealed
    SPOOL_DIR/quarantine/…                            lines that the store can never insert

<process> is a UUID and n a counter, so a name is never used again: the store remembers names and would silently drop
other rows under a used one. A segment holds one month, because an insert may touch at most 100 partitions.

A lack of space is logged at once, once a minute, and when there is space again.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import shutil
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from tracking.spool.files import COUNT_TABLES, CountSegment, SegmentFile, cut_incomplete_line, measure_file, token

LOG_SECONDS = 60.0  # between two log lines while the spool stays full
RECOVERY_SECONDS = 5.0  # without a failed write, before the recovery is logged
log = logging.getLogger(__name__)
MAX_OPEN_SEGMENTS = 24
UNCERTAIN = "uncertain"  # the file that says so of a process; its time is that of the last such insert
UNCERTAIN_SECONDS = 3600.0  # after which everybody knows what is stored, or has forgotten the claim
MAX_WAITING_BYTES = 16 << 30  # of all segments together; settings.SPOOL_MOST_BYTES overrides
MIN_FREE_BYTES = 32 << 20  # that stay free on the disk for the databases
MAX_COUNTED_BYTES, ROW_BYTES = 1 << 20, 800  # of a file whose lines are counted for the health report, and of a row
MAX_DISK_SHARE = 0.25  # of the free bytes: a larger segment is sealed at once, since inserting it frees the space


class Fullness:
    """Writes that failed for lack of space. Times are those of the monotonic clock."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.full = False
        self.failed_writes = 0  # since this process started
        self._failures_since_log = 0  # since the last recovery was logged
        self._last_failure = self._last_log = float("-inf")

    def record_failure(self, reason: str) -> None:
        """Count a write that failed for this reason, and log it at most once a minute."""
        self.full, self._last_failure = True, time.monotonic()
        self.failed_writes += 1
        self._failures_since_log += 1
        if self._last_failure - self._last_log >= LOG_SECONDS:
            self._last_log = self._last_failure
            log.error(
                "the event spool at %s cannot be written (%s); events are rejected until there is space, %d so far",
                self.root, reason, self._failures_since_log,
            )  # fmt: skip

    def check_end(self) -> None:
        """Log that there is space again, if no write failed for a while."""
        if self._failures_since_log and not self.full and time.monotonic() - self._last_failure >= RECOVERY_SECONDS:
            log.warning("the event spool at %s has space again; %d writes failed", self.root, self._failures_since_log)
            self._failures_since_log, self._last_log = 0, float("-inf")


class EndedProcess(NamedTuple):
    """A process that has ended, by its number, with the segments that it left.

    Unless it `is_certain`, it may have inserted events of which it had told nobody that they are in its spool.
    """

    number: str
    paths: list[Path]
    is_certain: bool


def describe_ended(directory: Path) -> EndedProcess:
    """Describe the process that had this directory."""
    try:
        is_certain = time.time() - (directory / UNCERTAIN).stat().st_mtime > UNCERTAIN_SECONDS
    except FileNotFoundError:
        is_certain = True
    return EndedProcess(number_process(directory), sorted(directory.glob("*-*-*")), is_certain)


def number_process(directory: Path) -> str:
    """Return twelve digits for the process with this directory."""
    digest = blake2b(directory.name.encode(), digest_size=8).digest()
    return f"{int.from_bytes(digest, 'big') % 10**12:012}"


class SpoolFull(Exception):
    """An event cannot be written: the disk is full, the spool's limit is reached, or its directory is missing."""


class Segments:
    """All segments of this process. Endpoints write from any thread; the writer thread seals and removes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lock = threading.Lock()
        self.quarantine = root / "quarantine"
        self.fullness = Fullness(root)
        self.wake = threading.Event()
        self._begin()

    def _begin(self) -> None:
        self.directory = self.root / uuid.uuid4().hex
        self.process_number = number_process(self.directory)
        self.lock_fd = -1
        self.open: dict[tuple[str, int], SegmentFile] = {}
        self.sealed: dict[Path, float] = {}  # sealed files -> when they were opened
        self.sealed_sizes: dict[Path, tuple[int, int]] = {}  # their bytes and rows, of those that were opened here
        self.counter = 0
        self.waiting_bytes = self.waiting_rows = 0
        self.pending_counts: Counter[tuple[str, int, int, bytes]] = Counter()
        self.has_space = True
        self.free_bytes = float("inf")  # on the spool's disk, when last measured

    # -- endpoints ------------------------------------------------------------------------------------------------

    def write(self, table: str, month: int, line: bytes, rows: int = 1) -> None:
        """Append a line (or several) to the segment of its table and month. Raises SpoolFull."""
        key = (table, month)
        with self.lock:
            try:
                segment = self.open.get(key) or self._open_segment(key)
                segment.append(line, rows)
            except OSError as error:
                self.fullness.record_failure(error.strerror or str(error))
                raise SpoolFull(f"The event spool at {self.root} cannot be written: {error.strerror}.") from error
            self.waiting_rows += rows
            self.waiting_bytes += len(line)
            self.fullness.full = False
        if segment.full and not self.wake.is_set():
            self.wake.set()

    def count(self, table: str, now: datetime, head: bytes, hits: int = 1) -> None:
        """Add `hits` to the minute's count in a table of COUNT_TABLES; in memory while there is no space."""
        seconds = int(now.timestamp())
        with self.lock:
            self._add(table, now.year * 100 + now.month, seconds - seconds % 60, head, hits)

    def _add(self, table: str, month: int, minute: int, head: bytes, hits: int) -> None:
        key = (table, month)
        try:
            counts = self.open.get(key) or self._open_segment(key)
            added = counts.add(head, minute, hits)  # type: ignore[attr-defined]
        except OSError as error:
            self.fullness.record_failure(error.strerror or str(error))
            self.pending_counts[table, month, minute, head] += hits
            return
        if added:
            self.waiting_rows += 1
            self.waiting_bytes += added

    def _open_segment(self, key: tuple[str, int]) -> SegmentFile:
        if not self.has_space or self.waiting_bytes > getattr(settings, "SPOOL_MOST_BYTES", MAX_WAITING_BYTES):
            raise OSError(errno.ENOSPC, "it has reached its limit")
        if self.lock_fd < 0:
            self._create_directory()
        if len(self.open) >= MAX_OPEN_SEGMENTS:  # as when events of many months are imported
            self._seal(min(self.open, key=lambda key: self.open[key].began))
        self.counter += 1
        path = self.directory / f"{key[0]}-{key[1]}-{self.counter}.open"
        self.open[key] = (CountSegment if key[0] in COUNT_TABLES else SegmentFile)(path, key[0])
        return self.open[key]

    def open_directory(self) -> None:
        """Create and lock this process's directory, so that others notice its end. Raises OSError."""
        with self.lock:
            if self.lock_fd < 0:
                self._create_directory()

    def _create_directory(self) -> None:
        """Create and lock this process's directory. Raises OSError."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock_fd = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock_fd, fcntl.LOCK_EX)
        if not (self.directory / "lock").exists():  # another process adopted it before it was locked
            os.close(lock_fd)
            self.directory = self.root / uuid.uuid4().hex
            self.process_number = number_process(self.directory)
            return self._create_directory()
        self.lock_fd = lock_fd
        return None

    # -- the writer -----------------------------------------------------------------------------------------------

    def seal(self, older: dict[str, float] | None = None, others: float = 1.0) -> None:
        """Seal segments that are full or older than the seconds of their table (else `others`); without `older` all."""
        now = time.monotonic()
        with self.lock:
            due = [
                key
                for key, segment in self.open.items()
                if segment.rows and (older is None or self._is_due(segment, now, older.get(segment.table, others)))
            ]
            for key in due:
                self._seal(key)

    def _seal(self, key: tuple[str, int]) -> None:
        segment = self.open.pop(key)
        path = segment.seal()
        self.sealed_sizes[path] = segment.size, segment.rows
        self.sealed[path] = segment.began

    def _is_due(self, segment: SegmentFile, now: float, seconds: float) -> bool:
        """Return whether to seal a segment: for its age or size, or because the disk is nearly full."""
        return segment.is_due(now, seconds) or segment.size > self.free_bytes * MAX_DISK_SHARE

    def get_oldest_age(self) -> float:
        """Return the seconds since the oldest segment with rows was opened; 0 when nothing waits."""
        with self.lock:
            began = [segment.began for segment in self.open.values() if segment.rows] + list(self.sealed.values())
        return max(0.0, time.monotonic() - min(began)) if began else 0.0

    def list_sealed(self) -> list[Path]:
        """Return the sealed segments of this process, oldest first."""
        return sorted(self.directory.glob("*.ready"), key=lambda path: int(path.stem.rpartition("-")[2]))

    def remove_inserted(self, path: Path) -> None:
        """Remove a segment that is in the store."""
        size, rows = measure_file(path)
        path.unlink()
        if path.parent != self.directory:  # of a worker, which forgets it by itself
            return
        with self.lock:
            self.forget(path, size, rows)

    def forget(self, path: Path, size: int, rows: int) -> None:
        """Stop counting a segment that is in the store. The caller holds the lock."""
        self.waiting_bytes -= size
        self.waiting_rows -= rows
        self.fullness.full = False
        self.sealed.pop(path, None)
        self.sealed_sizes.pop(path, None)

    def forget_inserted(self) -> int:
        """Stop counting the segments that the store's process has inserted; return how many still wait."""
        with self.lock:
            for path in [path for path in self.sealed if not path.exists()]:
                self.forget(path, *self.sealed_sizes.get(path, (0, 0)))
            return len(self.sealed)

    def list_sealed_of_others(self) -> list[Path]:
        """Return the sealed segments of other processes, the oldest of each first."""
        others = [path for path in self.root.glob("*/*.ready") if path.parent not in (self.directory, self.quarantine)]
        return sorted(others, key=lambda path: (path.parent, int(path.stem.rpartition("-")[2])))

    def measure_others(self) -> tuple[int, int, float]:
        """Return rows, bytes and the age in seconds of what waits in other processes' directories."""
        rows = size = 0
        oldest = time.time()
        for path in self.root.glob("*/*-*-*"):
            if path.parent in (self.directory, self.quarantine):
                continue
            with contextlib.suppress(FileNotFoundError):  # inserted meanwhile
                status = path.stat()
                size += status.st_size
                rows += measure_file(path)[1] if status.st_size < MAX_COUNTED_BYTES else status.st_size // ROW_BYTES
                oldest = min(oldest, status.st_mtime) if status.st_size else oldest
        return rows, size, time.time() - oldest

    def adopt(self, on_ended: Callable[[EndedProcess], None] = lambda ended: None) -> list[Path]:
        """Adopt the segments of dead processes; return their new paths. `on_ended` is called before they move."""
        if self.lock_fd < 0:
            self._create_directory()
        adopted = []
        for lock in self.root.glob("*/lock"):
            if lock.parent == self.directory:
                continue
            try:
                lock_fd = os.open(lock, os.O_RDWR)
            except FileNotFoundError:  # another process adopted it
                continue
            try:
                fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                on_ended(describe_ended(lock.parent))
                adopted += self._adopt_directory(lock.parent)
            except BlockingIOError:
                continue  # its process is alive
            finally:
                os.close(lock_fd)
        return adopted

    def _adopt_directory(self, dead_directory: Path) -> list[Path]:
        """Move a dead process's segments to this one's directory. Their new names contain their tokens, which the
        store may know already."""
        adopted = []
        for path in sorted(dead_directory.glob("*-*-*")):
            if path.suffix == ".open":
                cut_incomplete_line(path)
            self.counter += 1
            new_path = self.directory / f"{path.stem.partition('@')[0]}@{token(path)}-{self.counter}.ready"
            size, rows = measure_file(path)
            if not rows:
                path.unlink()
                continue
            self.sealed[new_path] = time.monotonic() - max(0.0, time.time() - path.stat().st_mtime)
            path.rename(new_path)
            self.waiting_bytes += size
            self.waiting_rows += rows
            adopted.append(new_path)
        shutil.rmtree(dead_directory, ignore_errors=True)
        return adopted

    def note_uncertainty(self) -> None:
        """Note that segments are inserted although others may not know that their events are in the spool."""
        with contextlib.suppress(OSError):
            (self.directory / UNCERTAIN).touch()

    def check_disk(self) -> None:
        """Check the free space of the disk; if there is enough, write the counts that waited in memory."""
        try:
            disk = os.statvfs(self.directory if self.directory.exists() else self.root.parent)
        except OSError:
            return
        free, total = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
        self.has_space = free > min(MIN_FREE_BYTES, total // 20)
        self.free_bytes = free
        self.fullness.check_end()
        if self.has_space and self.pending_counts:
            with self.lock:
                pending_counts, self.pending_counts = self.pending_counts, Counter()
                for (table, month, minute, head), hits in pending_counts.items():
                    self._add(table, month, minute, head, hits)

    # -- the end --------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Seal everything and release the directory; an empty one is deleted."""
        self.seal()
        with self.lock:
            for empty in self.open.values():
                empty.seal().unlink()
            self.open.clear()
            if self.lock_fd >= 0 and not any(self.directory.glob("*-*-*")):
                shutil.rmtree(self.directory, ignore_errors=True)
            self.abandon()
            self._begin()

    def abandon(self) -> None:
        """Close a forked child's copies of the descriptors without changing a file."""
        for segment in self.open.values():
            os.close(segment.fd)
        if self.lock_fd >= 0:
            os.close(self.lock_fd)
        self.open, self.lock_fd = {}, -1
