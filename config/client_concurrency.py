"""How many requests Django handles at the same time, of one client and in all, so that nobody slows down the others.

Django handles every request on a thread of its own, and all threads share one interpreter: a few concurrent requests
that compute delay everybody else's. So at most MAX_AT_ONCE requests of a client run at the same time, and only one
after more than MANY_WAITING others have waited, until none of its requests is left: a browser loads its page in
parallel, a flood is handled one by one. Waiting requests occupy no thread; at most MAX_WAITING of a client wait. Of all
clients together at most MAX_IN_ALL requests run, first come, first served. What is more than that, or has waited
MAX_WAIT_SECONDS, gets 503 and Retry-After.

A request counts from the end of its body, so that slow uploads block nothing, to the end of its response, or to the
start of a streamed response (a file, live events). Clients are told apart by `rate_limit_key`. Requests without an
address, or with that of a trusted proxy that forwards none, may come from anybody: for them only MAX_IN_ALL holds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from accounts.security.client_ip import rate_limit_key
from config.refusals import send_refusal
from tracking.address import trusted_proxy

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_AT_ONCE = 3
MANY_WAITING = 10  # more than a browser has: six connections, of which MAX_AT_ONCE run
MAX_WAITING = 60
MAX_IN_ALL = 16
MAX_WAIT_SECONDS = 10.0
BUSY = "Too many requests from your address at the same time. Try again in some seconds."
ALL_BUSY = "Too many requests at the same time. Try again in some seconds."


class TooBusy(Exception):
    """A request was refused; the text says why."""


class Queue:
    """Requests that run, at most `limit` of them, and those that wait, in the order in which they came."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.running = 0
        self.waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        """Wait for the next turn. `leave` must follow, unless this raises."""
        if not self.waiting and self.running < self.limit:
            self.running += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self.add_waiting(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with contextlib.suppress(ValueError):  # passed over already
                    self.waiting.remove(turn)
                self._begin_next()
            else:  # the turn came at the same moment
                self.leave()
            raise

    def add_waiting(self, turn: asyncio.Future[None]) -> None:
        """Put a request at the end of the queue."""
        self.waiting.append(turn)

    def leave(self) -> None:
        """End a turn; the next begins."""
        self.running -= 1
        self._begin_next()

    def size(self) -> int:
        """How many requests run or wait."""
        return self.running + len(self.waiting)

    def _begin_next(self) -> None:
        while self.waiting and self.running < self.limit:
            turn = self.waiting.popleft()
            if not turn.done():
                self.running += 1
                turn.set_result(None)


class ClientQueue(Queue):
    """The requests of one client: of a flood only one runs at a time, until the queue is empty and forgotten."""

    def __init__(self) -> None:
        super().__init__(MAX_AT_ONCE)

    def add_waiting(self, turn: asyncio.Future[None]) -> None:
        super().add_waiting(turn)
        if len(self.waiting) > MANY_WAITING:
            self.limit = 1


class Queues:
    """The queue of every client that has a request under way, and behind them the one of all."""

    def __init__(self) -> None:
        self.by_client: dict[str, ClientQueue] = {}
        self.all = Queue(MAX_IN_ALL)

    async def enter(self, client: str) -> None:
        """Wait for the client's turn and then for the turn among all; `leave` must follow. Raises TooBusy.

        Without a client ("") only for the latter.
        """
        reason = BUSY
        try:
            async with asyncio.timeout(MAX_WAIT_SECONDS):
                if client:
                    await self._enter_client(client)
                reason = ALL_BUSY
                try:
                    await self.all.enter()
                except asyncio.CancelledError:
                    self._leave_client(client)
                    raise
        except TimeoutError:
            raise TooBusy(reason) from None

    def leave(self, client: str) -> None:
        """Let the next requests begin."""
        self.all.leave()
        self._leave_client(client)

    async def _enter_client(self, client: str) -> None:
        queue = self.by_client.setdefault(client, ClientQueue())
        if queue.size() >= MAX_AT_ONCE + MAX_WAITING:
            raise TooBusy(BUSY)
        try:
            await queue.enter()
        finally:
            self._forget_idle(client)

    def _leave_client(self, client: str) -> None:
        if client:
            self.by_client[client].leave()
            self._forget_idle(client)

    def _forget_idle(self, client: str) -> None:
        queue = self.by_client.get(client)
        if queue is not None and not queue.size():
            del self.by_client[client]


queues = Queues()


class LimitedRequest:
    """One request on its way through Django: it waits for its turn at the end of its body."""

    def __init__(self, client: str, receive: Receive, send: Send) -> None:
        self.client = client
        self.begun = False
        self._receive, self._send = receive, send
        self._first: Any = None

    async def read_first(self) -> None:
        """Read the first message. Most requests end with it and wait here, before Django does anything for them."""
        self._first = await self.receive()

    async def receive(self) -> Any:
        """The next message; the last of the body when it is this request's turn. Raises TooBusy."""
        if self._first is not None:
            message, self._first = self._first, None
            return message
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            await queues.enter(self.client)
            self.begun = True
        return message

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
    """Let `app` answer a request when it is its turn among those of its client and among all."""
    address = (scope.get("client") or ("",))[0]
    client = "" if not address or trusted_proxy(address) else rate_limit_key(address)
    request = LimitedRequest(client, receive, send)
    try:
        await request.read_first()
        await app(scope, request.receive, request.send)
    except TooBusy as error:
        await send_refusal(scope, send, 503, str(error))
    finally:
        request.end()
