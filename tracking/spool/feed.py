"""Recorded events, handed on in batches: for Spy and whoever else watches. Nobody watching costs nothing."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

from tracking.hit import Event

SECONDS = 0.2
MOST_WAITING = 50_000  # a watcher that cannot keep up loses the oldest
Callback = Callable[[list[Event]], None]
log = logging.getLogger(__name__)


class Feed:
    """Callbacks, and the events they have not seen yet."""

    def __init__(self) -> None:
        self.callbacks: tuple[Callback, ...] = ()
        self.fresh: deque[Event] = deque(maxlen=MOST_WAITING)
        self.wake = threading.Event()
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None

    def add(self, event: Event) -> None:
        """An event was recorded."""
        if self.callbacks:
            self.fresh.append(event)
            if not self.wake.is_set():
                self.wake.set()

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Call back from now on; the returned function ends it."""
        with self.lock:
            self.callbacks = (*self.callbacks, callback)
            if self.thread is None:
                self.thread = threading.Thread(target=self._run, name="spool-feed", daemon=True)
                self.thread.start()

        def end() -> None:
            with self.lock:
                self.callbacks = tuple(one for one in self.callbacks if one is not callback)

        return end

    def drain(self) -> None:
        """Hand on everything now."""
        batch = []
        while self.fresh:
            batch.append(self.fresh.popleft())
        for callback in self.callbacks if batch else ():
            try:
                callback(batch)
            except Exception:
                log.exception("a watcher of recorded events failed")

    def _run(self) -> None:
        pause = threading.Event()
        while self.callbacks:
            if self.wake.wait(5):
                pause.wait(SECONDS)
                self.wake.clear()
                self.drain()
        with self.lock:
            self.thread = None
        if self.callbacks:  # somebody came while the last one left
            self.subscribe(self.callbacks[-1])()
