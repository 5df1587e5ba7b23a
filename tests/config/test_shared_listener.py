"""Workers that accept from one socket: who leads leaves new connections to the others, but never for long."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing

import pytest
import uvloop

from config.serving import shared_listener
from config.serving.shared_listener import SharedListener
from config.serving.worker_connections import (
    VARIABLE,
    WorkerConnections,
    create_worker_connections,
    take_worker_connections,
)
from tests.served import PATIENCE

CLIENTS = 30


class Accepted(asyncio.Protocol):
    """A connection that a worker has accepted."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.worker.transports.append(transport)
        self.worker.listener.note_count(len(self.worker.transports))


class Worker:
    """A worker in this process, on a socket with clients that are connected already."""

    def __init__(self, sock: socket.socket, connections: WorkerConnections) -> None:
        self.transports: list[asyncio.BaseTransport] = []
        self.listener = SharedListener(sock, connections, lambda: Accepted(self))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that must come."""
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)

    async def accepts(self, number: int) -> None:
        """Wait until it has accepted so many connections."""
        await self.until(lambda: len(self.transports) == number)

    def close(self) -> None:
        self.listener.stop()
        for transport in self.transports:
            transport.close()


@pytest.fixture
def queue() -> Iterator[socket.socket]:
    """A listening socket in whose queue CLIENTS connections wait."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(CLIENTS)
        clients = [socket.create_connection(sock.getsockname()) for _ in range(CLIENTS)]
        yield sock
        for client in clients:
            client.close()


def run(steps: Coroutine[object, object, None]) -> None:
    """Run a coroutine on the event loop of `serve`."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(steps)


def test_who_leads_leaves_connections_to_the_other_worker(
    queue: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_listener, "MAX_SILENT_LOOKS", 10**9)
    mine, other = create_worker_connections(2)
    other.set_count(0)

    async def steps() -> None:
        with closing(Worker(queue, mine)) as worker:
            await worker.listener.start()
            await worker.until(lambda: worker.listener.server is None)
            await asyncio.sleep(0.05)
            assert len(worker.transports) <= shared_listener.MIN_LEAD + 3, "the rest is in the queue"
            taken = [queue.accept()[0] for _ in range(CLIENTS // 2)]
            other.set_count(len(taken))
            await worker.accepts(CLIENTS - len(taken))
            for connection in taken:
                connection.close()

    run(steps())


def test_nobody_waits_for_long_for_a_worker_that_hangs(queue: socket.socket) -> None:
    mine, hanging = create_worker_connections(2)
    hanging.set_count(0)

    async def steps() -> None:
        with closing(Worker(queue, mine)) as worker:
            await worker.listener.start()
            await worker.accepts(CLIENTS)

    run(steps())


def test_nobody_waits_for_a_worker_that_has_ended(queue: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_listener, "MAX_SILENT_LOOKS", 10**9)
    mine, ended = create_worker_connections(2)
    ended.set_count(0)
    ended.set_absent()

    async def steps() -> None:
        with closing(Worker(queue, mine)) as worker:
            await worker.listener.start()
            await worker.accepts(CLIENTS)
            worker.listener.stop()
            assert ended.list_others()[0] > CLIENTS, "a worker that stops is waited for by nobody"

    run(steps())


def test_a_worker_takes_its_part_of_the_shared_memory_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert take_worker_connections() is None, "its holder may be of an earlier release"
    first, second = create_worker_connections(2)
    monkeypatch.setenv(VARIABLE, second.build_variable()[VARIABLE])
    taken = take_worker_connections()
    assert taken is not None and VARIABLE not in os.environ
    taken.set_count(7)
    assert first.list_others() == [7]
