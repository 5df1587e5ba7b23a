"""A limit on how many requests of one client Django works on at the same time, so that no client slows the others.

Django answers every request on a thread of its own, and all threads share one interpreter: with dozens of requests of
one client under way, everybody else's request waits for each of them. So a client has MAX_AT_ONCE requests under way;
MAX_WAITING more wait for their turn, first in, first out, without a thread. One beyond that, or one that waited
MAX_WAIT_SECONDS, is answered with 503 and Retry-After.

A request counts from the end of its body, so a slow upload keeps nobody waiting, to the end of its response; one that
is streamed (a file, live events) only until its response starts, since its reader decides how long it takes. Clients
are told apart by `rate_limit_key`. Requests without an address, or with that of a trusted proxy that forwards none, may
come from anybody and are not limited.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from accounts.security.client_ip import rate_limit_key
from config.refusals import send_refusal
from tracking.address import trusted_proxy

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_AT_ONCE = 3  # in a flood of log-ins others' hits took 2.1 times as long as in quiet; with 4 of them 3.1 times
MAX_WAITING = 60
MAX_WAIT_SECONDS = 10.0
BUSY = "Too many requests from your address at the same time. Try again in some seconds."
DISCONNECT = {"type": "http.disconnect"}


class ClientQueue:
    """The requests of one client that are under way or wait."""

    def __init__(self) -> None:
        self.turns = asyncio.Semaphore(MAX_AT_ONCE)
        self.size = 0


class ClientQueues:
    """The queues of all clients that have a request under way."""

    def __init__(self) -> None:
        self.by_client: dict[str, ClientQueue] = {}

    async def enter(self, client: str) -> bool:
        """Wait for the client's turn; whether it came. If so, `leave` must follow."""
        queue = self.by_client.setdefault(client, ClientQueue())
        if queue.size >= MAX_AT_ONCE + MAX_WAITING:
            return False
        queue.size += 1
        entered = False
        try:
            async with asyncio.timeout(MAX_WAIT_SECONDS):
                entered = await queue.turns.acquire()
        except TimeoutError:
            return False
        finally:
            if not entered:
                self._shrink(client, queue)
        return True

    def leave(self, client: str) -> None:
        """Let the client's next request begin."""
        queue = self.by_client[client]
        queue.turns.release()
        self._shrink(client, queue)

    def _shrink(self, client: str, queue: ClientQueue) -> None:
        queue.size -= 1
        if not queue.size:
            del self.by_client[client]


queues = ClientQueues()


class LimitedRequest:
    """One request on its way through Django: it waits for its turn at the end of its body."""

    def __init__(self, client: str, receive: Receive, send: Send) -> None:
        self.client = client
        self._receive, self._send = receive, send
        self.begun = self.refused = False

    async def receive(self) -> Any:
        """The next message; the last of the body when it is this request's turn. Refused, it ends as by disconnect."""
        message = DISCONNECT if self.refused else await self._receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            self.begun = await queues.enter(self.client)
            self.refused = not self.begun
        return DISCONNECT if self.refused else message

    async def send(self, message: Any) -> None:
        """Pass the response on."""
        if message["type"] == "http.response.start" and is_streamed(message["headers"]):
            self.end()
        await self._send(message)

    def end(self) -> None:
        """Let the client's next request begin, unless that has been done."""
        if self.begun:
            self.begun = False
            queues.leave(self.client)


def is_streamed(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether a response is sent piece by piece: Django knows the length of every other."""
    return not any(name.lower() == b"content-length" for name, _ in headers)


async def limited(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Let `app` answer a request when it is its turn among those of its client."""
    address = (scope.get("client") or ("",))[0]
    if not address or trusted_proxy(address):
        await app(scope, receive, send)
        return
    request = LimitedRequest(rate_limit_key(address), receive, send)
    try:
        await app(scope, request.receive, request.send)
    finally:
        request.end()
    if request.refused:
        await send_refusal(scope, send, 503, BUSY)
