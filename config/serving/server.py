"""The web server: uvicorn in this process, with limits on connections and immediate responses; and the lock that allows
one per DATA_DIR.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn

from config.serving.http_limits import ConnectionCounter, LimitedProtocol, watch_connections
from config.serving.listening_socket import QUEUE_LENGTH
from config.serving.response_batcher import (
    DelayedResponse,
    FinishedResponse,
    ImmediateResponder,
    ImmediateResponse,
    ResponseBatch,
)
from config.serving.uvicorn_protocol import STATUS_LINE, Cycle, HttpToolsProtocol, PendingCycle, find_missing_members
from tracking.web import Application, Scope

log = logging.getLogger(__name__)
MAX_OPEN_FILES = 65_536
DRAIN_SECONDS = 1.0  # in which connections may still send a request after the server has stopped accepting new ones
DRAIN_POLL_SECONDS = 0.05
SHUTDOWN_SECONDS = 4
SWITCH_SECONDS = 0.001  # a hit waits so long for a page that another thread computes; Python's own value is 5 ms
GC_THRESHOLDS = (50_000, 20, 50)  # new objects before a collection; collections before one of the next older generation


class HeaderLines:
    """The default header lines of every response, serialized when uvicorn replaces them each second (`date`)."""

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.serialized = b""

    def serialize(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """Serialize the headers as they are sent."""
        if headers is not self.headers:
            self.serialized = b"".join(b"%b: %b\r\n" % header for header in headers)
            self.headers = headers
        return self.serialized


_default_header_lines = HeaderLines()


class ImmediateProtocol(LimitedProtocol):
    """The protocol that sends responses which need no waiting, before uvicorn creates any object for the request."""

    batch: ResponseBatch
    is_draining = False  # the next response ends the connection
    was_tried = answered = False  # whether the current request was offered to `batch`, and whether that responds

    def on_message_begin(self) -> None:
        self.was_tried = self.answered = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self.check_head()
        if not self.respond_immediately():
            self.start_request()

    def is_answered(self) -> bool:
        """Whether the newest request has been answered by a task of uvicorn, or is answered without one."""
        return self.answered or super().is_answered()

    def respond_immediately(self) -> bool:
        """Respond to an ordinary GET that needs no waiting; returns False if uvicorn has to handle the request."""
        cycle, url, parser = self.cycle, self.url, self.parser
        if (cycle is not None and not cycle.response_complete) or self.flow.write_paused or self.expect_100_continue:
            return False
        if self.is_draining:
            return False
        path, _, query = url.partition(b"?")
        if path[:1] != b"/" or path[1:2] == b"/" or b"%" in path or b"#" in url or not path.isascii():
            return False
        if parser.get_method() != b"GET" or not parser.should_keep_alive() or parser.should_upgrade():
            return False
        scope: Scope = self.scope  # type: ignore[assignment]
        scope["method"], scope["http_version"] = "GET", parser.get_http_version()
        scope["path"], scope["raw_path"], scope["query_string"] = path.decode("ascii"), path, query
        if scope["http_version"] != "1.1" or (response := self.batch.respond(scope)) is None:
            self.was_tried = scope["http_version"] == "1.1"
            return False
        self.answered = True  # or will be; nothing more of the request is read
        if isinstance(response, DelayedResponse):
            self.running = pending = PendingCycle()
            self.set_current(pending)
            response.send = partial(self.send_pending, pending)
            return True
        self.add_response(self.transport, self.batch.number, response, b"\r\n")
        self.server_state.total_requests += 1
        self.idle_since = self.loop.time()
        return True

    def start_task(self, cycle: Any, app: object) -> None:
        """Respond immediately if that needs no waiting, because a task costs more than the response; else start one."""
        if self.is_draining:
            cycle.keep_alive = False
            cycle.scope["headers"].append((b"connection", b"close"))  # uvicorn repeats it in the response
        response: ImmediateResponse | DelayedResponse | None = None
        if not self.flow.write_paused and not self.was_tried:
            response = self.batch.respond(cycle.scope)
        if response is None:
            super().start_task(cycle, app)
        elif isinstance(response, DelayedResponse):
            self.running = cycle
            response.send = partial(self.send_response, cycle)
        else:
            self.send_response(cycle, self.batch.number, response)
            self.batch.commit()

    def send_response(self, cycle: Cycle, number: int, response: ImmediateResponse | None) -> None:
        """Send the response to a request for which uvicorn has made its objects; None if it failed."""
        self.send_and_call(partial(self.end_cycle, cycle), cycle, number, response)

    def send_pending(self, pending: PendingCycle, number: int, response: ImmediateResponse | None) -> None:
        """Send the response to a request for which uvicorn has made no objects; None if it failed."""
        self.send_and_call(partial(self.end_pending, pending), pending, number, response)

    def send_and_call(
        self, on_sent: Callable[[], None], cycle: Cycle, number: int, response: ImmediateResponse | None
    ) -> None:
        """Send the response to a request, None if it failed, and call a function after that."""
        if response is None:
            self.transport.abort()
            response = (500, b"", b"")  # sent to nobody
        transport = None if cycle.disconnected else self.transport
        end = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
        self.add_response(transport, number, response, end, on_sent)

    def add_response(
        self,
        transport: asyncio.Transport | None,
        number: int,
        response: ImmediateResponse,
        end: bytes,
        on_sent: Callable[[], None] | None = None,
    ) -> None:
        """Add a response to the batch; `end` ends its headers."""
        status, headers, body = response
        status_line = STATUS_LINE[status] + _default_header_lines.serialize(self.server_state.default_headers)
        self.batch.add(self.loop, FinishedResponse(number, transport, status_line, headers, end + body, on_sent))

    def end_cycle(self, cycle: Cycle) -> None:
        """Begin the next request of the connection, or close it."""
        cycle.response_started = cycle.response_complete = True
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def end_pending(self, pending: PendingCycle) -> None:
        """Begin the next request of the connection, if it is there; uvicorn's timer for idle ones costs too much."""
        if self.pipeline or self.flow.read_paused or not pending.keep_alive:
            self.end_cycle(pending)
            return
        pending.response_complete = True
        self.server_state.total_requests += 1
        self.idle_since = self.loop.time()

    def send_error_and_close(self, status: int, sentence: str) -> None:
        """Send the responses of earlier requests before the error."""
        self.batch.commit()
        super().send_error_and_close(status, sentence)

    def shutdown(self) -> None:
        """Send the finished responses, then shut down."""
        self.batch.commit()
        super().shutdown()


