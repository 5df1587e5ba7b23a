"""Threads beside the event loop, for an installation of one process."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime

from django.conf import settings

from config.celery import CeleryThreads

log = logging.getLogger(__name__)


class BackgroundThreads:
    """Celery's worker and beat, unless REDIS_URL is set and they run elsewhere; on request a trickle of demo visits."""

    def __init__(self, trickle: float = 0.0) -> None:
        self.celery = None if settings.REDIS_URL else CeleryThreads()
        self.trickle = trickle
        self.ending = threading.Event()

    def start(self) -> None:
        """Start all threads."""
        if self.celery is not None:
            self.celery.start()
        if self.trickle > 0:
            threading.Thread(target=self.run_trickle, name="trickle", daemon=True).start()

    def stop(self) -> None:
        """Stop all threads, within seconds."""
        self.ending.set()
        if self.celery is not None:
            self.celery.stop()

    def run_trickle(self) -> None:
        """Simulate visits to the demo site, `trickle` a minute, until `stop`."""
        from config.demo.traffic import run_visit_now

        while not self.ending.wait(60 / self.trickle):
            try:
                run_visit_now(datetime.now(UTC))
            except Exception:
                log.exception("A demo visit failed; the trickle of demo visits has ended")
                return
