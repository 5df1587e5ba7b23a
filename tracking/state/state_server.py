"""The store's process answers its workers (`manage.py serve --workers`): questions to the state, and live streams.

It runs on the event loop, so that the questions of all workers are answered one after the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tracking.spool import number_process
from tracking.state.memory import MemoryState
from tracking.state.questions import RestoreClaim
from tracking.state.worker_codec import AnsweringState
from tracking.state.worker_messages import (
    ANSWERS,
    ASK,
    EVENTS,
    GREETING,
    SITES,
    Message,
    MessageReader,
    open_private_socket,
    pack,
)

log = logging.getLogger(__name__)


class WorkerProtocol(asyncio.Protocol):
    """The connection of one worker."""

    def __init__(self, server: StateServer) -> None:
        self.server = server
        self.reader = MessageReader()
        self.is_greeted = False
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            for message in self.reader.feed(data):
                self.receive(message)
        except (ValueError, EOFError, TypeError) as error:
            log.error("a worker sent no message: %s", error)
            self.close()

    def receive(self, message: Message) -> None:
        """Answer one message. Raises ValueError for a worker of another release."""
        if not self.is_greeted:
            if message != GREETING:
                raise ValueError("it is of another release; restart all processes")
            self.is_greeted = True
            self.server.add(self)
            return
        if message[0] == ASK:
            self.send((ANSWERS, self.server.answering.answer_all(*message[1:])))
        elif message[0] == EVENTS:
            self.server.on_event(message[1])

    def send(self, message: Message) -> None:
        """Send a message."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(pack(message))

    def close(self) -> None:
        """Close the connection."""
        if self.transport is not None:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.server.remove(self)


class StateServer:
    """Listens for workers. `on_event` is called with each event (JSON) that a worker publishes."""

    def __init__(self, state: MemoryState, on_event: Callable[[bytes], None] = lambda event: None) -> None:
        self.answering = AnsweringState(state)
        self.on_event = on_event
        self.workers: set[WorkerProtocol] = set()
        self.sites: tuple[int, ...] = ()
        self.server: asyncio.Server | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.positions: dict[Path, int] = {}  # of the last claim when a sealed segment of a worker was first seen

    async def start(self, path: Path) -> None:
        """Listen on a socket that only this user may open. Raises OSError."""
        self.loop = loop = asyncio.get_running_loop()
        self.server = await loop.create_unix_server(lambda: WorkerProtocol(self), sock=open_private_socket(path))

    def stop(self) -> None:
        """Close all connections."""
        if self.server is not None:
            self.server.close()
        for worker in list(self.workers):
            worker.close()

    def may_insert(self, path: Path) -> bool:
        """Return whether everything in a worker's sealed segment is known to be in its spool.

        Else the segment must stay: if the worker is killed, only that tells what it has stored. From the writer's
        thread.
        """
        claims = self.answering.claims
        position = self.positions.setdefault(path, claims.position)
        if claims.find_oldest(number_process(path.parent)) <= position:
            return False
        del self.positions[path]
        return True

    def note_ended(self, process: str, event_ids: Sequence[int], claims: Sequence[RestoreClaim]) -> None:
        """Note, from any thread, what a worker that has ended left in its spool."""
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self.answering.note_ended, process, event_ids, claims)

    def add(self, worker: WorkerProtocol) -> None:
        """Note a worker, and tell it which sites have live streams; this is also how it knows that it is greeted."""
        self.workers.add(worker)
        worker.send((SITES, self.sites))

    def remove(self, worker: WorkerProtocol) -> None:
        """Forget a worker whose connection is gone."""
        self.workers.discard(worker)

    def send_sites(self, sites: Iterable[int]) -> None:
        """Tell all workers which sites have live streams, whose events they then publish here."""
        self.sites = tuple(sites)
        for worker in self.workers:
            with contextlib.suppress(RuntimeError):  # its loop is closed
                worker.send((SITES, self.sites))