class Server(uvicorn.Server):
    """uvicorn with our handling of signals: its own raises them again, so that no code after it would run."""

    def __init__(self, config: uvicorn.Config, before_end: Callable[[], None] | None = None) -> None:
        super().__init__(config)
        self.before_end = before_end

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.request_end)
        yield

    def request_end(self) -> None:
        """Stop accepting, end the streams, finish running requests. A second call does not wait for these."""
        self.force_exit = self.should_exit
        self.should_exit = True
        if self.before_end is not None:
            self.before_end()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting and drain the connections, then close them and stop the components."""
        for server in self.servers:
            server.close()
        for sock in sockets or []:
            sock.close()
        await self.drain_connections()
        await super().shutdown(sockets)

    async def drain_connections(self) -> None:
        """Respond, for up to DRAIN_SECONDS, to requests on open connections, and end each after its response.

        Otherwise a client would be cut off that was connected a moment ago, or sends its next request just now.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + DRAIN_SECONDS
        while self.server_state.connections and loop.time() < end and not self.force_exit:
            for connection in self.server_state.connections:
                if isinstance(connection, ImmediateProtocol):
                    connection.is_draining = True
            await asyncio.sleep(DRAIN_POLL_SECONDS)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        freeze_loaded_objects()
        sys.setswitchinterval(SWITCH_SECONDS)
        self.sweeper = asyncio.create_task(watch_connections(self.server_state.connections))


def freeze_loaded_objects() -> None:
    """Collect garbage more rarely and exclude what is loaded now, because requests leave next to no garbage."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def raise_file_limit() -> int:
    """Raise the limit of open files as far as the system allows; returns the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(MAX_OPEN_FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


def build_server_config(
    app: Application, host: str, port: int, responder: ImmediateResponder | None = None, **more: object
) -> uvicorn.Config:
    """Build uvicorn's configuration. It ignores headers of proxies, because `config.asgi` applies them."""
    shared = {"batch": ResponseBatch(responder or ImmediateResponder()), "clients": ConnectionCounter()}
    protocol: type = type("Protocol", (ImmediateProtocol,), shared)
    if missing := find_missing_members():
        log.warning("This release of uvicorn has no %s: connections are served without limits", ", ".join(missing))
        protocol = HttpToolsProtocol
    settings: dict[str, Any] = {
        "loop": "uvloop", "http": protocol, "ws": "none", "lifespan": "on", "access_log": False,
        "log_config": None, "proxy_headers": False, "server_header": False, "backlog": QUEUE_LENGTH,
        "timeout_keep_alive": 15, "timeout_graceful_shutdown": SHUTDOWN_SECONDS,
    }  # fmt: skip
    return uvicorn.Config(app, host=host, port=port, **{**settings, **more})


class AlreadyServing(RuntimeError):
    """Another process serves from this directory. The message is shown to the user."""


@contextmanager
def hold_serving_lock(data_dir: Path) -> Iterator[None]:
    """Hold the lock on the directory, which the kernel releases when the process ends, however it ends.

    Raises AlreadyServing.
    """
    path = data_dir / "serve.lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            other = file.read().strip() or "unknown"
            raise AlreadyServing(
                f"Footfall already serves from {data_dir} (process {other}); stop it, or set another DATA_DIR."
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
