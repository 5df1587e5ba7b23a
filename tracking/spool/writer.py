"""The writer thread: seals segments, inserts each file under its name, deletes it when the store has it."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from accounts.thread_priority import lower_thread_priority
from tracking import store
from tracking.spool.files import token
from tracking.spool.quarantine import Quarantine
from tracking.spool.segments import Segments

# How long a segment stays open. Who is counted and refused may be known a little later than what happened.
SECONDS = {"events": 0.5, "bots": 1.0, "refusals": 2.0, "received": 3.0}
PATIENT = 3600.0  # while the store is away: few large segments
TICK = 0.1
LONGEST_PAUSE = 5.0
LATE = 60.0  # seconds after which waiting rows are worth a warning
log = logging.getLogger(__name__)


class Writer:
    """Carries segments into the store. `flush` and the thread exclude each other."""

    def __init__(self, segments: Segments) -> None:
        self.segments = segments
        self.quarantine = Quarantine(segments.root)
        self.turn = threading.Lock()
        self.ending = threading.Event()
        self.thread: threading.Thread | None = None
        self.error = ""
        self.reachable = True
        self.pause_until = 0.0
        self.failures = 0
        self.last_insert: datetime | None = None
        self.inserted_rows = 0

    def start(self) -> None:
        """Start the thread, unless it runs."""
        if self.thread is None or not self.thread.is_alive():
            self.ending.clear()
            self._adopt()
            self.thread = threading.Thread(target=self._run, name="spool-writer", daemon=True)
            self.thread.start()

    def stop(self, seconds: float) -> None:
        """End the thread; try for so long to insert what is left."""
        self.ending.set()
        self.segments.wake.set()
        if self.thread is not None:
            self.thread.join(timeout=seconds or 8.0)
        if seconds and (self.thread is None or not self.thread.is_alive()):
            self._try_flush()
        self.thread = None

    def flush(self) -> None:
        """Insert everything now. Raises the first StoreError."""
        with self.turn:
            self.segments.look_at_disk()
            self.segments.seal()
            error = self._insert_ready()
        if error is not None:
            raise error

    def health(self) -> dict[str, Any]:
        """The spool's numbers; `warning` is a sentence when something needs attention."""
        oldest = self.segments.oldest()
        found: dict[str, Any] = {
            "depth": self.segments.waiting_rows,
            "bytes": self.segments.waiting_bytes,
            "oldest": round(oldest, 1),
            "quarantined": self.quarantine.lines,
            "store": self.reachable,
            "error": self.error,
            "last_insert": self.last_insert.isoformat() if self.last_insert else None,
            "inserted": self.inserted_rows,
            "full": self.segments.fullness.full,
            "refused": self.segments.fullness.refused,
        }
        found["warning"] = self._warning(found)
        return found

    def _warning(self, found: dict[str, Any]) -> str:
        if found["full"]:
            return "The event spool is full; events are refused until there is room."
        if not found["store"]:
            return f"{found['error']} Events wait in the spool."
        if found["oldest"] > LATE:
            return f"Events wait for {found['oldest']:.0f} seconds to be stored."
        if found["quarantined"]:
            return f"{found['quarantined']} lines could not be stored and lie in {self.quarantine.folder}."
        return ""

    # -- the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        lower_thread_priority()  # also of the engine's threads
        looked = 0.0
        while not self.ending.is_set():
            self.segments.wake.wait(TICK)
            self.segments.wake.clear()
            now = time.monotonic()
            if now - looked > 1.0:
                looked = now
                self.segments.look_at_disk()
            with self.turn:
                self._round(now)

    def _round(self, now: float) -> None:
        """Seal what is due and insert what is sealed; while the store is away, ask it now and then."""
        try:
            self.segments.seal({}, PATIENT) if self.failures else self.segments.seal(SECONDS)
        except OSError as error:
            self.error = f"The event spool at {self.segments.root} fails: {error.strerror}."
        else:
            if now >= self.pause_until:
                self._try_inserts()

    def _try_inserts(self) -> None:
        if self.failures and not self._back():
            self._failed(self.error)
        elif (error := self._insert_ready()) is not None:
            self._failed(str(error))
        else:
            self._worked()

    def _back(self) -> bool:
        """Whether the store answers again. It may be a new one, so it gets its tables."""
        try:
            store.migrate()
        except store.StoreError as error:
            self.error = str(error)
            return False
        return True

    def _adopt(self) -> None:
        try:
            found = self.segments.adopt()
        except OSError as error:
            self.error = f"The event spool at {self.segments.root} fails: {error.strerror}."
            log.error(self.error)
            return
        if found:
            log.info("the spool takes over %d segments of an earlier process", len(found))

    def _insert_ready(self) -> store.StoreError | None:
        """Insert every sealed segment; the first error ends it, unless it is about one segment alone."""
        first: store.StoreError | None = None
        for path in self.segments.ready():
            try:
                self._insert(path)
            except store.StoreAway as error:
                return error
            except store.StoreError as error:
                first = first or error
        return first

    def _insert(self, path: Path) -> None:
        table = path.name.partition("-")[0]
        rows = path.read_bytes().count(b"\n")
        try:
            store.insert_file(path, table, token(path))
        except store.BadRows as error:
            log.error("a segment has rows that the store cannot take: %s", error)
            rows -= self.quarantine.insert_without_bad_lines(path, table, token(path))
        self.segments.inserted(path)
        if not self.segments.spare:
            self.segments.look_at_disk()  # what was removed may be room enough
        self.last_insert = datetime.now(UTC)
        self.inserted_rows += rows

    def _failed(self, error: str) -> None:
        if not self.failures:
            log.warning("events wait in the spool: %s", error)
        self.failures += 1
        self.error, self.reachable = error, False
        self.pause_until = time.monotonic() + min(LONGEST_PAUSE, 0.5 * self.failures)

    def _worked(self) -> None:
        if self.failures:
            log.info("the event store is back")
        self.failures, self.error, self.reachable, self.pause_until = 0, "", True, 0.0

    def _try_flush(self) -> None:
        try:
            self.flush()
        except (store.StoreError, OSError) as error:
            log.warning("what is in the spool waits for the next start: %s", error)
