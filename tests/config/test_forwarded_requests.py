"""A worker forwards requests to the store's process: the application sees the client's request as it is."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from config.serving.forwarded_requests import Forwarder, StoreProcessAway, listen_for_requests
from tracking.web import Application, Message, Receive, Scope, Send

SCOPE: Scope = {
    "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "https",
    "path": "/ä", "raw_path": b"/%C3%A4", "query_string": b"a=1", "root_path": "", "server": ("127.0.0.1", 8000),
    "headers": [(b"host", b"a.example"), (b"cookie", b"a=\xe4"), (b"cookie", b"b=2")], "client": ("203.0.113.7", 4711),
    "state": {"not": object()},
}  # fmt: skip


class Client:
    """A client that has sent `body` in pieces, and leaves after that if it `leaves`."""

    def __init__(self, *body: bytes, leaves: bool = False) -> None:
        self.pieces, self.leaves = list(body) or [b""], leaves
        self.received = 0
        self.sent: list[Message] = []
        self.changed = asyncio.Event()

    async def receive(self) -> Message:
        if not self.pieces:
            if not self.leaves:
                await asyncio.Event().wait()
            return {"type": "http.disconnect"}
        self.received += 1
        return {"type": "http.request", "body": self.pieces.pop(0), "more_body": bool(self.pieces)}

    async def send(self, message: Message) -> None:
        self.sent.append(message)
        self.changed.set()

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


async def respond(send: Send, *pieces: bytes, content_type: bytes = b"text/plain") -> None:
    await send({"type": "http.response.start", "status": 201, "headers": [(b"Content-Type", content_type)]})
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def run(app: Application, talk: Callable[[Forwarder, asyncio.Server], Awaitable[Any]]) -> Any:
    """Run `talk` with a forwarder to the application."""

    async def main() -> Any:
        with tempfile.TemporaryDirectory() as folder:
            server = await listen_for_requests(app, Path(folder) / "requests.sock")
            try:
                return await asyncio.wait_for(talk(Forwarder(Path(folder) / "requests.sock"), server), 20)
            finally:
                server.close()

    return asyncio.run(main())


def test_the_application_sees_the_request_and_the_client_its_response() -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"] + b"|", message["more_body"]
        await respond(send, body, b"x" * 1_000_000)

    async def talk(forwarder: Forwarder, _: asyncio.Server) -> Client:
        client = Client(b"one", b"t" * 300_000, b"three")
        await forwarder.forward(SCOPE, client.receive, client.send)
        return client

    client = run(app, talk)
    assert {name: seen[0][name] for name in SCOPE if name != "state"} == {
        name: SCOPE[name] for name in SCOPE if name != "state"
    }
    assert client.sent[0]["status"] == 201 and client.sent[0]["headers"] == [(b"Content-Type", b"text/plain")]
    assert client.body == b"one|" + b"t" * 300_000 + b"|three|" + b"x" * 1_000_000


def test_a_body_that_the_application_does_not_read_is_not_asked_for() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, b"no")

    async def talk(forwarder: Forwarder, _: asyncio.Server) -> Client:
        client = Client(b"large")
        await forwarder.forward(SCOPE, client.receive, client.send)
        return client

    client = run(app, talk)
    assert client.body == b"no" and client.received == 0


def test_the_application_hears_that_the_client_has_left() -> None:
    heard: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(2):
            heard.append((await receive())["type"])
        await respond(send)

    async def talk(forwarder: Forwarder, _: asyncio.Server) -> None:
        client = Client(leaves=True)
        await forwarder.forward(SCOPE, client.receive, client.send)

    run(app, talk)
    assert heard == ["http.request", "http.disconnect"]


def test_a_stream_arrives_piece_by_piece_and_ends_when_the_worker_ends() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass

    async def talk(forwarder: Forwarder, _: asyncio.Server) -> Client:
        client = Client()
        running = asyncio.create_task(forwarder.forward(SCOPE, client.receive, client.send))
        while len(client.sent) < 2:
            client.changed.clear()
            await client.changed.wait()
        assert client.body == b"first" and not running.done()
        forwarder.end_streams()
        await running
        return client

    assert run(app, talk).sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


@pytest.mark.parametrize("is_started", [False, True])
def test_a_failure_of_the_store_s_process_never_looks_like_a_complete_response(is_started: bool) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if is_started:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ConnectionResetError

    async def talk(forwarder: Forwarder, _: asyncio.Server) -> Client:
        client = Client()
        if is_started:
            with pytest.raises(StoreProcessAway):
                await forwarder.forward(SCOPE, client.receive, client.send)
        else:
            await forwarder.forward(SCOPE, client.receive, client.send)
        return client

    client = run(app, talk)
    assert client.sent[0]["status"] == (200 if is_started else 503)
    assert client.sent[-1].get("more_body", False) is is_started


def test_without_a_store_s_process_the_client_is_told_to_come_again() -> None:
    async def talk() -> Client:
        client = Client()
        await Forwarder(Path("/nonexistent/requests.sock")).forward(SCOPE, client.receive, client.send)
        return client

    client = asyncio.run(talk())
    assert client.sent[0]["status"] == 503 and b"retry-after" in dict(client.sent[0]["headers"])
