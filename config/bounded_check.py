"""Checks of services that may hang, such as a database whose machine is frozen: callers wait a short time only."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)


class BoundedCheck:
    """Runs a check in a thread, one at a time, so that a service that never answers holds one thread at most.

    `check` returns an error, "" if there is none; `silent` is the error while it has not returned, and if it raises.
    """

    def __init__(self, check: Callable[[], str], *, silent: str, seconds: float, max_age: float) -> None:
        self.check, self.silent = check, silent
        self.seconds, self.max_age = seconds, max_age
        self.lock = threading.Lock()
        self.done = threading.Event()
        self.done.set()
        self.started_at = -max_age
        self.error = ""

    def get_error(self) -> str:
        """Return the error of a check that is at most `max_age` seconds old, or `silent` after `seconds`."""
        with self.lock:
            now = time.monotonic()
            if self.done.is_set() and now - self.started_at >= self.max_age:
                self.done.clear()
                self.started_at = now
                threading.Thread(target=self._run, name="check", daemon=True).start()
            remaining = self.started_at + self.seconds - now
        return self.error if self.done.wait(max(0.0, remaining)) else self.silent

    def _run(self) -> None:
        try:
            self.error = self.check()
        except Exception:
            log.debug("a check failed", exc_info=True)
            self.error = self.silent
        finally:
            self.done.set()
