"""A memory of what the database holds is kept fresh by one thread, which looks twice a second.

While the database is away, what is known stays. A process that never started the thread (a command, a test) reads on
its first question.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence

from django.db import DatabaseError, InterfaceError, connections

POLL_SECONDS = 0.5
LONGEST_LOAD = 30.0  # seconds the first question may wait
AWAY = (DatabaseError, InterfaceError)
Job = Callable[[], object]
log = logging.getLogger(__name__)


class Keeper:
    """The thread of one memory. `what` it keeps is for the log; `jobs` are (what to do, every so many seconds)."""

    def __init__(self, what: str, jobs: Sequence[tuple[Job, float]], at_end: Job | None = None) -> None:
        self.what, self.jobs, self.at_end = what, jobs, at_end
        self._wake, self._stop = threading.Event(), threading.Event()
        self._rounds = threading.Condition()
        self._nudges = self._followed = 0  # nudges so far, and how many of them a whole round has followed
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; twice does no harm."""
        if self._thread is None or not self._thread.is_alive():
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name=f"known: {self.what}", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread, with what it owes at its end."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        self._thread = None

    def nudge(self) -> None:
        """Something changed in this process: look at once instead of at the next round."""
        with self._rounds:
            self._nudges += 1
        self._wake.set()

    def wait_for_nudges(self, seconds: float) -> bool:
        """Wait until what was nudged for before is known, at most so long; False where it is not, or nobody looks."""
        if self._thread is None or not self._thread.is_alive() or self._thread is threading.current_thread():
            return False
        with self._rounds:
            nudges = self._nudges
            return self._rounds.wait_for(lambda: self._followed >= nudges, timeout=seconds)

    def attempt(self, job: Job) -> bool:
        """Run a job against the database; when it is away, say so in the log and go on with what is known."""
        try:
            job()
        except AWAY as error:
            log.warning("%s are answered from memory, the database is away: %s", self.what, error)
            if not connections["default"].in_atomic_block:  # a caller's transaction is the caller's to end
                connections["default"].close()
            return False
        return True

    def load(self, job: Job) -> None:
        """Read on a first question; the ORM refuses to work inside an event loop."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self.attempt(job)
            return
        loader = threading.Thread(target=self._apart, args=(job,))
        loader.start()
        loader.join(timeout=LONGEST_LOAD)

    def _apart(self, job: Job) -> None:
        try:
            self.attempt(job)
        finally:
            connections.close_all()

    def _run(self) -> None:
        done = [time.monotonic()] * len(self.jobs)
        while not self._stop.is_set():
            now, nudges = time.monotonic(), self._nudges
            for index, (job, seconds) in enumerate(self.jobs):
                if now - done[index] >= seconds and self.attempt(job):
                    done[index] = now
            with self._rounds:
                self._followed = nudges
                self._rounds.notify_all()
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()
        if self.at_end is not None:
            self.attempt(self.at_end)
        connections.close_all()
