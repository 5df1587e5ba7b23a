"""Periodic work while the database is away: one sentence when it goes, one when it is back, and longer pauses."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from django.db import InterfaceError, OperationalError, connections

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 60.0  # seconds
log = logging.getLogger(__name__)


class Patience:
    """Runs jobs; a job that finds no database rests for a while, twice as long each time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.resting: dict[str, tuple[float, float]] = {}  # job -> (until, the pause)
        self.lock = threading.Lock()

    def run(self, name: str, job: Callable[[], object]) -> bool:
        """Run the job, unless it rests; whether it ran to its end. Errors of any other kind are raised."""
        until, pause = self.resting.get(name, (0.0, 0.0))
        if self.clock() < until:
            return False
        try:
            job()
        except (OperationalError, InterfaceError) as error:
            self._away(name, min(LONGEST_PAUSE, pause * 2) or FIRST_PAUSE, error)
            return False
        if pause:
            self._back()
        return True

    def _away(self, name: str, pause: float, error: Exception) -> None:
        with self.lock:
            if not self.resting:
                log.warning("Periodic work waits, the database is away: %s", str(error).strip().partition("\n")[0])
            self.resting[name] = (self.clock() + pause, pause)
        for connection in connections.all(initialized_only=True):
            if not connection.in_atomic_block:
                connection.close()

    def _back(self) -> None:
        """A job that had to rest did its work: nobody needs to rest any more."""
        with self.lock:
            if self.resting:
                self.resting.clear()
                log.warning("The database is back, periodic work goes on.")
