"""The server's protocol on a loopback socket: immediate responses, and requests left to the application."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sized
from typing import Any

import pytest
import uvicorn

from config.management.commands.serve import get_loop_factory
from config.serving import http_limits, server
from config.serving.response_batcher import ImmediateResponder
from tracking.state.suspension import find_suspendable_call, suspend

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[Any]]


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Says the path, after a moment."""
    await asyncio.sleep(0.01)
    body = b"task " + scope["path"].encode()
    length = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": body})


def at_once(scope: Any) -> tuple[int, bytes, bytes] | None:
    """Answers below /now, and counts how often it is asked about anything."""
    requested.append(scope["path"])
    if scope["method"] != "GET" or not scope["path"].startswith("/now"):
        return None
    call = find_suspendable_call()
    if call is not None:
        asyncio.get_running_loop().call_later(0.01, call.resume, None)
        suspend(call)
        answered.append(scope["path"])
    body = b"at once " + scope["path"].encode() + b" " + scope["query_string"]
    return 200, b"content-length: %d\r\n" % len(body), body


requested: list[str] = []
answered: list[str] = []
committed: list[list[str]] = []
suspends = [False]


@pytest.fixture(params=["without waiting", "after waiting for the state"], autouse=True)
def responder(request: pytest.FixtureRequest) -> Iterator[None]:
    """Responses are immediate, or their call is suspended in its middle: clients notice no difference."""
    suspends[0] = request.param.startswith("after")
    yield
    suspends[0] = False


def commit() -> dict[int, bytes]:
    committed.append(answered.copy())
    return {}


RESPONDER = ImmediateResponder(respond=at_once, commit=commit, suspends=lambda: suspends[0])


def talk(conversation: Talk, served: Any = app, **settings: Any) -> Any:
    """Run a conversation with a server of `served` on a free port."""

    async def run() -> Any:
        requested.clear()
        answered.clear()
        committed.clear()
        config = server.build_server_config(served, "127.0.0.1", 0, RESPONDER, lifespan="off", **settings)
        serving = uvicorn.Server(config)
        config.load()
        serving.lifespan = config.lifespan_class(config)
        await serving.startup()
        sweeper = asyncio.create_task(http_limits.watch_connections(serving.server_state.connections))
        port = serving.servers[0].sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            return await asyncio.wait_for(conversation(reader, writer), 60)
        finally:
            sweeper.cancel()
            writer.close()
            serving.servers[0].close()

    with asyncio.Runner(loop_factory=get_loop_factory()) as runner:
        return runner.run(run())


async def answer(reader: asyncio.StreamReader) -> str:
    """The body of one answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    return (await reader.readexactly(int(length.split(b":")[1]))).decode()


async def happen(noted: Sized) -> None:
    """Wait until something was noted."""
    while not noted:  # noqa: ASYNC110
        await asyncio.sleep(0.001)


def request(path: str, method: str = "GET", more: str = "") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nhost: x\r\n{more}\r\n".encode()


def test_pipelined_requests_are_answered_in_order() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[str]:
        writer.write(request("/now/1?a=b") + request("/later") + request("/now/2") + request("/now/3"))
        return [await answer(reader) for _ in range(4)]

    assert talk(conversation) == ["at once /now/1 a=b", "task /later", "at once /now/2 ", "at once /now/3 "]
    assert sorted(requested) == ["/later", "/now/1", "/now/2", "/now/3"]  # each once: asking records a hit


def test_the_body_of_a_get_is_ignored() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[str]:
        writer.write(request("/now/1", more="content-length: 5\r\n") + b"hello" + request("/now/2"))
        return [await answer(reader) for _ in range(2)]

    assert talk(conversation) == ["at once /now/1 ", "at once /now/2 "]


@pytest.mark.parametrize("path", ["/now/%41", "http://x/now/1", "/now/1#part"])
def test_unusual_urls_are_parsed_as_by_uvicorn(path: str) -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        writer.write(request(path))
        return await answer(reader)

    assert talk(conversation).startswith("at once /now/")


def test_an_idle_connection_is_closed() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(request("/now/1"))
        await answer(reader)
        return await reader.read(1)

    assert talk(conversation, timeout_keep_alive=1) == b""


def test_a_connection_is_closed_if_the_client_asks_for_that() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, bytes]:
        writer.write(request("/now/1", more="connection: close\r\n"))
        return await answer(reader), await reader.read(1)

    assert talk(conversation) == ("at once /now/1 ", b"")


def test_requests_of_many_connections_wait_side_by_side() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[str]:
        port = writer.get_extra_info("peername")[1]
        others = [await asyncio.open_connection("127.0.0.1", port) for _ in range(40)]
        for number, (_, other) in enumerate(others):
            other.write(request(f"/now/{number}"))
        found = [await answer(source) for source, _ in others]
        for _, other in others:
            other.close()
        return found

    assert talk(conversation) == [f"at once /now/{number} " for number in range(40)]


def test_what_a_request_recorded_is_committed_although_its_client_has_gone() -> None:
    suspends[0] = True

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(request("/now/1"))
        await happen(requested)
        writer.transport.abort()
        await happen(committed)

    talk(conversation)
    assert committed == [["/now/1"]]
