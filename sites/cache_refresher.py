"""Refreshing an in-memory cache of database rows: one thread polls twice a second for changes.

While the database is unavailable, the cached rows stay in use. A process that never started the thread (a command, a
test) loads the rows on its first query.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence

from django.db import DatabaseError, InterfaceError, connections

POLL_SECONDS = 0.5
MAX_FIRST_LOAD_SECONDS = 30.0
DATABASE_ERRORS = (DatabaseError, InterfaceError)
RefreshJob = Callable[[], object]
log = logging.getLogger(__name__)


class CacheRefresher:
    """Runs the refresh jobs of one cache in a thread.

    `what` names the cached rows in log messages; `jobs` are pairs of (job, seconds between two runs); `at_end` runs
    when the thread stops.
    """

    def __init__(self, what: str, jobs: Sequence[tuple[RefreshJob, float]], at_end: RefreshJob | None = None) -> None:
        self.what, self.jobs, self.at_end = what, jobs, at_end
        self._wake, self._stop = threading.Event(), threading.Event()
        self._round_ended = threading.Condition()
        self._requested_number = self._served_number = 0  # of `refresh_soon`; served: a complete round began after it
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread unless it runs already."""
        if self._thread is None or not self._thread.is_alive():
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name=f"cache refresher: {self.what}", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop the thread; it runs the `at_end` job last."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        self._thread = None

    def refresh_soon(self) -> None:
        """Begin the next round at once, because this process has changed a row."""
        with self._round_ended:
            self._requested_number += 1
        self._wake.set()

    def wait_until_refreshed(self, seconds: float) -> bool:
        """Wait until a round has followed each earlier `refresh_soon`; False if that takes longer or no thread runs."""
        if self._thread is None or not self._thread.is_alive() or self._thread is threading.current_thread():
            return False
        with self._round_ended:
            number = self._requested_number
            return self._round_ended.wait_for(lambda: self._served_number >= number, timeout=seconds)

    def attempt(self, job: RefreshJob) -> bool:
        """Run a job; returns False, with a warning in the log, if the database is unavailable."""
        try:
            job()
        except DATABASE_ERRORS as error:
            log.warning("%s are answered from memory, the database is unavailable: %s", self.what, error)
            if not connections["default"].in_atomic_block:  # a caller's transaction is the caller's to end
                connections["default"].close()
            return False
        return True

    def load(self, job: RefreshJob) -> None:
        """Run a job for the first query, in another thread inside an event loop, where the ORM refuses to work."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self.attempt(job)
            return
        loader = threading.Thread(target=self._attempt_and_disconnect, args=(job,))
        loader.start()
        loader.join(timeout=MAX_FIRST_LOAD_SECONDS)

    def _attempt_and_disconnect(self, job: RefreshJob) -> None:
        try:
            self.attempt(job)
        finally:
            connections.close_all()

    def _run(self) -> None:
        last_runs = [time.monotonic()] * len(self.jobs)
        while not self._stop.is_set():
            now, number = time.monotonic(), self._requested_number
            for index, (job, seconds) in enumerate(self.jobs):
                if now - last_runs[index] >= seconds and self.attempt(job):
                    last_runs[index] = now
            with self._round_ended:
                self._served_number = number
                self._round_ended.notify_all()
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()
        if self.at_end is not None:
            self.attempt(self.at_end)
        connections.close_all()
