"""Requests to the whole ASGI application inside this process, as many at once as a test wants.

Every request runs on a thread of its own, as under the server, so the test needs a real database (`transactional_db`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

CSRF = "a" * 32
Made = dict[str, Any]


@dataclass
class Answer:
    """One response. `headers` by lower-case name; of several alike the last one."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def text(self) -> str:
        return self.body.decode()


def scope(method: str, path: str, address: str, headers: dict[str, str]) -> Made:
    """The ASGI scope of a request from `address`."""
    path, _, query = path.partition("?")
    sent = {"host": "testserver", **headers}
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "client": (address, 4711), "server": ("testserver", 80),
    }  # fmt: skip


async def send(
    method: str, path: str, form: dict[str, str] | None = None, *, address: str = "198.51.100.1", cookie: str = ""
) -> Answer:
    """One request and its whole answer. It carries a CSRF token."""
    from config.asgi import application

    body = urlencode({**form, "csrfmiddlewaretoken": CSRF}).encode() if form is not None else b""
    headers = {"cookie": "; ".join(filter(None, (f"csrftoken={CSRF}", cookie))), "x-csrftoken": CSRF}
    if body:
        headers |= {"content-type": "application/x-www-form-urlencoded", "content-length": str(len(body))}
    answer = Answer()
    await application(scope(method, path, address, headers), _receiver(body), _sender(answer))
    return answer


def _receiver(body: bytes) -> Callable[[], Awaitable[Made]]:
    """Gives the body, then waits as a browser does that keeps its connection."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Made:
        if messages:
            return messages.pop()
        await asyncio.Event().wait()
        raise AssertionError("nothing comes after the body")

    return receive


def _sender(answer: Answer) -> Callable[[Made], Awaitable[None]]:
    async def send(message: Made) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    return send


class Connection:
    """A response that is read piece by piece while it is sent."""

    def __init__(self) -> None:
        self.answer = Answer()
        self.pieces: asyncio.Queue[bytes | None] = asyncio.Queue()  # None: the response has ended
        self.started = asyncio.Event()
        self.gone = asyncio.Event()

    async def receive(self) -> Made:
        if not hasattr(self, "asked"):
            self.asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def take(self, message: Made) -> None:
        if message["type"] == "http.response.start":
            await _sender(self.answer)(message)
            self.started.set()
            return
        if message.get("body"):
            self.pieces.put_nowait(message["body"])
        if not message.get("more_body"):
            self.pieces.put_nowait(None)

    async def piece(self, containing: bytes = b"", seconds: float = 20) -> bytes | None:
        """The next piece that holds these bytes; None when the response ended before it came."""
        async with asyncio.timeout(seconds):
            while (found := await self.pieces.get()) is not None:
                if containing in found:
                    return found
            return None


@asynccontextmanager
async def connected(path: str, *, cookie: str = "", address: str = "198.51.100.1") -> AsyncIterator[Connection]:
    """A GET whose response is open inside the block; at its end the browser disconnects."""
    from config.asgi import application

    made = Connection()
    request = scope("GET", path, address, {"cookie": cookie})
    task = asyncio.create_task(application(request, made.receive, made.take))
    try:
        await asyncio.wait({task, asyncio.create_task(made.started.wait())}, return_when=asyncio.FIRST_COMPLETED)
        yield made
    finally:
        made.gone.set()
        await asyncio.wait_for(task, 10)
