"""The writer thread: seal segments, insert each file under its name, delete it once it is in the store."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from accounts.threads import lower_thread_priority
from tracking import store
from tracking.spool.bad_lines import BadLines
from tracking.spool.files import token
from tracking.spool.segments import EndedProcess, Segments

# How long a segment stays open. Counts may reach the store a little later than events.
SEAL_SECONDS = {"events": 0.5, "bots": 1.0, "refusals": 2.0, "received": 3.0}
SEAL_SECONDS_WHILE_AWAY = 3600.0  # few, large segments
POLL_SECONDS = 0.1
ADOPT_SECONDS = 0.5  # between two looks for segments of workers that have died
MAX_PAUSE_SECONDS = 5.0
WARNING_AGE_SECONDS = 60.0  # rows that wait longer cause a warning
log = logging.getLogger(__name__)


@dataclass(slots=True)
class ClaimHooks:
    """What a shared state of hits does about claims of which others must know whether their event is in the spool."""

    is_settled: Callable[[], bool] = lambda: True  # whether they know it of everything so far; waits a moment for that
    may_insert: Callable[[Path], bool] = lambda path: True  # whether they know it of another process's segment
    on_ended: Callable[[EndedProcess], None] = lambda ended: None  # called before its segments are adopted


class SpoolHealth(TypedDict):
    """The spool's numbers. `warning` is a sentence when something needs attention, else ""."""

    depth: int  # rows that wait
    bytes: int
    oldest: float  # seconds
    quarantined: int  # lines
    store: bool
    error: str
    last_insert: str | None
    inserted: int
    full: bool
    refused: int
    warning: str


