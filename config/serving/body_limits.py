"""Limits on request bodies in front of Django, which reads a complete body before a view can reject it.

A body is counted while it is read. One that is too large gets 413. If the bodies in memory, of all clients or of one,
are too large in total, further ones get 503.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter

from django.conf import settings

from accounts.security.client_ip import get_rate_limit_key
from config.serving.error_responses import TOO_LARGE_MESSAGE, send_error_response
from config.serving.http_limits import MAX_DISCARDED_BYTES, MAX_LINGER_SECONDS
from tracking.web import Application, Message, Receive, Scope, Send

IMPORT_PATHS = frozenset({"/links/import"})  # paths whose bodies may have MAX_IMPORT_BYTES
UNCOUNTED_BYTES = 64 * 1024  # of every body, which are not limited in total, so that small forms always work
MAX_TOTAL_BYTES = 64 * 1024 * 1024  # of all bodies, without UNCOUNTED_BYTES of each
MAX_CLIENT_BYTES = 16 * 1024 * 1024  # of the bodies of one client
BUSY_MESSAGE = "Too many large requests at the same time. Try again in some seconds."
DISCONNECT_MESSAGE: Message = {"type": "http.disconnect"}


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


body_memory = BodyMemory()


def get_body_limit(path: str) -> int:
    """Return the maximum size of a body for this path, in bytes."""
    return int(settings.MAX_IMPORT_BYTES if path in IMPORT_PATHS else settings.MAX_BODY_BYTES)


def parse_content_length(scope: Scope) -> int:
    """Parse Content-Length; returns 0 without one."""
    value = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(value) if value.isdigit() else 0


class CountedBody:
    """The body of one request while it is read. `error_status` is that of the error to respond with, or 0."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self.limit = get_body_limit(scope["path"])
        self.client = get_rate_limit_key((scope.get("client") or ("",))[0])
        self.size = self.reserved = self.error_status = 0
        self.response_started = False

    async def receive(self) -> Message:
        """Receive the next piece. A rejected body ends like a disconnect, so that the application stops."""
        if self.error_status:
            return DISCONNECT_MESSAGE
        message = await self._receive()
        if message["type"] == "http.request":
            self.count(len(message.get("body", b"")))
        return DISCONNECT_MESSAGE if self.error_status else message

    async def send(self, message: Message) -> None:
        """Pass the response on."""
        self.response_started = True
        await self._send(message)

    def count(self, size: int) -> None:
        """Count a piece; reject the body if it is too large or exceeds the memory for bodies."""
        self.size += size
        more = max(0, self.size - UNCOUNTED_BYTES) - self.reserved
        if self.size > self.limit:
            self.error_status = 413
        elif more and not body_memory.reserve(self.client, more):
            self.error_status = 503
        else:
            self.reserved += more

    def release(self) -> None:
        """Release the memory of the body after the response."""
        if self.reserved:
            body_memory.release(self.client, self.reserved)
            self.reserved = 0


async def limit_body(app: Application, scope: Scope, receive: Receive, send: Send) -> None:
    """Let `app` respond, with a limit on the request's body."""
    body = CountedBody(scope, receive, send)
    if parse_content_length(scope) > body.limit:
        await send_error(scope, receive, send, 413)
        return
    try:
        await app(scope, body.receive, body.send)
    finally:
        body.release()
    if body.error_status and not body.response_started:
        await send_error(scope, receive, send, body.error_status)


async def send_error(scope: Scope, receive: Receive, send: Send, status: int) -> None:
    """Respond with an error and close.

    What the client still sends is discarded for a moment, because many clients read the response only afterwards.
    """
    sentence = (
        f"{TOO_LARGE_MESSAGE} At most {get_body_limit(scope['path']) / 2**20:g} MB are read here."
        if status == 413
        else BUSY_MESSAGE
    )
    await send_error_response(scope, send, status, sentence, more_body=True)
    await discard_rest(receive)
    await send({"type": "http.response.body", "body": b""})


async def discard_rest(receive: Receive) -> None:
    """Discard what the client sends until it stops, for a bounded time and size."""
    size, more = 0, True
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(MAX_LINGER_SECONDS):
            while more and size <= MAX_DISCARDED_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                more = message.get("more_body", False)
