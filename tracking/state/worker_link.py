"""A worker's connection to the store's process: one message for all hits of an iteration of the event loop.

A hit's call is suspended with its questions (`suspension.py`). At the end of the iteration the questions of all
suspended calls go to the store's process in one message, and its answer resumes them in the order in which they asked.
While MAX_RUNNING_BATCHES are under way, further hits wait for the next one, so batches grow with the load. Code outside
of an event loop has a connection of its own and waits.

When the store's process does not answer, everybody is resumed without an answer, and it is not asked again for some
seconds, unless it has greeted a new connection before.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from tracking import spool
from tracking.state.settlement import POLL_SECONDS, SETTLE_SECONDS, Settlement
from tracking.state.suspension import SuspendableCall, resume, suspend
from tracking.state.worker_messages import (
    ANSWERS,
    ASK,
    EVENTS,
    GREETING,
    SITES,
    Answers,
    EncodedQuestion,
    Message,
    MessageReader,
    pack,
)

TIMEOUT_SECONDS = 3.0  # of one round trip; only for a process that hangs, since the end of one is noticed at once
GRACE_SECONDS = 0.05  # to read an answer that came while this process was held up itself, before it counts as missing
RETRY_SECONDS = 0.5  # until it is asked again after there was no connection; hardly anything waits for that
RETRY_SILENT_SECONDS = 5.0  # after it did not answer, for which hits wait each time
LOG_SECONDS = 60.0
MAX_BATCH_SIZE = 64  # hits, so that no batch occupies the store's process for long
MAX_RUNNING_BATCHES = 2
CLOSED = "it has closed the connection"
log = logging.getLogger(__name__)


class StoreAvailability:
    """Says in the log, once a minute, that the store's process is away, and once that it is back."""

    def __init__(self) -> None:
        self.away_until = self.logged_until = 0.0
        self.is_logged = False

    def is_away(self) -> bool:
        """Return whether it did not answer in the last seconds."""
        return time.monotonic() < self.away_until

    def note_failure(self, error: Exception) -> None:
        """Note that it did not answer."""
        now = time.monotonic()
        self.away_until = now + (RETRY_SILENT_SECONDS if isinstance(error, TimeoutError) else RETRY_SECONDS)
        if now >= self.logged_until:
            self.logged_until, self.is_logged = now + LOG_SECONDS, True
            log.warning(
                "The store's process is away, this worker continues with its own memory: %s", error or "silence"
            )

    def note_answer(self) -> None:
        """Note that it answers."""
        self.away_until = 0.0
        if self.is_logged:
            self.is_logged, self.logged_until = False, 0.0
            log.warning("The store's process answers this worker again.")


class BlockingConnection:
    """The connection of threads that may wait."""

    def __init__(self, path: Path, availability: StoreAvailability) -> None:
        self.path, self.availability = path, availability
        self.lock = threading.Lock()
        self.sock: socket.socket | None = None
        self.reader = MessageReader()

    def ask(self, questions: Sequence[EncodedQuestion]) -> Answers | None:
        """Return the answers; None while the store's process is away."""
        if self.availability.is_away():
            return None
        with self.lock:
            try:
                answers = self.send_and_read(pack((ASK, list(questions), spool.get_process_number(), 0, 0)))
            except (OSError, ValueError, EOFError) as error:
                self.close()
                self.availability.note_failure(error)
                return None
        self.availability.note_answer()
        return answers

    def send_and_read(self, message: bytes) -> Answers:
        """Send a message and return the answers to it. Raises OSError, ValueError or EOFError."""
        if self.sock is None:
            self.reader = MessageReader()
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(TIMEOUT_SECONDS)
            self.sock.connect(str(self.path))
            self.sock.sendall(pack(GREETING))
        self.sock.sendall(message)
        while True:
            data = self.sock.recv(1 << 16)
            if not data:
                raise EOFError(CLOSED)
            answers = [received[1] for received in self.reader.feed(data) if received[0] == ANSWERS]
            if answers:
                return answers[0]

    def close(self) -> None:
        """Close it; the next question opens another one."""
        if self.sock is not None:
            self.sock.close()
        self.sock = None


class WaitingQuestions(NamedTuple):
    """A suspended call and what it asks."""

    call: SuspendableCall
    questions: Sequence[EncodedQuestion]


