"""Batches of responses: what they confirm is written once for all of them, then they are sent.

An iteration of the event loop often handles requests of many connections. Writing the events of each request by itself
would cost more than parsing it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from tracking.web import Scope

MAX_BATCH = 16  # responses in a batch; with more, the first one would wait longer than a write takes
ImmediateResponse = tuple[int, bytes, bytes]  # status, header lines, body
log = logging.getLogger(__name__)


def respond_never(scope: Scope) -> None:
    """Respond to no request immediately: every one gets a task."""


def commit_nothing() -> dict[int, bytes]:
    """Write nothing, because nothing was recorded; no write failed."""
    return {}


def do_nothing(number: int = 0) -> None:
    """Record nothing."""


@dataclass(frozen=True)
class ImmediateResponder:
    """The functions that respond to requests which need no waiting.

    `respond(scope)` returns status, header lines and body, or None. What it records may be collected between `begin`
    (called with the response's number in the batch) and `pause`. `commit` writes it, and returns a header line for each
    response whose part could not be written.
    """

    respond: Callable[[Scope], ImmediateResponse | None] = respond_never
    begin: Callable[[int], None] = do_nothing
    pause: Callable[[], None] = do_nothing
    commit: Callable[[], dict[int, bytes]] = commit_nothing


class ResponseBatch:
    """The responses of one iteration of the event loop, of all connections."""

    def __init__(self, responder: ImmediateResponder) -> None:
        self.responder = responder
        self.waiting: list[tuple[asyncio.Transport, bytes, bytes, bytes]] = []

    def respond(self, scope: Scope) -> ImmediateResponse | None:
        """Build the response to a request if it needs no waiting. `add` it: what it confirms is not written yet."""
        self.responder.begin(len(self.waiting))
        try:
            return self.responder.respond(scope)
        finally:
            self.responder.pause()

    def add(
        self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, start: bytes, head: bytes, rest: bytes
    ) -> None:
        """Add a response, which is sent at the end of this iteration of the loop, or when the batch is full."""
        self.waiting.append((transport, start, head, rest))
        if len(self.waiting) >= MAX_BATCH:
            self.commit()
        elif len(self.waiting) == 1:
            loop.call_soon(self.commit)

    def commit(self) -> None:
        """Write what the responses confirm, then send them."""
        waiting, self.waiting = self.waiting, []
        if not waiting:
            return
        try:
            failed = self.responder.commit()
        except Exception:  # no client may read a confirmation of what was not written
            log.exception("What %d responses confirm could not be written", len(waiting))
            for transport, *_ in waiting:
                transport.abort()
            return
        for number, (transport, start, head, rest) in enumerate(waiting):
            if not transport.is_closing():
                transport.write(b"".join((start, head, failed.get(number, b""), rest)))
