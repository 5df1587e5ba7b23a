"""Periodic tasks while the database is unavailable: growing pauses, and one log line per outage and recovery."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from django.db import InterfaceError, OperationalError

from accounts.threads import release_connections

MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 5.0, 60.0  # seconds
log = logging.getLogger(__name__)


class DatabaseOutageBackoff:
    """Runs jobs; one that cannot reach the database pauses, twice as long each time up to MAX_PAUSE_SECONDS."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.pauses: dict[str, tuple[float, float]] = {}  # name -> (end of the pause, its length)
        self.lock = threading.Lock()

    def run(self, name: str, job: Callable[[], object]) -> bool:
        """Run the job unless it pauses; returns whether it succeeded. Raises all errors but those of the connection."""
        until, pause = self.pauses.get(name, (0.0, 0.0))
        if self.clock() < until:
            return False
        try:
            job()
        except (OperationalError, InterfaceError) as error:
            self._pause(name, min(MAX_PAUSE_SECONDS, pause * 2) or MIN_PAUSE_SECONDS, error)
            return False
        if pause:
            self._end_pauses()
        return True

    def _pause(self, name: str, pause: float, error: Exception) -> None:
        """Pause a job after an error of the connection."""
        with self.lock:
            if not self.pauses:
                log.warning(
                    "Periodic tasks pause, because the database is unavailable: %s",
                    str(error).strip().partition("\n")[0],
                )
            self.pauses[name] = (self.clock() + pause, pause)
        release_connections()

    def _end_pauses(self) -> None:
        """End all pauses, because a job has reached the database."""
        with self.lock:
            if self.pauses:
                self.pauses.clear()
                log.warning("The database is available again; periodic tasks continue.")