class RunningBatch(NamedTuple):
    """Calls whose questions were sent at a time of the loop, and what was told with them (`settled`)."""

    sent_at: float
    calls: list[WaitingQuestions]
    number: int
    settled: int


class StoreProtocol(asyncio.Protocol):
    """The connection of the event loop, which passes what it receives to the link."""

    def __init__(self, link: StoreLink) -> None:
        self.link = link
        self.reader = MessageReader()
        self.transport: asyncio.Transport | None = None
        self.greeted = asyncio.Event()  # set with the first message: a process that hangs accepts connections, too

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        transport.write(pack(GREETING))

    def data_received(self, data: bytes) -> None:
        try:
            for message in self.reader.feed(data):
                self.greeted.set()
                self.link.receive(self, message)
        except (ValueError, EOFError, TypeError) as error:
            log.error("the store's process sent no message: %s", error)
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.link.lose(self, exc or EOFError(CLOSED))

    def abort(self) -> None:
        """Close the connection at once."""
        if self.transport is not None:
            self.transport.abort()


class StoreLink:
    """The batches of this worker's event loop. `on_sites` is called with the sites that have live streams."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.availability = StoreAvailability()
        self.blocking = BlockingConnection(path, self.availability)
        self.on_sites: Callable[[Collection[int]], None] = lambda sites: None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.settlement = Settlement()
        self.begin(None)

    def begin(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Begin anew, in another loop: a connection belongs to its loop."""
        self.loop = loop
        self.protocol: StoreProtocol | None = None
        self.connecting: asyncio.Task[None] | None = None
        self.waiting: deque[WaitingQuestions] = deque()
        self.running: deque[RunningBatch] = deque()
        self.is_scheduled = self.is_watched = self.is_settling = False
        self.settlement.forget_calls()

    def ask(self, call: SuspendableCall, questions: Sequence[EncodedQuestion]) -> Answers | None:
        """Suspend the call, which is the running one, and return the answers; None without them."""
        loop = asyncio.get_running_loop()
        if loop is not self.loop:
            self.begin(loop)
        self.waiting.append(WaitingQuestions(call, questions))
        if not self.is_scheduled:
            self.is_scheduled = True
            loop.call_soon(self.send_waiting)
        answers: Answers | None = suspend(call)
        return answers

    def send_waiting(self) -> None:
        """Send the calls that wait, unless enough batches are under way: then an answer will send them."""
        self.is_scheduled = False
        if self.protocol is None:
            return self.connect_soon()
        while self.waiting and len(self.running) < MAX_RUNNING_BATCHES:
            batch = [self.waiting.popleft() for _ in range(min(MAX_BATCH_SIZE, len(self.waiting)))]
            self.send([question for waiting in batch for question in waiting.questions], batch)
        return None

    def send(self, questions: list[EncodedQuestion], batch: list[WaitingQuestions]) -> None:
        """Send a batch. Questions that are no plain values are a bug: they are answered by the worker's own memory."""
        assert self.protocol is not None and self.protocol.transport is not None and self.loop is not None
        number, settled = self.settlement.take_number(), self.settlement.find_settled()
        running = RunningBatch(self.loop.time(), batch, number, settled)
        try:
            message = pack((ASK, questions, spool.get_process_number(), number, settled))
        except ValueError:
            log.exception("A question is not sent to the store's process")
            return self.resume_unsent(batch)
        self.running.append(running)
        self.protocol.transport.write(message)
        if not self.is_watched:
            self.is_watched = True
            self.loop.call_later(TIMEOUT_SECONDS, self.check_time, False)
        return None

    def check_time(self, is_last: bool) -> None:
        """Give up the connection if the answer to the oldest batch is missing."""
        assert self.loop is not None
        self.is_watched = bool(self.running)
        if not self.running:
            return
        rest = self.running[0].sent_at + TIMEOUT_SECONDS - self.loop.time()
        if rest > 0 or not is_last:
            self.loop.call_later(max(rest, GRACE_SECONDS), self.check_time, rest <= 0)
            return
        self.is_watched = False
        if self.protocol is not None:
            self.protocol.abort()
            self.lose(self.protocol, TimeoutError(f"no answer in {TIMEOUT_SECONDS} s"))

    def receive(self, protocol: StoreProtocol, message: Message) -> None:
        """Resume the calls of the oldest batch with its answers, and send the next one."""
        if message[0] == SITES:
            self.on_sites(message[1])
        elif message[0] == ANSWERS and self.running and protocol is self.protocol:
            running = self.running.popleft()
            self.settlement.confirmed = max(self.settlement.confirmed, running.settled)
            self.resume_all(running, message[1])
            self.send_waiting()
            self.settle_soon()

    def resume_all(self, batch: RunningBatch, answers: Answers | None) -> None:
        """Resume the calls of a batch, each with its own answers; all with None without any."""
        settlement, first = self.settlement, 0
        if batch.calls:
            settlement.claimed = batch.number
        for call, questions in batch.calls:
            end = first + len(questions)
            resume(call, None if answers is None else answers[first:end])
            settlement.note_call(call, batch.number)
            first = end
        settlement.resumed = batch.number

    def settle_soon(self) -> None:
        """Tell the store's process in a moment what is in the spool, unless another batch does it before."""
        if not self.is_settling and self.loop is not None:
            self.is_settling = True
            self.loop.call_later(SETTLE_SECONDS, self.settle)

    def settle(self) -> None:
        """Tell the store's process what is in the spool if it does not know it, and nothing under way will say it."""
        self.is_settling = False
        if self.protocol is not None and not self.running and not self.waiting and self.settlement.is_missing():
            if self.settlement.find_settled() > self.settlement.confirmed:
                self.send([], [])
            else:
                self.settle_soon()

    def lose(self, protocol: StoreProtocol, error: Exception) -> None:
        """Resume all calls without an answer, because the connection is gone."""
        if protocol is not self.protocol:
            return
        self.protocol = None
        self.availability.note_failure(error)
        self.on_sites(())
        batches = list(self.running)
        self.running.clear()
        for batch in batches:
            self.resume_all(batch, None)
        self.give_up_waiting()

    def give_up_waiting(self) -> None:
        """Resume the calls that wait to be sent, without an answer."""
        batch = list(self.waiting)
        self.waiting.clear()
        self.resume_unsent(batch)

    def resume_unsent(self, calls: Sequence[WaitingQuestions]) -> None:
        """Resume calls whose questions were not sent, without an answer."""
        for call, _ in calls:
            resume(call, None)
            self.settlement.note_call(call, 0)

    # -- the connection ------------------------------------------------------------------------------------------------

    def connect_soon(self) -> None:
        """Begin to connect, unless that is under way."""
        assert self.loop is not None
        if self.connecting is None:
            self.connecting = self.loop.create_task(self.connect())

    async def connect(self) -> None:
        """Connect and send what waits."""
        assert self.loop is not None
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                _, protocol = await self.loop.create_unix_connection(lambda: StoreProtocol(self), str(self.path))
                await protocol.greeted.wait()
        except OSError as error:
            self.availability.note_failure(error)
            self.give_up_waiting()
            return
        finally:
            self.connecting = None
        self.protocol = protocol
        self.availability.note_answer()
        self.send_waiting()

    async def keep_connected(self) -> None:
        """Connect again whenever the connection is lost, and notice that while no hit comes, too."""
        loop = asyncio.get_running_loop()
        if loop is not self.loop:
            self.begin(loop)
        while True:
            if self.protocol is None:
                self.connect_soon()
            elif not self.running:
                self.send([], [])
            await asyncio.sleep(RETRY_SECONDS)

    def send_event(self, event: bytes) -> None:
        """Send an event (JSON) for live streams, from any thread; it is dropped while there is no connection."""

        def write() -> None:
            if self.protocol is not None and self.protocol.transport is not None:
                self.protocol.transport.write(pack((EVENTS, event)))

        if self.loop is not None:
            self.loop.call_soon_threadsafe(write)

    async def drain(self) -> None:
        """Wait until every call has its answer, and the store's process knows that their claims are in the spool."""
        settlement, end = self.settlement, time.monotonic() + TIMEOUT_SECONDS
        while self.waiting or self.running or settlement.pausing:  # noqa: ASYNC110 - once: an event would cost all
            await asyncio.sleep(POLL_SECONDS)
        while self.protocol is not None and settlement.is_missing() and time.monotonic() < end:
            self.settle_soon()
            await asyncio.sleep(POLL_SECONDS)
