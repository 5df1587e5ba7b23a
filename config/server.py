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
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from config.http_limits import ConnectionCounter, LimitedProtocol, watch_connections
from config.together import AtOnce, Together

MOST_FILES = 65_536
GRACE_SECONDS = 4
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


class PatientProtocol(LimitedProtocol):
    """Answers at once what needs no waiting, before uvicorn makes anything for it."""

    together: Together
    asked = answered = False  # `together` about the request that is read

    def on_message_begin(self) -> None:
        self.asked = self.answered = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self.check_head()
        if not self.answer_at_once():
            self.start_request()

    def is_answered(self) -> bool:
        """Also where the answer did not come from a task of uvicorn's."""
        return self.answered or super().is_answered()

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

    def refuse(self, status: int, sentence: str) -> None:
        """What was answered before goes out first."""
        self.together.end()
        super().refuse(status, sentence)

    def shutdown(self) -> None:
        """The server ends: what is answered already goes out first."""
        self.together.end()
        super().shutdown()


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
        self.sweeper = asyncio.create_task(watch_connections(self.server_state.connections))


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
    shared = {"together": Together(at_once or AtOnce()), "clients": ConnectionCounter()}
    protocol = type("Protocol", (PatientProtocol,), shared)
    settings: dict[str, Any] = {
        "loop": "uvloop", "http": protocol, "ws": "none", "lifespan": "on", "access_log": False,
        "log_config": None, "proxy_headers": False, "server_header": False, "backlog": 2048,
        "timeout_keep_alive": 15, "timeout_graceful_shutdown": GRACE_SECONDS,
    }  # fmt: skip
    return uvicorn.Config(app, host=host, port=port, **{**settings, **more})
