"""One round trip to Redis for all hits of an iteration of the event loop; the loop itself never waits.

A hit's call is suspended with its commands (`suspension.py`). At the end of the iteration the commands of all suspended
calls go to Redis in one call, over one connection; its answer resumes them in the order in which they asked. While
MAX_RUNNING_BATCHES are under way, further hits wait for the next one, so batches grow with the load and with the
distance to Redis. All batches take one connection, and Redis answers them in their order: what one hit changed, the
next one sees.

A batch has neither a task nor a future: the connection calls a function with its reply, which resumes the calls.

Batches have numbers, and each one says up to which of them everything that their hits have claimed is in the spool
(`settlement.py`; `redis_scripts.CLAIMS` says what for).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from tracking import spool
from tracking.state.redis_connection import GRACE_SECONDS, RedisConnection
from tracking.state.redis_link import (
    BATCH_HASH,
    TIMEOUT_SECONDS,
    Command,
    RedisLink,
    Reply,
    check_replies,
    encode_commands,
    get_error_code,
)
from tracking.state.redis_scripts import BATCH
from tracking.state.settlement import SETTLE_SECONDS, Settlement
from tracking.state.suspension import SuspendableCall, resume, suspend

MAX_BATCH_SIZE = 64  # hits, so that no batch occupies Redis for more than some milliseconds
MAX_RUNNING_BATCHES = 2  # batches: Redis computes the one while this process makes the next
MAX_IDLE_SECONDS = 30.0  # after which a new connection is made: the old one may have been dropped on the way
DRAIN_POLL_SECONDS = 0.005
log = logging.getLogger(__name__)


class WaitingCall(NamedTuple):
    """A suspended call and what it asks: commands as JSON, and how many."""

    call: SuspendableCall
    commands: bytes
    size: int


class Batch(NamedTuple):
    """Calls whose commands were sent at a time of the loop, and what Redis was told with them (`settled`)."""

    calls: list[WaitingCall]
    sent_at: float
    number: int
    settled: int

    def encode(self) -> bytes:
        """Return the argument of the script, the commands of all calls."""
        return b"[" + b",".join([commands for _, commands, _ in self.calls]) + b"]"


class RedisBatches:
    """The batches of this process's event loop."""

    def __init__(self, link: RedisLink) -> None:
        self.link = link
        self.waiting: deque[WaitingCall] = deque()
        self.running: deque[Batch] = deque()  # in the order in which Redis answers them
        self.loop: asyncio.AbstractEventLoop | None = None
        self.settlement = Settlement()
        self.forget_loop()

    def forget_loop(self) -> None:
        """Begin anew, in another loop: a connection belongs to its loop."""
        self.connection: RedisConnection | None = None
        self.connecting: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None  # for the oldest running batch
        self.settling: asyncio.TimerHandle | None = None
        self.settlement.forget_calls()
        self.last_used = 0.0
        self.waiting.clear()
        self.running.clear()
        self.is_scheduled = False

    def ask(self, call: SuspendableCall, commands: Sequence[Command]) -> list[Reply] | None:
        """Suspend the call, which is the running one, and return the replies; None without them.

        That is while Redis is away, or if one of these commands failed.
        """
        loop = asyncio.get_running_loop()
        if loop is not self.loop:
            self.forget_loop()
            self.loop = loop
        self.waiting.append(WaitingCall(call, encode_commands(commands), len(commands)))
        if not self.is_scheduled:
            self.is_scheduled = True
            loop.call_soon(self.send_waiting)
        replies: list[Reply] | None = suspend(call)
        return replies

    def send_waiting(self) -> None:
        """Send the calls that wait, unless enough batches are under way: then an answer will send them."""
        self.is_scheduled = False
        assert self.loop is not None
        waiting, now = self.waiting, self.loop.time()
        if waiting and self.link.is_away():
            self.answer_waiting_without_redis()
        elif waiting and self.find_connection(now) is None and self.connecting is None:
            self.connecting = self.loop.create_task(self.connect())
        while waiting and self.connection is not None and len(self.running) < MAX_RUNNING_BATCHES:
            self.send([waiting.popleft() for _ in range(min(len(waiting), MAX_BATCH_SIZE))])

    def send(self, calls: list[WaitingCall]) -> None:
        """Send a batch."""
        assert self.loop is not None and self.connection is not None
        number = self.settlement.take_number()
        batch = Batch(calls, self.loop.time(), number, self.settlement.find_settled())
        self.running.append(batch)
        self.last_used = batch.sent_at
        self.connection.send(("EVALSHA", BATCH_HASH, 0, *self.encode(batch)))
        if self.timer is None:
            self.timer = self.loop.call_later(TIMEOUT_SECONDS, self.check_time)

    def encode(self, batch: Batch) -> tuple[object, ...]:
        """Return the arguments of the script."""
        settled = batch.settled if batch.settled > self.settlement.confirmed else ""
        return batch.encode(), spool.get_process_number(), batch.number, settled

    def answer_waiting_without_redis(self) -> None:
        """Resume the calls that wait without replies. They may ask again, which waits for another iteration."""
        calls = list(self.waiting)
        self.waiting.clear()
        for waiting in calls:
            resume(waiting.call, None)
            self.settlement.note_call(waiting.call, 0)

    def find_connection(self, now: float) -> RedisConnection | None:
        """Return the connection of all batches; None if a new one must be made, also after a pause."""
        if self.connection is not None and not self.running and now - self.last_used > MAX_IDLE_SECONDS:
            self.connection.close()
            self.connection = None
        return self.connection

    async def connect(self) -> None:
        """Connect, then send what waits; if that fails, it is answered without Redis. Redis then has the script."""
        loop, connection = asyncio.get_running_loop(), RedisConnection(self.finish_batch, self.fail)
        try:
            await connection.connect(self.link.url, TIMEOUT_SECONDS, "SCRIPT", "LOAD", BATCH)
        except TimeoutError:  # first, because it is an OSError, and has no text
            self.link.note_failure(f"no answer in {TIMEOUT_SECONDS} s")
        except self.link.errors as error:
            self.link.note_failure(error)
        else:
            self.connection, self.last_used = connection, loop.time()
        finally:  # cancelled at the end of the loop, too: no hit is lost
            self.connecting = None
            if self.connection is None:
                self.answer_waiting_without_redis()
        self.send_waiting()

    def finish_batch(self, reply: Reply) -> None:
        """Send the next batch, and resume the calls of the one that has been answered."""
        batch = self.running.popleft()
        if isinstance(reply, Exception) and get_error_code(reply) == "NOSCRIPT":  # lost since the connection was made
            assert self.connection is not None
            batch = Batch(batch.calls, batch.sent_at, self.settlement.take_number(), batch.settled)
            self.running.append(batch)
            self.connection.send(("EVAL", BATCH, 0, *self.encode(batch)))
            return
        replies: list[Reply] | None = None
        try:
            replies = check_replies([reply] if isinstance(reply, Exception) else reply)
        except Exception as error:
            self.link.note_failure(error)
        else:
            self.link.pause.note_answer()
            self.settlement.confirmed = max(self.settlement.confirmed, batch.settled)
        self.send_waiting()  # first, so that Redis computes it meanwhile
        self.resume_batch(batch, replies)
        self.settle_soon()

    def resume_batch(self, batch: Batch, replies: list[Reply] | None) -> None:
        """Resume the calls of a batch, each with the replies to its commands; without any, with None."""
        settlement, first = self.settlement, 0
        if batch.calls:
            settlement.claimed = batch.number
        for call, _, size in batch.calls:
            end = first + size
            resume(call, None if replies is None else self.link.drop_failed(replies[first:end]))
            settlement.note_call(call, batch.number)
            first = end
        settlement.resumed = batch.number

    def settle_soon(self) -> None:
        """Tell Redis in a moment what is in the spool, unless another batch does it before."""
        if self.settling is None and self.loop is not None and self.connection is not None:
            self.settling = self.loop.call_later(SETTLE_SECONDS, self.settle)

    def settle(self) -> None:
        """Tell Redis what is in the spool if it does not know it, and nothing is under way that will say it."""
        self.settling = None
        if self.connection is None or self.running or self.waiting or not self.settlement.is_missing():
            return
        if self.settlement.find_settled() > self.settlement.confirmed:
            self.send([])
        else:
            self.settle_soon()

    # -- failures ------------------------------------------------------------------------------------------------------

    def check_time(self) -> None:
        """Wait for the oldest running batch as long as it may take; then a moment for an answer that lies unread."""
        self.timer = None
        if not self.running:
            return
        assert self.loop is not None
        oldest = self.running[0]
        left = oldest.sent_at + TIMEOUT_SECONDS - self.loop.time()
        if left > 0:
            self.timer = self.loop.call_later(left, self.check_time)
        else:
            self.timer = self.loop.call_later(GRACE_SECONDS, self.give_up, oldest)

    def give_up(self, batch: Batch) -> None:
        """Close the connection if the batch has no answer: it would be taken for that of another one."""
        if self.running and self.running[0] is batch and self.connection is not None:
            self.connection.end(TimeoutError(f"no answer in {TIMEOUT_SECONDS} s"))
        self.check_time()

    def fail(self, error: Exception) -> None:
        """Answer all running batches without Redis, since the connection has ended."""
        self.connection = None
        running = list(self.running)
        self.running.clear()
        if running or not isinstance(error, ConnectionError):
            self.link.note_failure(error)
        for batch in running:
            self.resume_batch(batch, None)
        self.send_waiting()

    async def drain(self) -> None:
        """Wait until every call has its answer, and Redis knows that all they have claimed is in the spool."""
        while self.waiting or self.running or self.settlement.pausing:  # noqa: ASYNC110 - batches have no futures
            await asyncio.sleep(DRAIN_POLL_SECONDS)
        end = time.monotonic() + TIMEOUT_SECONDS
        while self.connection is not None and self.settlement.is_missing() and time.monotonic() < end:
            self.settle_soon()
            await asyncio.sleep(DRAIN_POLL_SECONDS)
