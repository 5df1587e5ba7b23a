"""What runs in threads beside the event loop when one process is the whole product."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime

from django.conf import settings

from config.celery import Threads

log = logging.getLogger(__name__)


class Background:
    """Celery's worker and beat, unless Redis says that they run elsewhere; a trickle of demo visits on request."""

    def __init__(self, trickle: float = 0.0) -> None:
        self.celery = None if settings.REDIS_URL else Threads()
        self.trickle = trickle
        self.ending = threading.Event()

    def start(self) -> None:
        """Start all."""
        if self.celery is not None:
            self.celery.start()
        if self.trickle > 0:
            threading.Thread(target=self.drip, name="trickle", daemon=True).start()

    def stop(self) -> None:
        """Stop all, within seconds."""
        self.ending.set()
        if self.celery is not None:
            self.celery.stop()

    def drip(self) -> None:
        """Now and then somebody visits the demo site."""
        from config.demo.traffic import one_visit_now

        while not self.ending.wait(60 / self.trickle):
            try:
                one_visit_now(datetime.now(UTC))
            except Exception:
                log.exception("the trickle of demo visits dried up")
                return
