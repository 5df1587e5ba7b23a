"""Track whether the spool has space, and log it: at once, once a minute, and when there is space again."""

from __future__ import annotations

import logging
import time
from pathlib import Path

LOG_SECONDS = 60.0  # between two log lines while the spool stays full
RECOVERY_SECONDS = 5.0  # without a failed write, before the recovery is logged
log = logging.getLogger(__name__)


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
