"""The connection to Redis of an event loop: whole commands are written, and a function is called with each reply.

The library connects: it knows addresses, passwords and TLS. Then this protocol takes its transport over, because the
library's own reading costs tasks, futures and locks for each reply.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import hiredis

from tracking.state.redis_link import Reply

NOTHING = object()  # no further reply is complete
GRACE_SECONDS = 0.05  # to read an answer that came while this process was held up itself, before it counts as missing


@asynccontextmanager
async def limit_time(seconds: float) -> AsyncIterator[None]:
    """Limit the time of connecting. Raises TimeoutError."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as limit:
        timer = loop.call_later(seconds, lambda: limit.reschedule(loop.time() + GRACE_SECONDS))
        try:
            yield
        finally:
            timer.cancel()


class RedisConnection(asyncio.Protocol):
    """An open connection. Replies come in the order of the commands; `on_end` is called once if it breaks off."""

    def __init__(self, on_reply: Callable[[Reply], None], on_end: Callable[[Exception], None]) -> None:
        self.on_reply, self.on_end = on_reply, on_end
        self.reader = hiredis.Reader(notEnoughData=NOTHING)
        self.opened: Any = None  # the library's connection
        self.transport: asyncio.Transport | None = None

    async def connect(self, url: str, seconds: float, *first_command: object) -> None:
        """Connect, and execute a first command. Raises the library's errors, OSError and TimeoutError."""
        import redis.asyncio

        pool: Any = redis.asyncio.ConnectionPool.from_url(
            url, protocol=2, socket_timeout=None, socket_connect_timeout=seconds
        )
        self.opened = pool.make_connection()
        try:
            async with limit_time(seconds):
                await self.opened.connect()
                await self.opened.send_command(*first_command)
                await self.opened.read_response()
        except BaseException:  # after an error that Redis answers, the library leaves the connection open
            await self.opened.disconnect(nowait=True)
            raise
        self.transport = cast(asyncio.Transport, self.opened._writer.transport)
        self.transport.set_protocol(self)

    def send(self, command: Sequence[object]) -> None:
        """Send a command."""
        # In one piece: the library packs and writes each word by itself, which takes fifty times as long
        assert self.transport is not None
        self.transport.write(hiredis.pack_command(command))  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        """Pass the replies on that are complete."""
        reader, on_reply = self.reader, self.on_reply
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not NOTHING:
                on_reply(reply)
        except hiredis.ProtocolError as error:
            self.end(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """Say that no reply will come any more."""
        self.end(exc or ConnectionError("Redis closed the connection"))

    def end(self, error: Exception) -> None:
        """Close the connection because of an error, and say so."""
        if self.transport is not None:
            self.close()
            self.on_end(error)

    def close(self) -> None:
        """Close the connection; nobody is told of it."""
        transport, self.transport = self.transport, None
        if transport is not None:
            transport.abort()
            self.opened._reader = self.opened._writer = None  # so that the library does not close it again
