"""One round trip to Redis for all hits of an iteration of the event loop; the loop itself never waits.

A hit's call is suspended with its commands (`suspension.py`). At the end of the iteration the commands of all suspended
calls go to Redis in one call, over one connection; its answer resumes them in the order in which they asked. While
MAX_RUNNING_BATCHES are under way, further hits wait for the next one, so batches grow with the load and with the
distance to Redis. All batches take one connection, and Redis answers them in their order: what one hit changed, the
next one sees.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, NamedTuple

import hiredis

from tracking.state.redis_link import BATCH_HASH, TIMEOUT_SECONDS, Command, RedisLink, Reply, check_replies, flatten
from tracking.state.redis_scripts import BATCH
from tracking.state.suspension import SuspendableCall, suspend

MAX_BATCH_SIZE = 64  # hits, so that no batch occupies Redis for more than some milliseconds
MAX_RUNNING_BATCHES = 2  # batches: Redis computes the one while this process makes the next
GRACE_SECONDS = 0.05  # to read an answer that came while this process was held up itself, before it counts as missing
MAX_IDLE_SECONDS = 30.0  # after which a new connection is made: the old one may have been dropped on the way
Connection = Any  # and its pool, of redis.asyncio, which is imported with the first batch
log = logging.getLogger(__name__)


@asynccontextmanager
async def limit_time() -> AsyncIterator[None]:
    """Limit the time of a round trip. Raises TimeoutError."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as limit:
        timer = loop.call_later(TIMEOUT_SECONDS, lambda: limit.reschedule(loop.time() + GRACE_SECONDS))
        try:
            yield
        finally:
            timer.cancel()


class WaitingCall(NamedTuple):
    """A suspended call and what it asks."""

    call: SuspendableCall
    commands: Sequence[Command]


def resume(call: SuspendableCall, replies: list[Reply] | None) -> None:
    """Resume a call; whatever it raises does not concern the others of its batch."""
    try:
        call.resume(replies)
    except Exception:
        log.exception("A hit failed after Redis had answered")


class RedisBatches:
    """The batches of this process's event loop."""

    def __init__(self, link: RedisLink) -> None:
        self.link = link
        self.waiting: deque[WaitingCall] = deque()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.forget_loop()

    def forget_loop(self) -> None:
        """Begin anew, in another loop: a connection belongs to its loop."""
        self.connection: Connection = None
        self.last_used = 0.0
        self.write_lock, self.read_lock = asyncio.Lock(), asyncio.Lock()
        self.running_batches: set[asyncio.Task[None]] = set()
        self.waiting.clear()
        self.is_scheduled = False

    def ask(self, call: SuspendableCall, commands: Sequence[Command]) -> list[Reply] | None:
        """Suspend the call, which is the running one, and return the replies; None without them.

        That is while Redis is away, or if one of these commands failed.
        """
        loop = asyncio.get_running_loop()
        if loop is not self.loop:
            self.forget_loop()
            self.loop = loop
        self.waiting.append(WaitingCall(call, commands))
        if not self.is_scheduled:
            self.is_scheduled = True
            loop.call_soon(self.send_waiting)
        replies: list[Reply] | None = suspend(call)
        return replies

    def send_waiting(self) -> None:
        """Send the calls that wait, unless enough batches are under way: then an answer will send them."""
        self.is_scheduled = False
        assert self.loop is not None
        while self.waiting and len(self.running_batches) < (MAX_RUNNING_BATCHES if self.connection else 1):
            batch = list(islice(self.waiting, MAX_BATCH_SIZE))
            for _ in batch:
                self.waiting.popleft()
            task = self.loop.create_task(self.process_batch(batch))
            self.running_batches.add(task)
            task.add_done_callback(self.finish_batch)

    def finish_batch(self, task: asyncio.Task[None]) -> None:
        """Forget a batch that has ended, and send the next one."""
        self.running_batches.discard(task)
        self.send_waiting()

    async def process_batch(self, batch: list[WaitingCall]) -> None:
        """Ask Redis and resume the calls; while Redis is away, with None."""
        replies: list[Reply] | None = None
        try:
            if not self.link.is_away():
                replies = await self.ask_redis(flatten(command for call in batch for command in call.commands))
        except TimeoutError:  # first, because it is an OSError, and has no text
            self.link.note_failure(f"no answer in {TIMEOUT_SECONDS} s")
        except self.link.errors as error:
            self.link.note_failure(error)
        finally:  # cancelled at the end of the loop, too: no hit is lost
            first = 0
            for waiting in batch:
                end = first + len(waiting.commands)
                resume(waiting.call, None if replies is None else self.link.drop_failed(replies[first:end]))
                first = end

    async def ask_redis(self, words: list[object]) -> list[Reply]:
        """Return the replies to one batch. Raises the link's errors and TimeoutError."""
        try:
            return await self.send_and_read("EVALSHA", BATCH_HASH, 0, *words)
        except self.link.missing_script:  # Redis has lost it since the connection was made
            return await self.send_and_read("EVAL", BATCH, 0, *words)

    async def send_and_read(self, *command: object) -> list[Reply]:
        """Send one command and return the replies, after those of the batches before it."""
        # In one piece: the library packs and writes each word by itself, which takes fifty times as long
        packed = hiredis.pack_command(command)  # type: ignore[arg-type]
        connection: Connection = None
        try:
            async with limit_time():
                async with self.write_lock:
                    connection = await self.find_connection()
                    await connection.send_packed_command(packed, check_health=False)
                async with self.read_lock:  # both locks keep the order in which they are asked for
                    return check_replies(await connection.read_response())
        except self.link.missing_script:
            raise
        except BaseException:
            if connection is not None:
                await self.disconnect(connection)
            raise

    async def find_connection(self) -> Connection:
        """Return the connection of all batches; a new one at first, after an error, and after a pause."""
        now = asyncio.get_running_loop().time()
        if self.connection is not None and now - self.last_used > MAX_IDLE_SECONDS and len(self.running_batches) < 2:
            await self.disconnect(self.connection)
        self.last_used = now
        if self.connection is None:
            self.connection = await self.connect()
        return self.connection

    async def connect(self) -> Connection:
        """Connect, with address and password of the URL; Redis then has the script."""
        import redis.asyncio

        pool: Connection = redis.asyncio.ConnectionPool.from_url(
            self.link.url, socket_timeout=None, socket_connect_timeout=TIMEOUT_SECONDS
        )
        connection = pool.make_connection()
        try:
            await connection.connect()
            await connection.send_command("SCRIPT", "LOAD", BATCH)
            await connection.read_response()
        except BaseException:  # after an error that Redis answers, the library leaves the connection open
            await connection.disconnect(nowait=True)
            raise
        return connection

    async def disconnect(self, connection: Connection) -> None:
        """Close a connection on which an answer is missing: it would be taken for that of another batch."""
        if connection is self.connection:
            self.connection = None
        await connection.disconnect(nowait=True)

    async def drain(self) -> None:
        """Wait until every call has its answer."""
        while self.waiting or self.running_batches:
            await (asyncio.wait(self.running_batches) if self.running_batches else asyncio.sleep(0))
