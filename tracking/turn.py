"""Hits that are answered together: what one turn of the server's loop takes in is written in one go.

The server opens the turn around each hit that it answers without waiting (`begin`, `pause`), ends it with
`tracking.intake.end_turn`, and sends the answers after that: durable before the answer, at an eighth of the writes.
Only the thread that opened the turn gathers; hits of any other thread are written by themselves, as ever.
"""

from __future__ import annotations

from datetime import datetime
from threading import get_ident

from tracking.hit import Event

Counted = dict[tuple[int, str, int], list]  # (site, reason or "" for received, minute of the hour) -> [hits, a moment]


class Turn:
    """What was taken in and is not written yet. `number` is the answer that the present hit belongs to."""

    def __init__(self) -> None:
        self.thread = 0  # whose hits are gathered at this moment; 0 = nobody's
        self.number = 0
        self.events: list[tuple[int, Event, datetime]] = []
        self.counts: Counted = {}

    def begin(self, number: int) -> None:
        """Gather what this thread takes in from now on, for the answer of this number."""
        self.number, self.thread = number, get_ident()

    def pause(self) -> None:
        """The hit is understood: gather nothing until the next one begins."""
        self.thread = 0

    def keep(self, event: Event, now: datetime) -> bool:
        """Take an event, to be written at the end of the turn; False where it must be written by itself."""
        if not self.thread or self.thread != get_ident():
            return False
        self.events.append((self.number, event, now))
        return True

    def count(self, site_id: int, reason: str, now: datetime) -> bool:
        """Count a hit; False where it must be counted by itself."""
        if not self.thread or self.thread != get_ident():
            return False
        key = (site_id, reason, now.minute)
        counted = self.counts.get(key)
        if counted is None:
            self.counts[key] = [1, now]
        else:
            counted[0] += 1
        return True

    def take(self) -> tuple[list[tuple[int, Event, datetime]], Counted]:
        """What is to be written; the next turn begins empty."""
        found = self.events, self.counts
        self.events, self.counts = [], {}
        return found


turn = Turn()
