"""The thread of a serving process that writes the API calls counted in memory (`accounts.plans.api_calls`)."""

from __future__ import annotations

import logging
import threading

from django.db import DatabaseError, InterfaceError, connections

from accounts.services.usage import api_calls_write

log = logging.getLogger(__name__)
WRITE_SECONDS = 10.0


class ApiCallWriter:
    """Writes what was counted every WRITE_SECONDS, and when the process stops."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="API calls", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; it writes what is left."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        self._thread = None

    def _run(self) -> None:
        while not self._stop.wait(WRITE_SECONDS):
            self._write()
        self._write()
        connections.close_all()

    def _write(self) -> None:
        try:
            api_calls_write()
        except (DatabaseError, InterfaceError) as error:
            log.warning("API calls are kept in memory, the database is unavailable: %s", str(error).partition("\n")[0])
            connections["default"].close()


writer = ApiCallWriter()
