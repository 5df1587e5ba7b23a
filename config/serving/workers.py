"""The servers of `manage.py serve --workers`: the store's process, and the workers that accept connections.

The store's process is what `serve` is otherwise, except that its requests come from the workers. So there is one event
store, one state of hits and one scheduler of periodic tasks, whatever the number of workers.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable

import orjson
from django.conf import settings

from config.serving.forwarded_requests import listen_for_requests
from config.serving.http_limits import LimitedProtocol
from config.serving.server import Server, build_server_config
from config.serving.shared_listener import SharedListener
from config.serving.worker_connections import take_worker_connections
from config.serving.worker_sockets import find_request_socket, find_state_socket

PARENT_CHECK_SECONDS = 1.0


async def end_without_parent(request_end: Callable[[], None]) -> None:
    """End this process when the one that holds the socket has died, since nobody would start it again."""
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - the kernel tells nobody
        await asyncio.sleep(PARENT_CHECK_SECONDS)
    request_end()


class StoreServer(Server):
    """The server of the store's process: it answers the workers instead of accepting connections."""

    def __init__(self, host: str, port: int) -> None:
        from config.asgi import application
        from tracking import live

        super().__init__(build_server_config(application, host, port), before_end=live.close)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        from config import process
        from config.asgi import application
        from tracking import live, spool
        from tracking.state.memory import MemoryState
        from tracking.state.state_server import StateServer

        await super().startup(sockets)
        assert isinstance(process.state, MemoryState)
        await asyncio.to_thread(spool.start, has_workers=True)
        self.state_server = StateServer(process.state, on_event=lambda event: live.publish(orjson.loads(event)))
        live.watch_sites(self.state_server.send_sites)
        self.request_server = await listen_for_requests(application, find_request_socket())
        await self.state_server.start(find_state_socket())
        self.parent_watch = asyncio.create_task(end_without_parent(self.request_end))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.parent_watch.cancel()
        self.request_server.close()
        self.state_server.stop()
        await super().shutdown(sockets)


class WorkerServer(Server):
    """The server of a worker, which accepts connections in its turn."""

    listener: SharedListener | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        from config.serving.worker_parts import get_worker_state

        self.link_task = asyncio.create_task(get_worker_state().link.keep_connected())
        connections = take_worker_connections()
        if connections is None or not sockets:
            await super().startup(sockets)
        else:
            await super().startup([])
            self.listener = SharedListener(sockets[0], connections, self.create_protocol)
            await self.listener.start()
        self.parent_watch = asyncio.create_task(end_without_parent(self.request_end))

    def create_protocol(self) -> asyncio.Protocol:
        """Create the protocol of a connection, as uvicorn does, which notes how many there are."""
        protocol: asyncio.Protocol = self.config.http_protocol_class(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )  # type: ignore[call-arg]
        if isinstance(protocol, LimitedProtocol):
            protocol.on_change = self.note_connections
        return protocol

    def note_connections(self) -> None:
        """Note how many connections are open."""
        assert self.listener is not None
        self.listener.note_count(len(self.server_state.connections))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.parent_watch.cancel()
        if self.listener is not None:
            self.listener.stop()
        await super().shutdown(sockets)
        self.link_task.cancel()


def prepare_worker() -> None:
    """Set the sockets of the store's process and the worker's cache, before anything that reads them is loaded."""
    settings.STATE_SOCKET, settings.REQUEST_SOCKET = str(find_state_socket()), str(find_request_socket())
    for cache in settings.CACHES.values():
        cache["BACKEND"] = "config.serving.worker_cache.WorkerCache"


def build_worker_server(host: str, port: int) -> WorkerServer:
    """Build the server of a worker; `prepare_worker` was called before."""
    from config.asgi import immediate_responder
    from config.worker_asgi import forwarder, worker_application

    return WorkerServer(
        build_server_config(worker_application, host, port, immediate_responder), before_end=forwarder.end_streams
    )
