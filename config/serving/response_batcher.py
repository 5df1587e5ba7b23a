"""Batches of responses: what they confirm is written once for all of them, then they are sent.

An iteration of the event loop often handles requests of many connections. Writing the events of each request by itself
would cost more than parsing it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from tracking.state.suspension import prepare_call
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


def never_suspends() -> bool:
    """Return False: nothing here has to wait for the state."""
    return False


@dataclass(frozen=True, kw_only=True)
class ImmediateResponder:
    """The functions that respond to requests which need no waiting, or only that for the state.

    `respond(scope)` returns status, header lines and body, or None. What it records may be collected between `begin`
    (called with the response's number) and `pause`. `commit` writes it, and returns a header line for each response
    whose part could not be written. Where `suspends()`, a call of `respond` is suspended while it waits for the state.
    """

    respond: Callable[[Scope], ImmediateResponse | None] = respond_never
    begin: Callable[[int], None] = do_nothing
    pause: Callable[[], None] = do_nothing
    commit: Callable[[], dict[int, bytes]] = commit_nothing
    suspends: Callable[[], bool] = never_suspends


class DelayedResponse:
    """A response whose hit waits for the state. `send` is called with it; with None if it failed."""

    def __init__(self, responder: ImmediateResponder, number: int, scope: Scope) -> None:
        self.responder, self.number = responder, number
        self.call = prepare_call(responder.respond, (scope,), self.resume)
        self.send: Callable[[int, ImmediateResponse | None], None] | None = None

    def proceed(self, answer: object = None) -> ImmediateResponse | None:
        """Run the call until it ends or is suspended; return the response, which only counts if it has ended."""
        self.responder.begin(self.number)
        try:
            response: ImmediateResponse | None = self.call.proceed(answer)
        finally:
            self.responder.pause()
        return response

    def resume(self, answer: object) -> None:
        """Proceed with the answer of the state, and send the response if that is the end."""
        response = None
        try:
            response = self.proceed(answer)
        except Exception:
            log.exception("A request failed after the state had answered")
        if self.call.has_ended and self.send is not None:
            self.send(self.number, response)


class FinishedResponse(NamedTuple):
    """A response that waits for the end of the batch. Without a transport there is nobody to read it."""

    number: int
    transport: asyncio.Transport | None
    status_line: bytes  # with the header lines of every response
    headers: bytes
    remainder: bytes  # further headers, and the body
    on_sent: Callable[[], None] | None


class ResponseBatch:
    """The responses of one iteration of the event loop, of all connections."""

    def __init__(self, responder: ImmediateResponder) -> None:
        self.responder = responder
        self.number = 0  # of the last request
        self.waiting: list[FinishedResponse] = []

    def respond(self, scope: Scope) -> ImmediateResponse | DelayedResponse | None:
        """Build the response to a request if it needs no waiting. `add` it: what it confirms is not written yet.

        A delayed one is passed to its `send` in a later iteration of the loop.
        """
        self.number += 1
        responder = self.responder
        if responder.suspends():
            delayed = DelayedResponse(responder, self.number, scope)
            response = delayed.proceed()
            return response if delayed.call.has_ended else delayed
        responder.begin(self.number)
        try:
            return responder.respond(scope)
        finally:
            responder.pause()

    def add(self, loop: asyncio.AbstractEventLoop, response: FinishedResponse) -> None:
        """Add a response, which is sent at the end of this iteration of the loop, or when the batch is full."""
        self.waiting.append(response)
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
            for _, transport, *_ in waiting:
                if transport is not None:
                    transport.abort()
            return
        for number, transport, status_line, headers, remainder, on_sent in waiting:
            if transport is not None and not transport.is_closing():
                transport.write(b"".join((status_line, headers, failed.get(number, b""), remainder)))
            if on_sent is not None:
                on_sent()
