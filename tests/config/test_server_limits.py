"""Clients that send, wait or read as no browser does get an error or a closed connection."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from config.serving import http_limits, server
from config.serving.http_limits import MAX_HEADER_BYTES
from tests.config.test_server_protocol import answer, request, talk

CHUNKED = "transfer-encoding: chunked\r\n"
Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


async def reads_all(scope: Any, receive: Any, send: Any) -> None:
    """Reads the whole body and says its length and the names of the headers."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message["body"]), message.get("more_body", False)
    body = b"%d %b" % (size, b",".join(name for name, _ in scope["headers"]))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


async def send_pieces(reader: Reader, writer: Writer, pieces: Iterator[bytes]) -> bytes:
    """Send the pieces until the server has something to say; what it said until it closed."""
    first = asyncio.create_task(reader.read(65536))
    with contextlib.suppress(ConnectionError):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            if first.done():
                break
    response = b""
    with contextlib.suppress(ConnectionError):
        response = part = await first
        while part:
            part = await reader.read(65536)
            response += part
    return response


def repeated(first: bytes, piece: bytes, total: int) -> Iterator[bytes]:
    yield first
    for _ in range(total // len(piece)):
        yield piece


LARGE = 4 * MAX_HEADER_BYTES
POST = request("/x", "POST", CHUNKED)
ENDLESS = {
    "headers": (b"GET /x HTTP/1.1\r\nhost: x\r\n", b"a: %b\r\n" % (b"b" * 900)),
    "tiny headers": (b"GET /x HTTP/1.1\r\nhost: x\r\n", b"a:\r\n" * 100),
    "one header": (b"GET /x HTTP/1.1\r\nhost: x\r\na: ", b"b" * 900),
    "an address": (b"GET /x?", b"b" * 900),
    "trailers": (POST + b"2\r\n{}\r\n0\r\n", b"T: %b\r\n" % (b"a" * 900)),
    "tiny trailers": (POST + b"2\r\n{}\r\n0\r\n", b"T:\r\n" * 100),
    "trailers of few bytes a packet": (POST + b"2\r\n{}\r\n0\r\n", b"T: aaaa\r\n" * 20),
    "one trailer": (POST + b"2\r\n{}\r\n0\r\nT: ", b"a" * 900),
    "an extension of a chunk": (POST + b"2;", b"a" * 900),
    "small chunks with long extensions": (POST, b"1;%b\r\nx\r\n" % (b"a" * 900)),
    "empty lines": (request("/now/1"), b"\r\n" * 400),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_the_size_of_headers_chunks_and_trailers_is_limited(kind: str) -> None:
    async def conversation(reader: Reader, writer: Writer) -> bytes:
        return await send_pieces(reader, writer, repeated(*ENDLESS[kind], LARGE))

    response = talk(conversation, reads_all)
    assert b"HTTP/1.1 431 " in response


@pytest.mark.parametrize("size", [1, 7, 100, 5000])
def test_trailers_count_like_headers_however_they_are_split(size: int) -> None:
    trailers = b"".join(b"T%d: %b\r\n" % (number, b"a" * 3000) for number in range(50))
    complete = POST + b"2\r\n{}\r\n0\r\n" + trailers + b"\r\n"
    size = max(size, len(complete) // 2000)

    async def conversation(reader: Reader, writer: Writer) -> bytes:
        return await send_pieces(reader, writer, (complete[at : at + size] for at in range(0, len(complete), size)))

    assert b"HTTP/1.1 431 " in talk(conversation, reads_all)


def test_a_few_trailers_are_ignored() -> None:
    async def conversation(reader: Reader, writer: Writer) -> list[str]:
        chunks = b"2;word=1\r\n{}\r\n0\r\nX-Forwarded-For: 1.2.3.4\r\nT: b\r\n\r\n"
        writer.write(POST + chunks + request("/after"))
        return [await answer(reader) for _ in range(2)]

    assert talk(conversation, reads_all) == ["2 host,transfer-encoding", "0 host"]


def test_a_body_in_chunks_of_one_byte_is_read() -> None:
    async def conversation(reader: Reader, writer: Writer) -> str:
        writer.write(POST)
        for _ in range(200):
            writer.write(b"1\r\nx\r\n" * 1000)
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        return await answer(reader)

    assert talk(conversation, reads_all).startswith("200000 ")


HEADS = {
    b"GET / HTTP/1.1\r\n\r\n": 400,
    b"GET /now/1 HTTP/1.1\r\naccept: */*\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nhost: x\r\nHost: y\r\n\r\n": 400,
    b"GET /now/1 HTTP/1.0\r\nhost: x\r\nhost: x\r\n\r\n": 400,
    b"CONNECT x:443 HTTP/1.1\r\nhost: x\r\n\r\n": 405,
    b"GET / HTTP/1.0\r\n\r\n": 200,
    b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n": 200,
}


@pytest.mark.parametrize("head", HEADS)
def test_a_request_must_name_one_host_and_must_not_be_connect(head: bytes) -> None:
    async def conversation(reader: Reader, writer: Writer) -> bytes:
        writer.write(head)
        return await reader.read()

    assert talk(conversation).startswith(b"HTTP/1.1 %d " % HEADS[head])


def test_the_error_of_a_pipelined_bad_request_follows_the_answers_to_good_ones() -> None:
    async def conversation(reader: Reader, writer: Writer) -> bytes:
        writer.write(request("/now/1") + b"GET / HTTP/1.1\r\n\r\n")
        return await reader.read()

    first, _, second = talk(conversation).partition(b"at once /now/1 ")
    assert first.startswith(b"HTTP/1.1 200 ") and second.startswith(b"HTTP/1.1 400 ")


def test_an_upgrade_that_is_not_offered_is_answered_as_a_request() -> None:
    async def conversation(reader: Reader, writer: Writer) -> list[str]:
        writer.write(request("/a", more="connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\n"))
        first = await answer(reader)
        writer.write(request("/b"))
        return [first, await answer(reader)]

    assert talk(conversation) == ["task /a", "task /b"]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same limits, a hundred times as strict."""
    for name in ("MAX_HEADER_SECONDS", "MAX_BODY_SECONDS", "MAX_WRITE_SECONDS", "SWEEP_SECONDS"):
        monkeypatch.setattr(http_limits, name, getattr(http_limits, name) / 100)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (b"GET / HTTP/1.1\r\nhost: x\r\n", b"a: b\r\n"),
        (POST + b"2\r\n{}\r\n0\r\n", b"T: a\r\n"),
        (POST, b"1\r\nx\r\n"),
        (request("/x", "POST", "content-length: 100000\r\n"), b"x"),
        (POST + b"2;", b"a"),
    ],
    ids=["headers", "trailers", "chunks", "body", "extension"],
)
def test_slow_single_bytes_do_not_extend_a_timeout(first: bytes, piece: bytes) -> None:
    async def conversation(reader: Reader, writer: Writer) -> bool:
        writer.write(first)
        for _ in range(200):
            with contextlib.suppress(ConnectionError):
                writer.write(piece)
            await asyncio.sleep(0.02)
            if reader.at_eof() or reader.exception():
                return True
        return False

    assert talk(conversation, reads_all)


@pytest.mark.usefixtures("impatient")
def test_a_steady_body_may_take_longer_than_the_idle_timeout() -> None:
    async def conversation(reader: Reader, writer: Writer) -> str:
        writer.write(request("/x", "POST", "content-length: 40000\r\n"))
        for _ in range(40):
            writer.write(b"x" * 1000)
            await asyncio.sleep(0.02)
        return await answer(reader)

    assert talk(conversation, reads_all).startswith("40000 ")


def test_empty_lines_do_not_keep_a_connection_alive() -> None:
    async def conversation(reader: Reader, writer: Writer) -> bytes:
        writer.write(request("/later"))
        await answer(reader)
        for _ in range(60):
            with contextlib.suppress(ConnectionError):
                writer.write(b"\r\n")
            await asyncio.sleep(0.1)
            if reader.at_eof():
                break
        return await reader.read(1)

    assert talk(conversation, timeout_keep_alive=1) == b""


def test_reading_the_rest_of_an_answered_body_is_limited() -> None:
    async def conversation(reader: Reader, writer: Writer) -> bytes:
        return await send_pieces(reader, writer, repeated(POST, b"1000\r\n%b\r\n" % (b"x" * 4096), 64 << 20))

    assert talk(conversation).count(b"HTTP/1.1 200") <= 1  # and not a minute later


def test_the_number_of_pipelined_requests_is_limited() -> None:
    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await asyncio.sleep(30)

    async def conversation(reader: Reader, writer: Writer) -> bytes:
        return await send_pieces(reader, writer, iter([request("/x") * (http_limits.MAX_PIPELINED + 2)]))

    assert talk(conversation, slow) == b""


def test_connections_of_a_client_are_limited_but_not_of_a_trusted_proxy(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr(http_limits, "MAX_CONNECTIONS_PER_CLIENT", 2)

    async def conversation(reader: Reader, writer: Writer) -> list[bytes]:
        port = writer.get_extra_info("peername")[1]
        more = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        refused = await more[1][0].read()
        more[0][1].close()
        await asyncio.sleep(0.05)
        again, its_writer = await asyncio.open_connection("127.0.0.1", port)
        its_writer.write(request("/now/1", more="connection: close\r\n"))
        return [refused[:13], (await again.read())[:13]]

    assert talk(conversation) == [b"HTTP/1.1 503 ", b"HTTP/1.1 200 "]
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    counter = http_limits.ConnectionCounter()
    assert [counter.add("127.0.0.1") for _ in range(3)] == ["", "", ""]
    same = [counter.add(f"2001:db8::{number}") for number in range(3)]
    assert same == ["2001:db8::/64", "2001:db8::/64", None]


def test_a_disconnect_is_noticed_although_another_request_is_pipelined() -> None:
    async def waits(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        left.append(scope["path"])

    async def conversation(reader: Reader, writer: Writer) -> None:
        writer.write(request("/stream") + request("/second"))
        await asyncio.sleep(0.05)
        writer.close()
        await asyncio.sleep(0.05)

    left: list[str] = []
    talk(conversation, waits)
    assert left == ["/stream"]


def slow_socket(port: int) -> socket.socket:
    """A client whose window is small."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    return client


async def streams(scope: Any, receive: Any, send: Any) -> None:
    """An answer of 16 MB in pieces, or in one piece."""
    piece = b"x" * (16 << 20) if scope["path"] == "/whole" else b"x" * (64 << 10)
    length = [(b"content-length", b"%d" % (16 << 20))]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    for number in range((16 << 20) // len(piece)):
        sent.append(number)
        more = number + 1 < (16 << 20) // len(piece)
        await send({"type": "http.response.body", "body": piece, "more_body": more})


sent: list[int] = []


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "head", [request("/whole"), request("/parts"), request("/whole", more="connection: close\r\n")]
)
def test_a_client_that_never_reads_is_disconnected(head: bytes) -> None:
    sent.clear()

    async def conversation(reader: Reader, writer: Writer) -> tuple[int, int]:
        silent = slow_socket(writer.get_extra_info("peername")[1])
        silent.sendall(head)
        await asyncio.sleep(0.1)
        pieces = len(sent)
        await asyncio.sleep(0.7)
        silent.settimeout(1)
        size = 0
        with contextlib.suppress(OSError):
            while part := silent.recv(1 << 20):
                size += len(part)
        return size, pieces

    size, pieces = talk(conversation, streams)
    assert size < 16 << 20
    assert pieces < 200  # a stream waits for its reader instead of filling the memory


@pytest.mark.usefixtures("impatient")
def test_a_client_that_reads_slowly_gets_everything() -> None:
    async def conversation(reader: Reader, writer: Writer) -> int:
        writer.write(request("/whole", more="connection: close\r\n"))
        size = 0
        while part := await reader.read(256 << 10):
            size += len(part)
            await asyncio.sleep(0.02)
        return size

    assert talk(conversation, streams) > 16 << 20


def test_immediate_responses_stop_for_a_client_that_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async def conversation(reader: Reader, writer: Writer) -> int:
        silent = slow_socket(writer.get_extra_info("peername")[1])
        silent.setblocking(False)
        loop, wanted = asyncio.get_running_loop(), request("/now/" + "a" * 8000) * 50
        with contextlib.suppress(TimeoutError, ConnectionError):
            for _ in range(200):
                await asyncio.wait_for(loop.sock_sendall(silent, wanted), 0.3)
        silent.close()
        return max(buffered)

    buffered: list[int] = [0]
    check = server.ImmediateProtocol.leaves_unread

    def leaves_unread(self: Any, now: float) -> bool:
        buffered.append(self.transport.get_write_buffer_size())
        return check(self, now)

    monkeypatch.setattr(server.ImmediateProtocol, "leaves_unread", leaves_unread)
    monkeypatch.setattr(http_limits, "SWEEP_SECONDS", 0.02)
    assert talk(conversation) < 1 << 20
