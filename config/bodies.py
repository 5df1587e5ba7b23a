"""Limits of request bodies in front of Django, which would read any body whole before a view may refuse it.

A body is counted while it is read: one that is too large gets 413 and is not kept, and when all bodies that are being
read or worked on take too much memory together, or too much of one client, the next ones get 503.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings

from accounts.security.client_ip import rate_limit_key
from config.http_limits import LINGER_SECONDS, MAX_DISCARDED_BYTES
from config.refusals import TOO_LARGE, send_refusal

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

IMPORTS = frozenset({"/links/import"})  # addresses that take a file; their bodies may have MAX_IMPORT_BYTES
SMALL_BYTES = 64 * 1024  # what every body may have, however much memory the others take: log-ins go on
MAX_ALL_BYTES = 64 * 1024 * 1024  # of all bodies together, beyond SMALL_BYTES each
MAX_CLIENT_BYTES = 16 * 1024 * 1024  # of the bodies of one client
BUSY = "Too many large requests at the same time. Try again in some seconds."
DISCONNECT = {"type": "http.disconnect"}


class BodyMemory:
    """The bytes that bodies take in this process, all together and by client."""

    def __init__(self) -> None:
        self.total = 0
        self.by_client: Counter[str] = Counter()

    def take(self, client: str, size: int) -> bool:
        """Whether there is room for `size` more bytes of this client, which are then counted."""
        if self.total + size > MAX_ALL_BYTES or self.by_client[client] + size > MAX_CLIENT_BYTES:
            return False
        self.total += size
        self.by_client[client] += size
        return True

    def give_back(self, client: str, size: int) -> None:
        """The request that held these bytes is answered."""
        self.total -= size
        self.by_client[client] -= size
        if not self.by_client[client]:
            del self.by_client[client]


memory = BodyMemory()


def body_limit(path: str) -> int:
    """The bytes that a body for this address may have."""
    return int(settings.MAX_IMPORT_BYTES if path in IMPORTS else settings.MAX_BODY_BYTES)


def declared_length(scope: Scope) -> int:
    """What Content-Length says; 0 without one."""
    found = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(found) if found.isdigit() else 0


class CountedBody:
    """The body of one request while it is read. `refused` is the status that it must be answered with, or 0."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self.limit = body_limit(scope["path"])
        self.client = rate_limit_key((scope.get("client") or ("",))[0])
        self.size = self.taken = self.refused = 0
        self.answering = False

    async def receive(self) -> Any:
        """The next piece. A refused body ends as if the client had left: nobody works on it."""
        if self.refused:
            return DISCONNECT
        message = await self._receive()
        if message["type"] == "http.request":
            self.count(len(message.get("body", b"")))
        return DISCONNECT if self.refused else message

    async def send(self, message: Any) -> None:
        """Pass the answer on."""
        self.answering = True
        await self._send(message)

    def count(self, size: int) -> None:
        """Count a piece; refuse the body when it is too large or there is no room."""
        self.size += size
        more = max(0, self.size - SMALL_BYTES) - self.taken
        if self.size > self.limit:
            self.refused = 413
        elif more and not memory.take(self.client, more):
            self.refused = 503
        else:
            self.taken += more

    def release(self) -> None:
        """The request is answered: its memory is free."""
        if self.taken:
            memory.give_back(self.client, self.taken)
            self.taken = 0


async def limited(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Let `app` answer a request whose body is neither too large nor one too many."""
    body = CountedBody(scope, receive, send)
    if declared_length(scope) > body.limit:
        await refuse(scope, receive, send, 413)
        return
    try:
        await app(scope, body.receive, body.send)
    finally:
        body.release()
    if body.refused and not body.answering:
        await refuse(scope, receive, send, body.refused)


async def refuse(scope: Scope, receive: Receive, send: Send, status: int) -> None:
    """Answer with an error and close. What the client still sends is thrown away for a moment: it may read then."""
    sentence = f"{TOO_LARGE} At most {body_limit(scope['path']) / 2**20:g} MB are read here." if status == 413 else BUSY
    await send_refusal(scope, send, status, sentence, more_body=True)
    await discard_rest(receive)
    await send({"type": "http.response.body", "body": b""})


async def discard_rest(receive: Receive) -> None:
    """Throw away what the client sends until it stops, for a bounded time and size."""
    size, more = 0, True
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while more and size <= MAX_DISCARDED_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                more = message.get("more_body", False)
