"""One round trip to Redis for all hits of an iteration of the event loop; the loop itself never waits.

A hit's call is suspended with its commands (`suspension.py`). At the end of the iteration the commands of all suspended
calls go to Redis in one call, over one connection; its answer resumes them in the order in which they asked. While
MAX_RUNNING_BATCHES are under way, further hits wait for the next one, so batches grow with the load and with the
distance to Redis. All batches take one connection, and Redis answers them in their order: what one hit changed, the
next one sees.

A batch has neither a task nor a future: the connection calls a function with its reply, which resumes the calls.

Batches have numbers. Each one also says up to which of them everything that their hits have claimed is in the spool,
so that another process knows whether what was claimed is stored (`redis_scripts.CLAIMS`). A hit writes its event in the
same iteration in which it has the answer to its claim, unless it asks further questions before.
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
from tracking.state.suspension import SuspendableCall, resume, suspend
from tracking.write_batch import write_batch

MAX_BATCH_SIZE = 64  # hits, so that no batch occupies Redis for more than some milliseconds
MAX_RUNNING_BATCHES = 2  # batches: Redis computes the one while this process makes the next
MAX_IDLE_SECONDS = 30.0  # after which a new connection is made: the old one may have been dropped on the way
DRAIN_POLL_SECONDS = 0.005
SETTLE_SECONDS = 0.02  # after which Redis is told what is in the spool if no further batch does it
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
        self.number = 0  # of the last batch that was sent
        self.claimed = 0  # of the last batch with calls that was answered
        self.resumed = 0  # of the last batch whose calls were resumed, as were those of all before it
        self.settled = 0  # of the last batch of which everything is in the spool, as is that of all before it
        self.confirmed = 0  # the last `settled` that Redis has
        self.forget_loop()

    def forget_loop(self) -> None:
        """Begin anew, in another loop: a connection belongs to its loop."""
        self.connection: RedisConnection | None = None
        self.connecting: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None  # for the oldest running batch
        self.settling: asyncio.TimerHandle | None = None
        self.unsettled: dict[SuspendableCall, int] = {}  # calls that ask again -> the first batch in which they claimed
        self.pausing: set[SuspendableCall] = set()  # calls that ask the same again in a moment
        self.resumed = self.number
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
        self.number += 1
        batch = Batch(calls, self.loop.time(), self.number, self.find_settled())
        self.running.append(batch)
        self.last_used = batch.sent_at
        self.connection.send(("EVALSHA", BATCH_HASH, 0, *self.encode(batch)))
        if self.timer is None:
            self.timer = self.loop.call_later(TIMEOUT_SECONDS, self.check_time)

    def encode(self, batch: Batch) -> tuple[object, ...]:
        """Return the arguments of the script."""
        settled = batch.settled if batch.settled > self.confirmed else ""
        return batch.encode(), spool.get_process_number(), batch.number, settled

    def answer_waiting_without_redis(self) -> None:
        """Resume the calls that wait without replies. They may ask again, which waits for another iteration."""
        calls = list(self.waiting)
        self.waiting.clear()
        for waiting in calls:
            resume(waiting.call, None)
            if waiting.call.has_ended:
                self.unsettled.pop(waiting.call, None)

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
            self.number += 1
            batch = Batch(batch.calls, batch.sent_at, self.number, batch.settled)
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
            self.confirmed = max(self.confirmed, batch.settled)
        self.send_waiting()  # first, so that Redis computes it meanwhile
        self.resume_batch(batch, replies)
        self.settle_soon()

    def resume_batch(self, batch: Batch, replies: list[Reply] | None) -> None:
        """Resume the calls of a batch, each with the replies to its commands; without any, with None."""
        if batch.calls:
            self.claimed = batch.number
        first = 0
        for call, _, size in batch.calls:
            end = first + size
            resume(call, None if replies is None else self.link.drop_failed(replies[first:end]))
            if call.has_ended:
                self.unsettled.pop(call, None)
            elif call not in self.pausing:
                self.unsettled.setdefault(call, batch.number)
            first = end
        self.resumed = batch.number

    # -- what is in the spool ------------------------------------------------------------------------------------------

    def find_settled(self) -> int:
        """Return the number of the last batch of which everything is in the spool, as is that of all before it."""
        if not write_batch.events:  # else the events of the last batch are not written yet
            self.settled = min(self.unsettled.values(), default=self.resumed + 1) - 1
        return self.settled

    def settle_soon(self) -> None:
        """Tell Redis in a moment what is in the spool, unless another batch does it before."""
        if self.settling is None and self.loop is not None and self.connection is not None:
            self.settling = self.loop.call_later(SETTLE_SECONDS, self.settle)

    def settle(self) -> None:
        """Tell Redis what is in the spool if it does not know it, and nothing is under way that will say it."""
        self.settling = None
        if self.connection is None or self.running or self.waiting or not self.needs_settling():
            return
        if self.find_settled() > self.confirmed:
            self.send([])
        else:
            self.settle_soon()

    def needs_settling(self) -> bool:
        """Return whether Redis does not know of all batches that what they claimed is in the spool."""
        return self.confirmed < self.claimed

    def is_settled(self, seconds: float) -> bool:
        """Wait, in another thread, until Redis knows that everything answered so far is in the spool.

        Return False if it does not within that time.
        """
        number, end = self.claimed, time.monotonic() + seconds
        while self.confirmed < number:
            if self.link.is_away() or time.monotonic() > end:
                return False
            time.sleep(DRAIN_POLL_SECONDS)
        return True

    def pause(self, call: SuspendableCall, seconds: float) -> None:
        """Suspend the call, which is the running one and has not got what it claimed last, for a moment."""
        self.pausing.add(call)
        asyncio.get_running_loop().call_later(seconds, self.end_pause, call)
        suspend(call)

    def end_pause(self, call: SuspendableCall) -> None:
        """Resume a call after its pause."""
        if call in self.pausing:
            self.pausing.discard(call)
            resume(call, None)

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
        while self.waiting or self.running or self.pausing:  # noqa: ASYNC110 - a batch has no future: that is cheaper
            await asyncio.sleep(DRAIN_POLL_SECONDS)
        end = time.monotonic() + TIMEOUT_SECONDS
        while self.connection is not None and self.needs_settling() and time.monotonic() < end:
            self.settle_soon()
            await asyncio.sleep(DRAIN_POLL_SECONDS)
