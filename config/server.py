"""The web server: uvicorn in this process, with what it lacks against strangers who never finish a request."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import signal
from collections.abc import Generator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from config.together import AtOnce, Together

HEADER_SECONDS = 10.0  # from the connection, or the first byte of a request, to the end of its headers
BODY_SECONDS = 30.0  # between two pieces of a body
MOST_HEADER_BYTES = 128 * 1024
MOST_FILES = 65_536
GRACE_SECONDS = 4
SWEEP_SECONDS = 1.0
GARBAGE = (50_000, 20, 50)  # new objects before a search; searches before the next older generation's


class Standard:
    """The header lines of every answer, which uvicorn makes anew each second (`date`)."""

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.made = b""

    def lines(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """As they go over the wire."""
        if headers is not self.headers:
            self.made = b"".join(b"%b: %b\r\n" % header for header in headers)
            self.headers = headers
        return self.made


_standard = Standard()


class PatientProtocol(HttpToolsProtocol):
    """HTTP/1.1 with an end to patience. Times are the loop's; one sweep a second looks at all connections."""

    together: Together
    waiting_since: float | None = None
    waiting_most = HEADER_SECONDS
    header_bytes = 0
    asked = answered = False  # `together` about the request that is read
    idle_since: float | None = None  # after an answer at once; uvicorn has a timer for its own

    def connection_made(self, transport: Any) -> None:
        self.waiting_since = self.loop.time()
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        since = self.waiting_since
        if since is not None:
            if self.waiting_most == BODY_SECONDS:
                self.waiting_since = self.loop.time()
            else:
                self.header_bytes += len(data)
                if self.header_bytes > MOST_HEADER_BYTES:
                    self.together.end()
                    self.transport.write(b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\r\n")
                    self.transport.close()
                    return
        super().data_received(data)

    def on_message_begin(self) -> None:
        self.waiting_since, self.waiting_most = self.loop.time(), HEADER_SECONDS
        self.asked = self.answered = False
        self.idle_since = None
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self.waiting_most, self.header_bytes = BODY_SECONDS, 0
        if not self.answer_at_once():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self.answered:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self.waiting_since = None
        if not self.answered:
            super().on_message_complete()

    def answer_at_once(self) -> bool:
        """Answer a usual GET that needs no waiting, before uvicorn makes anything for it."""
        cycle, url, parser = self.cycle, self.url, self.parser
        if (cycle is not None and not cycle.response_complete) or self.flow.write_paused or self.expect_100_continue:
            return False
        path, _, query = url.partition(b"?")
        if path[:1] != b"/" or path[1:2] == b"/" or b"%" in path or b"#" in url or not path.isascii():
            return False
        if parser.get_method() != b"GET" or not parser.should_keep_alive() or parser.should_upgrade():
            return False
        scope = self.scope
        scope["method"], scope["http_version"] = "GET", parser.get_http_version()
        scope["path"], scope["raw_path"], scope["query_string"] = path.decode("ascii"), path, query
        if scope["http_version"] != "1.1" or (found := self.together.ask(scope)) is None:
            self.asked = scope["http_version"] == "1.1"
            return False
        self.answered = True
        status, head, body = found
        start = STATUS_LINE[status] + _standard.lines(self.server_state.default_headers)
        self.together.add(self.loop, self.transport, start, head, b"\r\n" + body)
        self.server_state.total_requests += 1
        self.idle_since = self.loop.time()
        return True

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """Answer at once what can be answered without waiting; a task and its turn of the loop cost more than that."""
        found = None if self.flow.write_paused or self.asked else self.together.ask(cycle.scope)
        if found is None:
            super()._start_asgi_task(cycle, app)
            return
        status, head, body = found
        start = STATUS_LINE[status] + _standard.lines(self.server_state.default_headers)
        end = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
        self.together.add(self.loop, self.transport, start, head, end + body)
        self.together.end()
        cycle.response_started = cycle.response_complete = True
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """What was answered before goes out first."""
        self.together.end()
        super().send_400_response(msg)

    def shutdown(self) -> None:
        """The server ends: what is answered already goes out first."""
        self.together.end()
        super().shutdown()

    def give_up(self, now: float) -> None:
        """Close the connection if its request should have been here by now, or none came for long."""
        late = self.waiting_since is not None and now - self.waiting_since > self.waiting_most
        if late or (self.idle_since is not None and now - self.idle_since > self.timeout_keep_alive):
            self.transport.close()


async def sweep(connections: set[Any]) -> None:
    """Close connections that keep us waiting."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        now = loop.time()
        for connection in list(connections):
            if isinstance(connection, PatientProtocol):
                connection.give_up(now)


class Server(uvicorn.Server):
    """uvicorn that leaves signals to us: its own handling raises them again and nothing after it would run."""

    def __init__(self, config: uvicorn.Config, before_end: Any = None) -> None:
        super().__init__(config)
        self.before_end = before_end

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.end)
        yield

    def end(self) -> None:
        """Stop accepting, end the streams, answer what is under way. A second call does not wait for that."""
        self.force_exit = self.should_exit
        self.should_exit = True
        if self.before_end is not None:
            self.before_end()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        settle()
        self.sweeper = asyncio.create_task(sweep(self.server_state.connections))


def settle() -> None:
    """Search for garbage more rarely, and never again in what was loaded for good: requests leave next to none."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)


def raise_file_limit() -> int:
    """Allow as many open sockets as the system lets us; the number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(MOST_FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


def server_config(app: Any, host: str, port: int, at_once: AtOnce | None = None, **more: Any) -> uvicorn.Config:
    """The one way we run uvicorn. Proxies' words are judged by us, so it must not."""
    protocol = type("Protocol", (PatientProtocol,), {"together": Together(at_once or AtOnce())})
    settings: dict[str, Any] = {
        "loop": "uvloop", "http": protocol, "ws": "none", "lifespan": "on", "access_log": False,
        "log_config": None, "proxy_headers": False, "server_header": False, "backlog": 2048,
        "timeout_keep_alive": 15, "timeout_graceful_shutdown": GRACE_SECONDS,
    }  # fmt: skip
    return uvicorn.Config(app, host=host, port=port, **{**settings, **more})