class Writer:
    """Inserts segments into the store. `flush` and the thread exclude each other."""

    def __init__(self, segments: Segments, claims: ClaimHooks | None = None) -> None:
        self.segments = segments
        self.claims = claims or ClaimHooks()
        self.bad_lines = BadLines(segments.root)
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.thread: threading.Thread | None = None
        self.error = ""
        self.reachable = True
        self.retry_at = 0.0
        self.failures = 0
        self.last_insert: datetime | None = None
        self.inserted_rows = 0
        self.has_workers = False  # whether other processes only seal their segments, and this one inserts them
        self.adopted_at = 0.0

    def start(self) -> None:
        """Adopt segments and start the thread, unless it runs."""
        if self.thread is None or not self.thread.is_alive():
            self.stopping.clear()
            self._adopt()
            self.thread = threading.Thread(target=self._run, name="spool-writer", daemon=True)
            self.thread.start()

    def stop(self, seconds: float) -> None:
        """End the thread, and with `seconds` try to insert the remaining segments."""
        self.stopping.set()
        self.segments.wake.set()
        if self.thread is not None:
            self.thread.join(timeout=seconds or 8.0)
        if seconds and (self.thread is None or not self.thread.is_alive()):
            self._try_flush()
        self.thread = None

    def flush(self) -> None:
        """Insert everything now. Raises the first StoreError."""
        with self.lock:
            self.segments.check_disk()
            self.segments.seal()
            self.adopted_at = 0.0
            error = self._insert_ready()
        if error is not None:
            raise error

    def health(self) -> SpoolHealth:
        """Return the spool's numbers."""
        rows, size, oldest = self.segments.measure_others() if self.has_workers else (0, 0, 0.0)
        health: SpoolHealth = {
            "depth": self.segments.waiting_rows + rows,
            "bytes": self.segments.waiting_bytes + size,
            "oldest": round(max(oldest, self.segments.get_oldest_age()), 1),
            "quarantined": self.bad_lines.lines,
            "store": self.reachable,
            "error": self.error,
            "last_insert": self.last_insert.isoformat() if self.last_insert else None,
            "inserted": self.inserted_rows,
            "full": self.segments.fullness.full,
            "refused": self.segments.fullness.failed_writes,
            "warning": "",
        }
        health["warning"] = self._warning(health)
        return health

    def _warning(self, health: SpoolHealth) -> str:
        if health["full"]:
            return "The event spool is full; events are rejected until there is space."
        if not health["store"]:
            return f"{health['error']} Events wait in the spool."
        if health["oldest"] > WARNING_AGE_SECONDS:
            return f"Events wait for {health['oldest']:.0f} seconds to be stored."
        if health["quarantined"]:
            return f"{health['quarantined']} lines could not be stored and are in {self.bad_lines.folder}."
        return ""

    # -- the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        lower_thread_priority()  # chDB's threads inherit it
        disk_checked_at = 0.0
        while not self.stopping.is_set():
            self.segments.wake.wait(POLL_SECONDS)
            self.segments.wake.clear()
            now = time.monotonic()
            if now - disk_checked_at > 1.0:
                disk_checked_at = now
                self.segments.check_disk()
            with self.lock:
                self._run_once(now)

    def _run_once(self, now: float) -> None:
        """Seal due segments and insert sealed ones; while the store is away, retry after a pause."""
        try:
            self.segments.seal({}, SEAL_SECONDS_WHILE_AWAY) if self.failures else self.segments.seal(SEAL_SECONDS)
        except OSError as error:
            self.error = f"The event spool at {self.segments.root} fails: {error.strerror}."
        else:
            if now >= self.retry_at:
                self._try_inserts()

    def _try_inserts(self) -> None:
        if self.failures and not self._is_store_back():
            self._note_failure(self.error)
        elif (error := self._insert_ready()) is not None:
            self._note_failure(str(error))
        else:
            self._note_success()

    def _is_store_back(self) -> bool:
        """Return whether the store answers again. It may be a new one, so its tables are created."""
        try:
            store.migrate()
        except store.StoreError as error:
            self.error = str(error)
            return False
        return True

    def _adopt(self) -> None:
        try:
            adopted = self.segments.adopt(self.claims.on_ended)
        except OSError as error:
            self.error = f"The event spool at {self.segments.root} fails: {error.strerror}."
            log.error(self.error)
            return
        if adopted:
            log.info("the spool adopted %d segments of an earlier process", len(adopted))

    def _insert_ready(self) -> store.StoreError | None:
        """Insert every sealed segment; return the first error. Only a store that is away ends the round."""
        first_error: store.StoreError | None = None
        paths = self._list_sealed()
        if paths and not self.claims.is_settled():  # what is deleted cannot tell the next process what was stored
            self.segments.note_uncertainty()
        for path in paths:
            try:
                self._insert(path)
            except store.StoreAway as error:
                return error
            except store.StoreError as error:
                first_error = first_error or error
        return first_error

    def _list_sealed(self) -> list[Path]:
        """Return the segments to insert: of this process, and with workers also of those, alive or dead."""
        if not self.has_workers:
            return self.segments.list_sealed()
        now = time.monotonic()
        if now - self.adopted_at > ADOPT_SECONDS:
            self.adopted_at = now
            self._adopt()
        others = [path for path in self.segments.list_sealed_of_others() if self.claims.may_insert(path)]
        return self.segments.list_sealed() + others

    def _insert(self, path: Path) -> None:
        table = path.name.partition("-")[0]
        rows = path.read_bytes().count(b"\n")
        try:
            store.insert_file(path, table, token(path))
        except store.BadRows as error:
            log.error("a segment has rows that the store cannot insert: %s", error)
            rows -= self.bad_lines.insert_without_bad_lines(path, table, token(path))
        self.segments.remove_inserted(path)
        if not self.segments.has_space:
            self.segments.check_disk()  # deleting the segment may have freed enough space
        self.last_insert = datetime.now(UTC)
        self.inserted_rows += rows

    def _note_failure(self, error: str) -> None:
        if not self.failures:
            log.warning("events wait in the spool: %s", error)
        self.failures += 1
        self.error, self.reachable = error, False
        self.retry_at = time.monotonic() + min(MAX_PAUSE_SECONDS, 0.5 * self.failures)

    def _note_success(self) -> None:
        if self.failures:
            log.info("the event store is back")
        self.failures, self.error, self.reachable, self.retry_at = 0, "", True, 0.0

    def _try_flush(self) -> None:
        try:
            self.flush()
        except (store.StoreError, OSError) as error:
            log.warning("the remaining segments wait for the next start: %s", error)
