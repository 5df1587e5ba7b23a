"""Answers that are sent together: what they rest on is written once for all of them, and then they go out.

A turn of the loop often has a request of many connections at hand. Writing what each brought by itself costs more
than understanding it does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MOST = 8  # answers that wait for one another; with more, the first would wait longer than a write takes
Found = tuple[int, bytes, bytes]  # status, header lines, body
log = logging.getLogger(__name__)


def never(scope: Any) -> None:
    """Every request gets its task."""


def nothing_kept() -> dict[int, bytes]:
    """Nothing was gathered, so nothing is lost."""
    return {}


def no_matter(number: int = 0) -> None:
    """Nothing is gathered."""


@dataclass(frozen=True)
class AtOnce:
    """Who answers what needs no waiting.

    `answer(scope)` gives status, header lines and body, or None. What it records may be gathered between `begin`
    (with the answer's number) and `pause`; `end` writes it, and gives a header line for each answer it failed.
    """

    answer: Callable[[Any], Found | None] = never
    begin: Callable[[int], None] = no_matter
    pause: Callable[[], None] = no_matter
    end: Callable[[], dict[int, bytes]] = nothing_kept


class Together:
    """The answers of one turn, of all connections."""

    def __init__(self, at_once: AtOnce) -> None:
        self.at_once = at_once
        self.waiting: list[tuple[Any, bytes, bytes, bytes]] = []

    def ask(self, scope: Any) -> Found | None:
        """The answer to a request, if it needs no waiting. What it rests on is not written yet: `add` it."""
        self.at_once.begin(len(self.waiting))
        try:
            return self.at_once.answer(scope)
        finally:
            self.at_once.pause()

    def add(self, loop: asyncio.AbstractEventLoop, transport: Any, start: bytes, head: bytes, rest: bytes) -> None:
        """Send this soon: with those that come in the same turn, before the loop looks for more."""
        self.waiting.append((transport, start, head, rest))
        if len(self.waiting) >= MOST:
            self.end()
        elif len(self.waiting) == 1:
            loop.call_soon(self.end)

    def end(self) -> None:
        """Write, then send."""
        waiting, self.waiting = self.waiting, []
        if not waiting:
            return
        try:
            failed = self.at_once.end()
        except Exception:  # nobody is told that something was kept
            log.exception("what %d answers rest on could not be written", len(waiting))
            for transport, *_ in waiting:
                transport.abort()
            return
        for number, (transport, start, head, rest) in enumerate(waiting):
            if not transport.is_closing():
                transport.write(b"".join((start, head, failed.get(number, b""), rest)))
