"""Accepting connections beside other workers: each leaves new ones to those that have fewer.

All workers accept from one socket, whose queue survives each of them. When many connections come at once, the worker
that happens to run first would take most of them, and keep them as long as they are open. So one that leads another one
by more than a few stops listening until it does not lead any more. The connections wait in the queue meanwhile.

A worker that hangs accepts none, so nobody waits for it for long: if a connection has been in the queue at
MAX_SILENT_LOOKS looks, at which the others' numbers stayed the same, this worker accepts all that come for
SOLE_SECONDS. Looks are counted, not seconds, because on a busy machine all workers are late together.
"""

from __future__ import annotations

import asyncio
import logging
import select
import socket
from collections.abc import Callable

from config.serving.listening_socket import QUEUE_LENGTH
from config.serving.worker_connections import WorkerConnections

MIN_LEAD = 2  # connections more than another worker has; and one more for each LEAD_SHARE own ones
LEAD_SHARE = 8
LOOK_SECONDS = 0.002  # between two looks while a connection is in the queue
IDLE_LOOK_SECONDS = 0.05
MAX_SILENT_LOOKS = 50
SOLE_SECONDS = 1.0
RETRY_SECONDS = 1.0
log = logging.getLogger(__name__)


class SharedListener:
    """Listens on a socket that other workers also listen on, unless this worker leads."""

    def __init__(
        self, sock: socket.socket, connections: WorkerConnections, create_protocol: Callable[[], asyncio.Protocol]
    ) -> None:
        self.sock, self.connections, self.create_protocol = sock, connections, create_protocol
        self.queue = select.poll()
        self.queue.register(sock, select.POLLIN)
        self.server: asyncio.Server | None = None  # while it listens
        self.waiting: asyncio.Task[None] | None = None  # while it does not
        self.sole_until = 0.0
        self.is_stopped = False

    async def start(self) -> None:
        """Listen, and take part in what the workers share."""
        self.connections.set_count(0)
        await self.listen()

    def stop(self) -> None:
        """Stop listening. The socket itself remains open."""
        self.is_stopped = True
        self.connections.set_absent()
        if self.waiting is not None:
            self.waiting.cancel()
        self.pause()

    def note_count(self, count: int) -> None:
        """Note how many connections are open, which has just changed; stop listening if this worker leads."""
        if self.is_stopped:
            return
        self.connections.set_count(count)
        loop = asyncio.get_running_loop()
        if self.server is not None and self.leads() and loop.time() >= self.sole_until:
            self.pause()
            self.waiting = loop.create_task(self.wait_for_others())

    def leads(self) -> bool:
        """Return whether this worker has so many more connections than another one that new ones are left to it."""
        count = self.connections.get_count()
        return count > min(self.connections.list_others(), default=count) + MIN_LEAD + count // LEAD_SHARE

    async def wait_for_others(self) -> None:
        """Listen again when this worker does not lead any more, or when nobody else accepts."""
        silent_looks, others = 0, self.connections.list_others()
        while self.leads() and silent_looks < MAX_SILENT_LOOKS:
            is_queued, before, others = bool(self.queue.poll(0)), others, self.connections.list_others()
            silent_looks = silent_looks + 1 if is_queued and others == before else 0
            await asyncio.sleep(LOOK_SECONDS if is_queued else IDLE_LOOK_SECONDS)
        if silent_looks >= MAX_SILENT_LOOKS:
            self.sole_until = asyncio.get_running_loop().time() + SOLE_SECONDS
        while self.server is None:
            try:
                await self.listen()
            except OSError as error:  # as long as the process has as many open files as it may
                log.warning("this worker cannot listen yet: %s", error.strerror)
                await asyncio.sleep(RETRY_SECONDS)

    async def listen(self) -> None:
        """Accept connections. The event loop closes the socket that it is given, so it gets a copy. Raises OSError."""
        loop, copy = asyncio.get_running_loop(), self.sock.dup()
        try:
            self.server = await loop.create_server(self.create_protocol, sock=copy, backlog=QUEUE_LENGTH)
        except OSError:
            copy.close()
            raise

    def pause(self) -> None:
        """Accept no connections."""
        if self.server is not None:
            self.server.close()
            self.server = None
