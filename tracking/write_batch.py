"""Write batch: the events of one iteration of the server's event loop are written to the spool in one call.

The server opens the batch around each hit that it answers without waiting (`begin`, `pause`), writes it with
`tracking.ingestion.commit_batch`, and sends the responses after that. So every event is durable before its response,
with an eighth of the writes. Only the thread that opened the batch adds to it; hits of other threads are written one by
one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import get_ident

from tracking.event import Event


@dataclass(slots=True)
class HitCount:
    """How many hits there were in a minute, and the time of the first."""

    hits: int
    at: datetime


# The id of a response, its event, the time, and what is called if the event cannot be written. Not a named tuple, whose
# making takes five times as long: there is one for every hit
BatchedEvent = tuple[int, Event, datetime, Callable[[], object] | None]
BatchCounts = dict[tuple[int, str, int], HitCount]  # by site, reason ("" = received) and minute of the hour


class WriteBatch:
    """Events and counts that are not written yet. `response_id` is the response to the current hit."""

    def __init__(self) -> None:
        self.thread = 0  # the thread whose hits are batched now; 0 = none
        self.response_id = 0
        self.events: list[BatchedEvent] = []
        self.counts: BatchCounts = {}

    def begin(self, response_id: int) -> None:
        """Batch the hits of this thread from now on, for this response."""
        self.response_id, self.thread = response_id, get_ident()

    def pause(self) -> None:
        """Stop batching until the next `begin`."""
        self.thread = 0

    def add_event(self, event: Event, now: datetime, on_failure: Callable[[], object] | None = None) -> bool:
        """Add an event to the batch; return False if the caller must write it itself."""
        if not self.thread or self.thread != get_ident():
            return False
        self.events.append((self.response_id, event, now, on_failure))
        return True

    def add_hit(self, site_id: int, reason: str, now: datetime) -> bool:
        """Count a hit in the batch; return False if the caller must count it itself."""
        if not self.thread or self.thread != get_ident():
            return False
        key = (site_id, reason, now.minute)
        count = self.counts.get(key)
        if count is None:
            self.counts[key] = HitCount(1, now)
        else:
            count.hits += 1
        return True

    def take_all(self) -> tuple[list[BatchedEvent], BatchCounts]:
        """Return events and counts to write, and begin an empty batch."""
        batch = self.events, self.counts
        self.events, self.counts = [], {}
        return batch


write_batch = WriteBatch()
