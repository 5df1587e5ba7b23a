"""Requests to the whole application (`config.asgi`), hot endpoints and Django alike, without a server.

`request` and `browser_request` are for ordinary tests: they keep the test's own database connection. `send` and
`connected` run inside an event loop, as many at once as a test wants; each request has a thread of its own, as under
the server, so they need a real database (`transactional_db`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

from asgiref.sync import async_to_sync
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection

from accounts.models import User
from config.asgi import application
from tests.support.hits import BROWSER, CHROME
from tests.support.milliseconds import own_millisecond
from tests.support.traffic import log_in
from tracking.web import Message, Scope

CSRF_TOKEN = "a" * 32
CLIENT = "198.51.100.7"


@dataclass
class Answer:
    """One response. `headers` by lower-case name; of several alike the last one. `cookies` are those that it sets."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def text(self) -> str:
        return self.body.decode()

    async def add(self, message: Message) -> None:
        """Take one message of the application, as its `send`."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode().lower(): value.decode("latin-1") for name, value in message["headers"]}
            for name, value in message["headers"]:
                if name.lower() == b"set-cookie":
                    self.cookies |= {key: one.value for key, one in SimpleCookie(value.decode("latin-1")).items()}
        else:
            self.body += message.get("body", b"")


def make_scope(method: str, path: str, headers: dict[str, str], *, client: str = CLIENT, query: bytes = b"") -> Scope:
    """The ASGI scope of a request. `path` may have a query; headers without a value are left out."""
    path, _, written = path.partition("?")
    named = {"host": "testserver", **headers}
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query or written.encode(), "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in named.items() if value],
        "client": (client, 4711), "server": ("testserver", 80),
    }  # fmt: skip


async def exchange(scope: Scope, body: bytes) -> Answer:
    """Send a request in one piece; the client stays connected until the response has ended."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]
    answer = Answer()

    async def receive() -> Message:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop()

    async with asyncio.timeout(60):
        await application(scope, receive, answer.add)
    return answer


# -- inside the test's transaction --------------------------------------------------------------------------------


@contextmanager
def one_connection() -> Iterator[None]:
    """Keep the test's database connection open over a request, as Django's test client does."""
    signals = [one for one in (request_started, request_finished) if one.disconnect(close_old_connections)]
    try:
        yield
    finally:
        for signal in signals:
            signal.connect(close_old_connections)


def request(
    path: str, method: str = "GET", headers: dict[str, str] | None = None, *, client: str = CLIENT,
    body: bytes = b"", query: bytes = b"",
) -> Answer:  # fmt: skip
    """Send one request with these headers alone."""
    named = {"content-length": str(len(body)), **(headers or {})}
    with one_connection(), own_millisecond():
        return async_to_sync(exchange)(make_scope(method, path, named, client=client, query=query), body)


def browser_request(path: str, *, host: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
    """Send one request to a host with a browser's headers. `headers` have `_` for `-`."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    named = {"host": host, "user-agent": CHROME, **BROWSER, "accept-encoding": "identity", **more}
    return request(path, method, named, client="203.0.113.7", body=body)


# -- inside an event loop -----------------------------------------------------------------------------------------


async def send(
    method: str,
    path: str,
    form: dict[str, str] | None = None,
    *,
    address: str = "198.51.100.1",
    cookie: str = "",
    key: str = "",
) -> Answer:
    """Send one request, a form with its CSRF token."""
    body = urlencode({**form, "csrfmiddlewaretoken": CSRF_TOKEN}).encode() if form is not None else b""
    headers = {"cookie": "; ".join(filter(None, (f"csrftoken={CSRF_TOKEN}", cookie))), "x-csrftoken": CSRF_TOKEN}
    if key:
        headers["x-api-key"] = key
    if body:
        headers |= {"content-type": "application/x-www-form-urlencoded", "content-length": str(len(body))}
    return await exchange(make_scope(method, path, headers, client=address), body)


class Connection:
    """A response that is read piece by piece while it is sent."""

    def __init__(self) -> None:
        self.answer = Answer()
        self.pieces: asyncio.Queue[bytes | None] = asyncio.Queue()  # None: the response has ended
        self.started = asyncio.Event()
        self.closed = asyncio.Event()
        self.request_read = False

    async def receive(self) -> Message:
        if not self.request_read:
            self.request_read = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.closed.wait()
        return {"type": "http.disconnect"}

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self.answer.add(message)
            self.started.set()
            return
        if message.get("body"):
            self.pieces.put_nowait(message["body"])
        if not message.get("more_body"):
            self.pieces.put_nowait(None)

    async def piece(self, containing: bytes = b"", seconds: float = 20) -> bytes | None:
        """The next piece that contains these bytes; None when the response ended before it came."""
        async with asyncio.timeout(seconds):
            while (piece := await self.pieces.get()) is not None:
                if containing in piece:
                    return piece
            return None


@asynccontextmanager
async def connected(path: str, *, cookie: str = "", address: str = "198.51.100.1") -> AsyncIterator[Connection]:
    """A GET whose response stays open inside the block; at its end the browser disconnects."""
    connection = Connection()
    scope = make_scope("GET", path, {"cookie": cookie}, client=address)
    task = asyncio.create_task(application(scope, connection.receive, connection.take))
    try:
        await asyncio.wait({task, asyncio.create_task(connection.started.wait())}, return_when=asyncio.FIRST_COMPLETED)
        yield connection
    finally:
        connection.closed.set()
        await asyncio.wait_for(task, 10)


async def database(function: Callable[..., Any], *args: Any) -> Any:
    """What the function gives, on a thread that keeps no connection."""

    def done() -> Any:
        try:
            return function(*args)
        finally:
            connection.close()

    return await asyncio.to_thread(done)


async def cookie(user: User) -> str:
    """The cookie of a new log-in."""
    client = await database(log_in, user)
    return f"sessionid={client.cookies['sessionid'].value}"
