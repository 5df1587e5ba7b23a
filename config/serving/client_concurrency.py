"""How many requests Django handles at the same time, of one client and in all, so that nobody slows down the others.

Django handles every request on a thread of its own, and all threads share one interpreter: a few concurrent requests
that compute delay everybody else's. So at most MAX_AT_ONCE requests of a client run at the same time, and only one
after more than MAX_WAITING_BEFORE_FLOOD others have waited, until none of its requests is left: a browser loads its
page in parallel, a flood is handled one by one. Waiting requests occupy no thread; at most MAX_WAITING of a client
wait. Of all clients at most MAX_RUNNING requests run, which accounts and clients take in turn (`fair_places`); of those
with the same key, half as many, from however many addresses. A request whose query waits for its account's budget
counts as running. A request beyond these limits, or one that has waited MAX_WAIT_SECONDS, gets 503 and Retry-After.

A request counts from the end of its body, so that slow uploads block nothing, to the end of its response, or to the
start of a streamed response (a file, live events). Clients are distinguished by `get_rate_limit_key`. Requests without
an address, or with that of a trusted proxy that forwards none, may come from anybody: for them only MAX_RUNNING holds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import TypeVar

from accounts.security.client_ip import get_rate_limit_key, is_trusted_proxy
from config.serving import senders
from config.serving.error_responses import send_error_response
from config.serving.fair_places import FairPlaces
from tracking.web import Application, Message, Receive, Scope, Send

MAX_AT_ONCE = 3
MAX_WAITING_BEFORE_FLOOD = 10  # more than a browser has: six connections, of which MAX_AT_ONCE run
MAX_WAITING = 60
MAX_RUNNING = 16
MAX_RUNNING_BY_KEY = MAX_RUNNING // 2
MAX_WAIT_SECONDS = 10.0
CLIENT_BUSY_MESSAGE = "Too many requests from your address at the same time. Try again in some seconds."
KEY_BUSY_MESSAGE = "Too many requests with your key at the same time. Try again in some seconds."
BUSY_MESSAGE = "Too many requests at the same time. Try again in some seconds."


N = TypeVar("N", str, bytes)


class TooBusy(Exception):
    """A request was rejected. The message is shown to the user."""


class RequestQueue:
    """Requests that run, at most `limit` of them, and those that wait, in the order in which they came."""

    def __init__(self, limit: int) -> None:
        self.limit = self.limit_at_first = limit
        self.running = 0
        self.waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        """Wait until the request may run. `leave` must follow, unless this raises."""
        if not self.waiting and self.running < self.limit:
            self.running += 1
            return
        waiter = asyncio.get_running_loop().create_future()
        self.add_waiting(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                with contextlib.suppress(ValueError):  # skipped already
                    self.waiting.remove(waiter)
                self._begin_next()
            else:  # it was started at the same moment
                self.leave()
            raise

    def add_waiting(self, waiter: asyncio.Future[None]) -> None:
        """Put a request at the end of the queue."""
        self.waiting.append(waiter)

    def leave(self) -> None:
        """End a request and start the next one."""
        self.running -= 1
        self._begin_next()

    def count_requests(self) -> int:
        """Count the requests that run or wait."""
        return self.running + len(self.waiting)

    def _begin_next(self) -> None:
        while self.waiting and self.running < self.limit:
            waiter = self.waiting.popleft()
            if not waiter.done():
                self.running += 1
                waiter.set_result(None)


class ClientQueue(RequestQueue):
    """The requests of one client: of a flood only one runs at a time, until the queue is empty and forgotten."""

    def __init__(self) -> None:
        super().__init__(MAX_AT_ONCE)

    def add_waiting(self, waiter: asyncio.Future[None]) -> None:
        super().add_waiting(waiter)
        if len(self.waiting) > MAX_WAITING_BEFORE_FLOOD:
            self.limit = 1


class KeyQueue(RequestQueue):
    """The requests with one key of an API."""

    def __init__(self) -> None:
        super().__init__(MAX_RUNNING_BY_KEY)


class RequestQueues:
    """The queues of every client and every key that have open requests, and behind them the places of all."""

    def __init__(self) -> None:
        self.by_client: dict[str, RequestQueue] = {}
        self.by_key: dict[bytes, RequestQueue] = {}
        self.all = FairPlaces(MAX_RUNNING)

    async def enter(self, client: str, key: bytes, find_sender: Callable[[], str]) -> str:
        """Wait in the client's queue, then in that of the key, then for the sender's turn. Returns the sender, with
        which `leave` must follow. Raises TooBusy.

        Without a client ("") or key (b"") do not wait in its queue. The sender is looked up after these queues:
        meanwhile the answer to an earlier request may have said whose key or session it is.
        """
        reason = CLIENT_BUSY_MESSAGE
        try:
            async with asyncio.timeout(MAX_WAIT_SECONDS), AsyncExitStack() as entered:
                if client:
                    await enter_queue(self.by_client, client, ClientQueue, CLIENT_BUSY_MESSAGE)
                    entered.callback(leave_queue, self.by_client, client)
                reason = KEY_BUSY_MESSAGE
                if key:
                    await enter_queue(self.by_key, key, KeyQueue, KEY_BUSY_MESSAGE)
                    entered.callback(leave_queue, self.by_key, key)
                reason = BUSY_MESSAGE
                sender = find_sender()
                await self.all.enter(sender)
                entered.pop_all()
                return sender
        except TimeoutError:
            raise TooBusy(reason) from None

    def leave(self, client: str, key: bytes, sender: str) -> None:
        """End a request and start the next ones."""
        self.all.leave(sender)
        if key:
            leave_queue(self.by_key, key)
        if client:
            leave_queue(self.by_client, client)


async def enter_queue(queues: dict[N, RequestQueue], name: N, make: Callable[[], RequestQueue], reason: str) -> None:
    """Wait in the queue of this name, which is made if there is none. Raises TooBusy if too many wait."""
    queue = queues.get(name) or queues.setdefault(name, make())
    if queue.count_requests() >= queue.limit_at_first + MAX_WAITING:
        raise TooBusy(reason)
    try:
        await queue.enter()
    finally:
        forget_idle(queues, name)


def leave_queue(queues: dict[N, RequestQueue], name: N) -> None:
    """End a request in the queue of this name."""
    queues[name].leave()
    forget_idle(queues, name)


def forget_idle(queues: dict[N, RequestQueue], name: N) -> None:
    """Delete the queue of this name if it has no request."""
    queue = queues.get(name)
    if queue is not None and not queue.count_requests():
        del queues[name]


queues = RequestQueues()


class LimitedRequest:
    """One request to Django, which waits at the end of its body until it may run."""

    def __init__(self, client: str, scope: Scope, receive: Receive, send: Send) -> None:
        self.client, self.key, self.scope = client, senders.find_key(scope), scope
        self.begun, self.sender = False, ""
        self._receive, self._send = receive, send
        self._first: Message | None = None

    async def read_first(self) -> None:
        """Read the first message. Most requests end with it and wait here, before Django does anything for them."""
        self._first = await self.receive()

    async def receive(self) -> Message:
        """Receive the next message; the last of the body once the request may run. Raises TooBusy."""
        if self._first is not None:
            message, self._first = self._first, None
            return message
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            self.sender = await queues.enter(
                self.client, self.key, partial(senders.find_sender, self.scope, self.client)
            )
            self.begun = True
        return message

    async def send(self, message: Message) -> None:
        """Pass the response on."""
        if message["type"] == "http.response.start" and is_streamed(message["headers"]):
            self.end()
        await self._send(message)

    def end(self) -> None:
        """Let the next requests start, unless that has been done."""
        if self.begun:
            self.begun = False
            queues.leave(self.client, self.key, self.sender)


def is_streamed(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether a response is sent piece by piece: Django knows the length of every other."""
    return not any(name.lower() == b"content-length" for name, _ in headers)


async def limit_concurrency(app: Application, scope: Scope, receive: Receive, send: Send) -> None:
    """Let `app` respond, within the limits of concurrent requests per client and in all."""
    address = (scope.get("client") or ("",))[0]
    client = "" if not address or is_trusted_proxy(address) else get_rate_limit_key(address)
    request = LimitedRequest(client, scope, receive, send)
    try:
        await request.read_first()
        await app(scope, request.receive, request.send)
    except TooBusy as error:
        await send_error_response(scope, send, 503, str(error))
    finally:
        request.end()
