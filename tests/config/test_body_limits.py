"""Limits of request bodies for Django's addresses: the size of one, of all together, and the errors."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import Account, User
from config.asgi import application
from config.serving import body_limits
from links.models import Datapoint
from tests.config.test_server_limits import repeated, send_pieces
from tests.config.test_server_protocol import answer, request, talk
from tests.support import asgi
from tests.support.asgi import Answer

CHUNKED = "transfer-encoding: chunked\r\n"
PIECE = b"10000\r\n%b\r\n" % (b"x" * 65536)
LIMIT = 2_621_440
Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


@pytest.fixture(autouse=True)
def no_bodies(db: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Every test leaves the memory of bodies empty."""
    monkeypatch.setattr(body_limits, "MAX_LINGER_SECONDS", 0.2)
    yield
    assert body_limits.body_memory.total == 0 and not body_limits.body_memory.by_client


def temporary_files() -> list[str]:
    """Files this process holds open that have been deleted already: spooled bodies."""
    links = [Path(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
    found = [os.readlink(link) for link in links if link.is_symlink()]
    return [name for name in found if "(deleted)" in name and "etilqs" not in name]  # those are SQLite's own


def said(head: bytes, *pieces: bytes) -> bytes:
    """The server's words about one request."""

    async def conversation(reader: Reader, writer: Writer) -> bytes:
        return await send_pieces(reader, writer, iter([head, *pieces]))

    return bytes(talk(conversation, application))


@pytest.mark.parametrize("path", ["/login", "/clickmeter/datapoints", "/api/v1/sites", "/nowhere", "/links/import"])
def test_an_endless_body_is_rejected_and_leaves_no_temporary_file(path: str) -> None:
    before = set(temporary_files())

    async def conversation(reader: Reader, writer: Writer) -> tuple[bytes, list[str]]:
        heard = await send_pieces(reader, writer, repeated(request(path, "POST", CHUNKED), PIECE, 100 << 20))
        return heard, temporary_files()

    heard, files = talk(conversation, application)
    assert heard.startswith(b"HTTP/1.1 413 ") and b"connection: close" in heard
    assert set(files) <= before


@pytest.mark.parametrize("path", ["/login", "/links/import"])
def test_a_body_with_too_large_a_content_length_is_rejected_before_it_is_read(path: str) -> None:
    limit = body_limits.get_body_limit(path)
    assert limit == (6 << 20 if "import" in path else LIMIT)

    async def conversation(reader: Reader, writer: Writer) -> str:
        writer.write(request(path, "POST", f"content-length: {limit + 1}\r\nexpect: 100-continue\r\n"))
        return (await reader.readuntil(b"\r\n")).decode()

    assert talk(conversation, application).startswith("HTTP/1.1 413 ")


SHAPES = {
    "/login": "<h1>Too large</h1>",
    "/clickmeter/datapoints": '"errorCode": "0413"',
    "/api/v1/sites": '{"error": {"code": "too_large", "message": "The body is too large. At most 2.5 MB',
    "/api/query": '"message": "The body is too large.',
    "/api/stats/4": '<response status="error"><error>The body is too large.',
    "/api/account/sites?output=json": '[{"error":"The body is too large.',
}


@pytest.mark.parametrize("path", SHAPES)
def test_the_error_has_the_form_of_the_dialect(path: str) -> None:
    head = request(path, "POST", f"content-length: {LIMIT + 1}\r\n")
    assert SHAPES[path] in said(head).decode()


def test_the_error_on_a_host_of_the_links_api_has_its_form() -> None:
    head = f"POST /datapoints HTTP/1.1\r\nhost: apiv2.x.example\r\ncontent-length: {LIMIT + 1}\r\n\r\n".encode()
    body = said(head).partition(b"\r\n\r\n")[2]
    assert json.loads(body)["errorCode"] == "0413" and json.loads(body)["httpErrorCode"] == 413


def test_a_body_of_the_maximum_size_is_read(transactional_db: None) -> None:
    form = b"email=" + b"a" * (LIMIT - 6)
    kind = "content-type: text/plain\r\nconnection: close\r\n"
    heard = said(request("/login", "POST", f"{kind}content-length: {LIMIT}\r\n"), form)
    assert heard.startswith(b"HTTP/1.1 403 ")  # no form token: it was read and understood


class World:
    """An application that holds every body until the test lets it go."""

    def __init__(self) -> None:
        self.reading = 0
        self.go_on = asyncio.Event()

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """In place of Django, whose answers would be too quick."""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            more = message.get("more_body", False)
        self.reading += 1
        await self.go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


async def send_body(world: World, client: str, size: int) -> int:
    """The status of a request with a body of this size."""
    statuses: list[int] = []
    pieces = [b"x" * 65536] * (size // 65536) + [b"x" * (size % 65536)]
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages[-1]["more_body"] = False

    async def receive() -> Any:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {"path": "/login", "headers": [], "client": (client, 1), "query_string": b""}
    await body_limits.limit_body(world.app, scope, receive, send)
    return statuses[0]


async def test_too_many_large_bodies_at_once_get_503_and_small_ones_are_read() -> None:
    world = World()
    mine = [asyncio.create_task(send_body(world, "198.51.100.1", 2 << 20)) for _ in range(20)]
    await asyncio.sleep(0)
    others = [asyncio.create_task(send_body(world, f"203.0.113.{number}", 2 << 20)) for number in range(40)]
    small = [asyncio.create_task(send_body(world, "198.51.100.1", 60_000)) for _ in range(20)]
    for _ in range(200):  # until every task has read its body or been refused
        await asyncio.sleep(0)
    assert body_limits.body_memory.total <= body_limits.MAX_TOTAL_BYTES
    world.go_on.set()
    heard = [await asyncio.gather(*tasks) for tasks in (mine, others, small)]
    assert heard[0].count(200) == body_limits.MAX_CLIENT_BYTES // ((2 << 20) - 65536) and set(heard[0]) == {200, 503}
    assert 20 <= heard[1].count(200) < 40 and set(heard[2]) == {200}


async def test_a_client_that_disconnects_during_its_body_frees_its_memory() -> None:
    world, pieces = World(), [{"type": "http.request", "body": b"x" * 200_000, "more_body": True}]

    async def receive() -> Any:
        return pieces.pop() if pieces else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError("nobody is there")

    await body_limits.limit_body(world.app, {"path": "/login", "headers": [], "client": None}, receive, send)
    assert body_limits.body_memory.total == 0


def test_a_connection_stays_usable_after_a_body(transactional_db: None) -> None:
    async def conversation(reader: Reader, writer: Writer) -> list[str]:
        head = request("/api/query", "POST", "content-type: application/json\r\ncontent-length: 2\r\n")
        writer.write(head + b"{}" + head + b"{}")
        return [await answer(reader) for _ in range(2)]

    assert all("API key" in one for one in talk(conversation, application))


def upload(alice: User, part: bytes, more: bytes) -> Answer:
    """What alice gets for a form with one part."""
    client = Client()
    client.force_login(alice)
    token = "a" * 32
    cookies = f"sessionid={client.cookies['sessionid'].value}; csrftoken={token}"
    headers = {"cookie": cookies, "x-csrftoken": token, "content-type": "multipart/form-data; boundary=x"}
    body = b"--x\r\nContent-Disposition: form-data; " + part + b"\r\n\r\n" + more + b"\r\n--x--\r\n"
    return asgi.request("/links/import", "POST", headers, body=body)


def test_an_imported_file_may_be_larger_than_other_forms(alice: User, account: Account) -> None:
    lines = b"url,title\r\nhttps://shop.test/," + b"a" * 100 + b"\r\n" + b"\r\n" * 1_500_000
    before = set(temporary_files())
    assert upload(alice, b'name="file"; filename="links.csv"', lines).status in (200, 302)
    assert Datapoint.objects.filter(account=account, url="https://shop.test/").count() == 1
    assert set(temporary_files()) <= before
    assert upload(alice, b'name="text"', lines).status == 413
