"""Whether the spool has room, and what the log says of it: at once, once a minute, and when there is room again."""

from __future__ import annotations

import logging
import time
from pathlib import Path

LOG_SECONDS = 60.0  # between two lines about a spool that stays full
QUIET_SECONDS = 5.0  # without a refusal, before the log says that there is room again
log = logging.getLogger(__name__)


class Fullness:
    """What was refused for want of room. Times are of the monotonic clock."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.full = False
        self.refused = 0  # writes since this process started
        self._untold = 0  # of these, since the log said that there is room
        self._last = self._logged = float("-inf")

    def refuse(self, reason: str) -> None:
        """A write was refused for this reason."""
        self.full, self._last = True, time.monotonic()
        self.refused += 1
        self._untold += 1
        if self._last - self._logged >= LOG_SECONDS:
            self._logged = self._last
            log.error(
                "the event spool at %s takes nothing (%s); events are refused until there is room, %d so far",
                self.root, reason, self._untold,
            )  # fmt: skip

    def check_end(self) -> None:
        """Log that there is room again, if nothing was refused for a while."""
        if self._untold and not self.full and time.monotonic() - self._last >= QUIET_SECONDS:
            log.warning("the event spool at %s has room again; %d writes were refused", self.root, self._untold)
            self._untold, self._logged = 0, float("-inf")
