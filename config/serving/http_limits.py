"""Limits per connection and client, beyond which a connection is closed: bytes, time, responses that are not read.

uvicorn has none of these. Bytes are counted where the parser reports them, so it does not matter how a client splits
them into packets. Times are the event loop's; `watch_connections` checks them once a second.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from http import HTTPStatus

import httptools

from accounts.security.client_ip import get_rate_limit_key, is_trusted_proxy
from config.serving.uvicorn_protocol import STATUS_LINE, PendingCycle, RequestResponseCycle, UvicornProtocol

MAX_HEADER_BYTES = 128 * 1024  # address, headers and trailers of one request
MAX_HEADERS = 200  # lines of headers and trailers
MAX_FRAMING_PER_BODY_BYTE = 16  # a chunk of one byte has five bytes of framing; extensions need more
MAX_DISCARDED_BYTES = 1024 * 1024  # of a body whose request has been answered already
MAX_PIPELINED = 100  # requests of one connection that wait for the answer to an earlier one
MAX_CONNECTIONS_PER_CLIENT = 2000  # many visitors may share one address
MAX_HEADER_SECONDS = 10.0  # from the connection, or the first byte of a request, to the end of its headers
MAX_BODY_SECONDS = 30.0  # between two pieces of a body, and before MIN_BODY_RATE applies
MIN_BODY_RATE = 2048  # bytes a second on average
MAX_WRITE_SECONDS = 30.0  # in which a client must read MIN_READ_BYTES of a response
MIN_READ_BYTES = 16 * 1024
MAX_LINGER_SECONDS = 2.0  # for a rejected client to stop sending and read the error
MAX_UNREAD_BYTES = 16 * 1024  # less may stay unread while the connection is open; the transport's low-water mark
SWEEP_SECONDS = 1.0


class RejectedRequest(Exception):
    """The request is rejected, so the parser must stop. Only raised inside `data_received`."""


class ConnectionCounter:
    """Counts open connections per client. Trusted proxies are not counted, since they serve many clients."""

    def __init__(self) -> None:
        self.by_client: Counter[str] = Counter()

    def add(self, address: str) -> str | None:
        """Count a connection; returns the key to `remove` later ("" = unlimited client), None if it has too many."""
        if not address or is_trusted_proxy(address):
            return ""
        key = get_rate_limit_key(address)
        if self.by_client[key] >= MAX_CONNECTIONS_PER_CLIENT:
            return None
        self.by_client[key] += 1
        return key

    def remove(self, key: str) -> None:
        """Stop counting a closed connection."""
        self.by_client[key] -= 1
        if self.by_client[key] <= 0:
            del self.by_client[key]


class LimitedProtocol(UvicornProtocol):
    """HTTP/1.1 by uvicorn, with limits for hostile clients."""

    clients: ConnectionCounter
    on_change: Callable[[], None] | None = None  # called when a connection was opened or closed
    client_key = ""
    running: RequestResponseCycle | PendingCycle | None = None  # the request being answered; `cycle` is the newest
    closing_since: float | None = None  # since when the connection only waits for its client to read the error
    waiting_since: float | None = None  # since when headers or a body are being received; None between requests
    receiving_body = False
    last_body_at = 0.0  # when the last piece of the body arrived
    idle_since: float | None = None  # since when a new request may come; uvicorn's own timer covers some cases only
    framing_bytes = header_bytes = body_bytes = discarded_bytes = hosts = 0
    rejection = (400, "Invalid HTTP request received.")
    unread_since: float | None = None  # since when responses have not been read by the client
    unread_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.waiting_since = self.loop.time()
        super().connection_made(transport)
        key = self.clients.add(self.client[0] if self.client else "")
        if key is None:
            self.send_error_and_close(503, "Too many connections from your address.")
        self.client_key = key or ""
        self.note_change()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.client_key:
            self.clients.remove(self.client_key)
            self.client_key = ""
        self.stop_answering()
        super().connection_lost(exc)
        self.note_change()

    def note_change(self) -> None:
        """Tell a worker that the number of open connections has changed."""
        if self.on_change is not None:
            self.on_change()

    def data_received(self, data: bytes) -> None:
        """Parse received bytes; reject invalid HTTP and too many bytes around bodies."""
        self.stop_idle_timer()
        if self.closing_since is not None:
            self.discard(len(data))
            return
        self.framing_bytes += len(data)  # `on_body` subtracts the body
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # there is no other protocol: the request is answered as HTTP
        except httptools.HttpParserError:
            self.send_error_and_close(*self.rejection)
        if self.closing_since is not None or self.transport.is_closing():
            return
        if self.framing_bytes > MAX_HEADER_BYTES:
            self.send_error_and_close(431, "The headers, chunk extensions or trailers are too large.")
        elif self.waiting_since is None and self.idle_since is None and self.is_answered():
            self.idle_since = self.loop.time()  # empty lines between requests do not extend it

    def on_message_begin(self) -> None:
        self.waiting_since, self.receiving_body = self.loop.time(), False
        self.framing_bytes = self.header_bytes = self.body_bytes = self.discarded_bytes = self.hosts = 0
        self.idle_since = None
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Store a header. Trailers are counted and dropped: they could imitate headers that a proxy has checked."""
        self.header_bytes += len(name) + len(value)
        if self.receiving_body:
            self.check_headers()
            return
        name = name.lower()
        if name == b"host":
            self.hosts += 1
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))
        if len(self.headers) > MAX_HEADERS:
            self.check_headers()

    def on_headers_complete(self) -> None:
        """Check the headers of a request, then let uvicorn start it."""
        self.check_head()
        self.start_request()

    def start_request(self) -> None:
        """Let uvicorn start a checked request. Raises RejectedRequest if too many are waiting."""
        super().on_headers_complete()
        if len(self.pipeline) > MAX_PIPELINED:
            self.transport.abort()
            raise RejectedRequest

    def start_task(self, cycle: RequestResponseCycle, app: object) -> None:
        self.running = cycle
        super().start_task(cycle, app)

    def check_head(self) -> None:
        """Check the headers before the body begins. Raises RejectedRequest."""
        self.check_headers()
        self.last_body_at = self.waiting_since = self.loop.time()
        self.receiving_body, self.framing_bytes = True, 0
        if self.hosts != 1 and (self.hosts or self.parser.get_http_version() == "1.1"):
            self.reject(400, "A request needs exactly one Host header.")
        if self.parser.get_method() == b"CONNECT":
            self.reject(405, "This server is not a proxy.")

    def check_headers(self) -> None:
        """Raise RejectedRequest if there are too many or too large headers and trailers."""
        if self.header_bytes + len(self.url) > MAX_HEADER_BYTES or len(self.headers) > MAX_HEADERS:
            self.reject(431, f"At most {MAX_HEADERS} headers and trailers, {MAX_HEADER_BYTES // 1024} KB together.")

    def on_body(self, body: bytes) -> None:
        """Count a piece of a body; it allows for some bytes of chunked encoding around it."""
        size = len(body)
        self.last_body_at = self.loop.time()
        self.body_bytes += size
        self.framing_bytes = max(0, self.framing_bytes - size * (1 + MAX_FRAMING_PER_BODY_BYTE))
        if self.is_answered():
            self.discard(size)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self.waiting_since, self.receiving_body, self.framing_bytes = None, False, 0
        if not self.is_answered():
            super().on_message_complete()

    def is_answered(self) -> bool:
        """Whether the newest request of this connection has been answered."""
        return self.cycle is None or self.cycle.response_complete

    def reject(self, status: int, sentence: str) -> None:
        """Raise RejectedRequest; `data_received` sends the error."""
        self.rejection = (status, sentence)
        raise RejectedRequest(sentence)

    def discard(self, size: int) -> None:
        """Count discarded bytes; close the connection if there are too many."""
        self.discarded_bytes += size
        if self.discarded_bytes > MAX_DISCARDED_BYTES:
            self.transport.close()

    def send_error_and_close(self, status: int, sentence: str) -> None:
        """Send an error unless another response has begun, and close as soon as the client stops sending."""
        if self.transport.is_closing() or self.closing_since is not None:
            return
        begun = self.running is not None and not self.running.response_complete and self.running.response_started
        if not begun and not self.pipeline:
            self.transport.write(format_error(status, sentence))
        self.stop_answering()
        self.closing_since, self.discarded_bytes = self.loop.time(), 0
        self.flow.resume_reading()
        self.transport.write_eof()

    def stop_answering(self) -> None:
        """Signal to the running application that the client has disconnected."""
        self.pipeline.clear()
        for cycle in (self.running, self.cycle):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        if self.flow is not None:
            self.flow.resume_writing()

    def close_if_overdue(self, now: float) -> None:
        """Close the connection if the client is too slow, idle, or does not read its responses."""
        idle = self.idle_since is not None and now - self.idle_since > self.timeout_keep_alive
        is_rejected = self.closing_since is not None and now - self.closing_since > MAX_LINGER_SECONDS
        if idle or is_rejected or self.is_receiving_late(now):
            self.transport.close()
        if self.leaves_unread(now):
            self.transport.abort()

    def is_receiving_late(self, now: float) -> bool:
        """Whether headers or body are taking too long."""
        if self.waiting_since is None:
            return False
        if self.flow.read_paused:  # reading is paused on our side
            self.last_body_at = self.waiting_since = now
        if not self.receiving_body:
            return now - self.waiting_since > MAX_HEADER_SECONDS
        slowest = MAX_BODY_SECONDS + self.body_bytes / MIN_BODY_RATE
        return now - self.last_body_at > MAX_BODY_SECONDS or now - self.waiting_since > slowest

    def leaves_unread(self, now: float) -> bool:
        """Whether the client has not read its responses for too long."""
        size = self.transport.get_write_buffer_size()
        if size <= (0 if self.transport.is_closing() else MAX_UNREAD_BYTES):
            self.unread_since = None
        elif self.unread_since is None or size <= self.unread_bytes - MIN_READ_BYTES:
            self.unread_since, self.unread_bytes = now, size
        else:
            self.unread_bytes = max(self.unread_bytes, size)
        return self.unread_since is not None and now - self.unread_since > MAX_WRITE_SECONDS


def format_error(status: int, sentence: str) -> bytes:
    """Format an error as a complete response in plain text, after which the connection is closed."""
    text = (sentence or HTTPStatus(status).phrase).encode()
    head = b"content-type: text/plain; charset=utf-8\r\nx-content-type-options: nosniff\r\nconnection: close\r\n"
    more = b"retry-after: 5\r\n" if status == 503 else b"allow: GET, HEAD, POST\r\n" if status == 405 else b""
    return b"%b%b%bcontent-length: %d\r\n\r\n%b" % (STATUS_LINE[status], head, more, len(text), text)


async def watch_connections(connections: Collection[object]) -> None:
    """Close the connections that exceed a limit of time, once in SWEEP_SECONDS."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        now = loop.time()
        for connection in list(connections):
            if isinstance(connection, LimitedProtocol):
                connection.close_if_overdue(now)
