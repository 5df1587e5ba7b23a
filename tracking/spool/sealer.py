"""The sealing thread of a collecting worker (`manage.py serve --workers`): it seals segments and inserts none.

The store's process inserts the sealed segments of living workers, and deletes them; it adopts those of dead ones.
"""

from __future__ import annotations

import logging
import threading
import time

from tracking.spool.segments import Segments

MAX_SEALED_SEGMENTS = 20  # with more, nobody inserts them at the moment: then few, large ones are made
POLL_SECONDS = 0.1
log = logging.getLogger(__name__)


class Sealer:
    """Seals the segments of one worker."""

    def __init__(self, segments: Segments, seal_seconds: dict[str, float], seconds_while_away: float) -> None:
        self.segments = segments
        self.seal_seconds, self.seconds_while_away = seal_seconds, seconds_while_away
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, name="spool-sealer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self.thread.start()

    def stop(self) -> None:
        """End the thread."""
        self.stopping.set()
        self.segments.wake.set()
        self.thread.join(timeout=5.0)

    def run(self) -> None:
        """Seal what is due until `stop`."""
        disk_checked_at = 0.0
        while not self.stopping.is_set():
            self.segments.wake.wait(POLL_SECONDS)
            self.segments.wake.clear()
            now = time.monotonic()
            if now - disk_checked_at > 1.0:
                disk_checked_at = now
                self.segments.check_disk()
            try:
                self.seal()
            except OSError as error:
                log.error("the event spool at %s fails: %s", self.segments.root, error.strerror)

    def seal(self) -> None:
        """Forget what was inserted and seal what is due. Raises OSError."""
        if self.segments.forget_inserted() > MAX_SEALED_SEGMENTS:
            self.segments.seal({}, self.seconds_while_away)
        else:
            self.segments.seal(self.seal_seconds)
