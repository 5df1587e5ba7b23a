"""An abusive anonymous client: `python -m tests.heavy.abusive_client KIND PORT SECONDS`, at a bounded rate.

The rates are those that ended or filled a server without limits within a minute; they leave most of a processor to
the server and to those who measure.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, cast

ADDRESS = "127.0.0.2"  # the client's own; everybody else comes from another one
BLOCK = b"x" * 32_768
HEAD = "POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
TRAILERS = b"T: aaaa\r\n" * 3640  # 32 KB
Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


@asynccontextmanager
async def connected(port: int, address: str = ADDRESS) -> AsyncIterator[tuple[Reader, Writer]]:
    """A connection; whatever the server does to it is no error here."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
        try:
            yield reader, writer
        finally:
            writer.close()


async def pour(port: int, first: bytes, piece: bytes, bytes_a_second: float, end: float) -> None:
    """Send pieces at a rate until the server has something to say; then begin again."""
    pause = len(piece) / bytes_a_second
    while time.monotonic() < end:
        async with connected(port) as (reader, writer):
            heard = asyncio.create_task(reader.read(1000))
            writer.write(first)
            while not heard.done() and time.monotonic() < end:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)
            heard.cancel()
        await asyncio.sleep(pause)


async def trailers(port: int, end: float) -> None:
    """Eight requests with trailers that do not end, 8 MB a second together."""
    first = HEAD.encode() + b"2\r\n{}\r\n0\r\n"
    await asyncio.gather(*(pour(port, first, TRAILERS, 1e6, end) for _ in range(8)))


async def bodies(port: int, end: float) -> None:
    """Eight bodies without end, 24 MB a second together, and 40 that stop before theirs."""
    chunk = b"8000\r\n" + BLOCK + b"\r\n"
    paths = ("/login", "/clickmeter/datapoints", "/api/v1/sites", "/links/import")
    first = [HEAD.replace("/login", path).encode() for path in paths * 2]
    await asyncio.gather(
        *(pour(port, head, chunk, 3e6, end) for head in first),
        *(hold(port, HEAD.encode() + chunk * 75, end, 5) for _ in range(40)),
    )


async def hold(port: int, request: bytes, end: float, pause: float = 1) -> None:
    """Send something unfinished, wait until the server gives up, begin again after a pause in seconds."""
    while time.monotonic() < end:
        async with connected(port) as (reader, writer):
            writer.write(request)
            await asyncio.wait_for(reader.read(), max(0.1, end - time.monotonic()))
        await asyncio.sleep(pause)


async def logins(port: int, end: float) -> None:
    """40 log-ins of unknown people at a time, as fast as they are answered, twice a second at most."""
    async with connected(port) as (reader, writer):
        writer.write(b"GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        page = (await reader.read()).decode("utf-8", "replace")
    cookie = re.search(r"csrftoken=(\w+)", page)
    token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', page)
    assert cookie and token, page[:500]
    number = 0
    while time.monotonic() < end:
        tried = [log_in(port, f"person{number + n}", token[1], cookie[1]) for n in range(40)]
        number += 40
        await asyncio.gather(*tried, asyncio.sleep(0.5))


async def log_in(port: int, person: str, token: str, cookie: str) -> None:
    """One log-in that cannot succeed."""
    form = f"csrfmiddlewaretoken={token}&email={person}%40example.com&password=wrong-password".encode()
    head = (
        "POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Cookie: csrftoken={cookie}\r\nConnection: close\r\nContent-Length: {len(form)}\r\n\r\n"
    )
    async with connected(port) as (reader, writer):
        writer.write(head.encode() + form)
        await asyncio.wait_for(reader.read(), 60)


async def crowd(port: int, end: float) -> None:
    """200 clients that each ask for the log-in page again and again, as fast as it is answered."""

    async def one(address: str) -> None:
        while time.monotonic() < end:
            async with connected(port, address) as (reader, writer):
                writer.write(b"GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                await asyncio.wait_for(reader.read(), 60)
            await asyncio.sleep(0.1)

    await asyncio.gather(*(one(f"127.0.1.{number}") for number in range(1, 201)))


async def streams(port: int, end: float) -> None:
    """500 half-open connections, 100 that ask for a stream, 20 that ask for scripts and never read; 120 a second."""
    stream = b"GET /sites/101000001/spy/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    half = b"GET /in.php?site_id=1 HTTP/1.1\r\nHost: x\r\nX-Slow: "
    work = [hold(port, half, end) for _ in range(500)]
    work += [hold(port, stream, end) for _ in range(100)] + [never_read(port, end) for _ in range(20)]
    random.shuffle(work)
    await asyncio.gather(*(later(number / 120, one) for number, one in enumerate(work)))


async def later(seconds: float, work: Awaitable[None]) -> None:
    """Begin after some time."""
    await asyncio.sleep(seconds)
    await work


async def never_read(port: int, end: float) -> None:
    """Ask for the tracker five hundred times and leave the answers where they are."""
    while time.monotonic() < end:
        async with connected(port) as (_, writer):
            cast("asyncio.Transport", writer.transport).pause_reading()
            for _ in range(10):
                writer.write(b"GET /js?site_id=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 50)
                await asyncio.sleep(0.2)
            with contextlib.suppress(ConnectionError):
                await asyncio.wait_for(writer.wait_closed(), max(0.1, end - time.monotonic()))


KINDS: dict[str, Callable[[int, float], Coroutine[Any, Any, None]]] = {
    "trailers": trailers, "bodies": bodies, "logins": logins, "streams": streams, "crowd": crowd,
}  # fmt: skip

if __name__ == "__main__":
    # A stranger's machine would not take the server's processors
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    asyncio.run(KINDS[sys.argv[1]](int(sys.argv[2]), time.monotonic() + float(sys.argv[3])))
