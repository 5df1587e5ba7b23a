"""Limits on request bodies in front of Django, which reads a whole body before a view can refuse it.

A body is counted while it is read. One that is too large gets 413. If all bodies in memory are too large together, or
those of one client, further ones get 503.
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

IMPORT_PATHS = frozenset({"/links/import"})  # paths whose bodies may have MAX_IMPORT_BYTES
UNCOUNTED_BYTES = 64 * 1024  # of every body, which need no free memory, so that small forms always work
MAX_TOTAL_BYTES = 64 * 1024 * 1024  # of all bodies together, beyond UNCOUNTED_BYTES each
MAX_CLIENT_BYTES = 16 * 1024 * 1024  # of the bodies of one client
BUSY = "Too many large requests at the same time. Try again in some seconds."
DISCONNECT = {"type": "http.disconnect"}


class BodyMemory:
    """The bytes of request bodies in the memory of this process, in total and by client."""

    def __init__(self) -> None:
        self.total = 0
        self.by_client: Counter[str] = Counter()

    def reserve(self, client: str, size: int) -> bool:
        """Reserve `size` bytes for a client; returns False if that would exceed a limit."""
        if self.total + size > MAX_TOTAL_BYTES or self.by_client[client] + size > MAX_CLIENT_BYTES:
            return False
        self.total += size
        self.by_client[client] += size
        return True

    def release(self, client: str, size: int) -> None:
        """Release reserved bytes."""
        self.total -= size
        self.by_client[client] -= size
        if not self.by_client[client]:
            del self.by_client[client]


memory = BodyMemory()


def body_limit(path: str) -> int:
    """The maximum size of a body for this path, in bytes."""
    return int(settings.MAX_IMPORT_BYTES if path in IMPORT_PATHS else settings.MAX_BODY_BYTES)


def declared_length(scope: Scope) -> int:
    """The value of Content-Length; 0 without one."""
    found = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(found) if found.isdigit() else 0


class CountedBody:
    """The body of one request while it is read. `refused` is the status of the error to answer with, or 0."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self.limit = body_limit(scope["path"])
        self.client = rate_limit_key((scope.get("client") or ("",))[0])
        self.size = self.reserved = self.refused = 0
        self.answering = False

    async def receive(self) -> Any:
        """The next piece. A refused body ends like a disconnect, so that the application stops."""
        if self.refused:
            return DISCONNECT
        message = await self._receive()
        if message["type"] == "http.request":
            self.count(len(message.get("body", b"")))
        return DISCONNECT if self.refused else message

    async def send(self, message: Any) -> None:
        """Pass the response on."""
        self.answering = True
        await self._send(message)

    def count(self, size: int) -> None:
        """Count a piece; refuse the body if it is too large or exceeds the memory for bodies."""
        self.size += size
        more = max(0, self.size - UNCOUNTED_BYTES) - self.reserved
        if self.size > self.limit:
            self.refused = 413
        elif more and not memory.reserve(self.client, more):
            self.refused = 503
        else:
            self.reserved += more

    def release(self) -> None:
        """Release the memory of the body after the response."""
        if self.reserved:
            memory.release(self.client, self.reserved)
            self.reserved = 0


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
