"""Requests that a collecting worker forwards to the store's process (`manage.py serve --workers`), over a Unix socket.

A connection carries one request, as the messages of ASGI: the worker sends the scope; the store's process sends RECEIVE
whenever its application wants the next message of the client, and the messages of the response. So the application sees
the client's address, the headers and the pieces of the body as if it had accepted the connection itself, and a slow
client slows it down the same way. Messages have the form of `tracking.state.worker_messages`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from config.serving.error_responses import send_error_response
from tracking.state.worker_messages import GREETING, LENGTH_BYTES, MAX_BYTES, open_private_socket, pack, unpack
from tracking.web import Application, Message, Receive, Scope, Send

RECEIVE = "receive"
SCOPE_NAMES = (
    "type", "asgi", "http_version", "method", "scheme", "path", "raw_path", "query_string", "root_path", "headers",
    "client", "server",
)  # fmt: skip
CONNECT_SECONDS = 3.0
AWAY_MESSAGE = "This part of the server is starting again. Try again in some seconds."
log = logging.getLogger(__name__)


class StoreProcessAway(Exception):
    """The store's process does not answer, or ended in the middle of a response."""


async def read_message(reader: asyncio.StreamReader) -> object:
    """Read one message. Raises IncompleteReadError at the end, OSError, ValueError for too long ones."""
    length = int.from_bytes(await reader.readexactly(LENGTH_BYTES), "big")
    if length > MAX_BYTES:
        raise ValueError(f"A message of {length} bytes")
    return unpack(await reader.readexactly(length))


def make_plain(message: Message) -> dict[str, object]:
    """Return an ASGI message with plain values only."""
    plain = dict(message)
    if "body" in plain:
        plain["body"] = bytes(plain["body"])
    if "headers" in plain:
        plain["headers"] = [(bytes(name), bytes(value)) for name, value in plain["headers"]]
    return plain


# -- in the worker -------------------------------------------------------------------------------------------------


class Forwarder:
    """Forwards requests to the store's process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.streams: set[asyncio.StreamReader] = set()  # of live events, which only end when somebody ends them

    async def forward(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the store's process respond; with 503 while it is away.

        Raises StoreProcessAway in the middle of a response.
        """
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await asyncio.open_unix_connection(str(self.path))
        except OSError:
            return await send_error_response(scope, send, 503, AWAY_MESSAGE)
        request = ForwardedRequest(self, reader, writer, receive, send)
        try:
            writer.write(pack(GREETING) + pack({name: scope[name] for name in SCOPE_NAMES if name in scope}))
            await request.pass_on()
        except (asyncio.IncompleteReadError, OSError) as error:
            await request.end_early(scope, error)
        finally:
            request.close()
        return None

    def end_streams(self) -> None:
        """End all live streams, because the worker ends."""
        for reader in self.streams:
            reader.feed_eof()


class ForwardedRequest:
    """One request in the worker."""

    def __init__(
        self, forwarder: Forwarder, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, receive: Receive,
        send: Send,
    ) -> None:  # fmt: skip
        self.forwarder, self.reader, self.writer = forwarder, reader, writer
        self.receive, self.send = receive, send
        self.receiving: asyncio.Task[None] | None = None
        self.is_started = False

    async def pass_on(self) -> None:
        """Pass on the messages of the response, and those of the client that the application asks for."""
        more = True
        while more:
            message = await read_message(self.reader)
            if message == RECEIVE:
                self.receiving = asyncio.create_task(self.pass_received())
                continue
            assert isinstance(message, dict)
            if message["type"] == "http.response.start":
                self.is_started = True
                if is_event_stream(message):
                    self.forwarder.streams.add(self.reader)
            else:
                more = message.get("more_body", False)
            await self.send(message)

    async def pass_received(self) -> None:
        """Pass on the client's next message."""
        message = await self.receive()
        with suppress(OSError):  # the response ends, too
            self.writer.write(pack(make_plain(message)))
            await self.writer.drain()

    async def end_early(self, scope: Scope, error: Exception) -> None:
        """End the response without the store's process.

        Raises StoreProcessAway if it would look complete but is not.
        """
        if not self.is_started:
            await send_error_response(scope, self.send, 503, AWAY_MESSAGE)
        elif self.reader in self.forwarder.streams:  # its browser connects again
            await self.send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            raise StoreProcessAway("The store's process ended in the middle of a response.") from error

    def close(self) -> None:
        """Close the connection."""
        self.forwarder.streams.discard(self.reader)
        if self.receiving is not None:
            self.receiving.cancel()
        self.writer.close()


def is_event_stream(start: Message) -> bool:
    """Whether a response is a live stream."""
    return any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in lower(start))


def lower(start: Message) -> list[tuple[bytes, bytes]]:
    """Return a response's headers with their names in lower case."""
    return [(name.lower(), value) for name, value in start["headers"]]


# -- in the store's process ----------------------------------------------------------------------------------------


class ReceivedRequest:
    """One request in the store's process."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.is_asked = False  # RECEIVE was sent, and its message was not read yet
        self.is_lost = False

    async def receive(self) -> Message:
        """Ask the worker for the client's next message; without the worker the client is gone."""
        if self.is_lost:
            return {"type": "http.disconnect"}
        try:
            if not self.is_asked:
                self.is_asked = True
                self.writer.write(pack(RECEIVE))
            message = await read_message(self.reader)
        except (asyncio.IncompleteReadError, OSError):
            self.is_lost = True
            return {"type": "http.disconnect"}
        assert isinstance(message, dict)
        self.is_asked = False
        return message

    async def send(self, message: Message) -> None:
        """Send a message of the response; to nobody if the client is gone."""
        if message["type"] not in ("http.response.start", "http.response.body"):
            return
        with suppress(OSError):
            self.writer.write(pack(make_plain(message)))
            await self.writer.drain()


def build_request_server(app: Application) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """Build the function that lets an application respond to a forwarded request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = ReceivedRequest(reader, writer)
        try:
            if await read_message(reader) != GREETING:
                log.error("a worker is of another release; restart all processes")
                return
            scope = await read_message(reader)
            assert isinstance(scope, dict)
            await app({**scope, "state": {}, "extensions": {}}, request.receive, request.send)
        except (asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
            pass
        except Exception:
            log.exception("A forwarded request failed")
        finally:
            writer.close()

    return serve


async def listen_for_requests(app: Application, path: Path) -> asyncio.Server:
    """Listen for forwarded requests on a socket that only this user may open. Raises OSError."""
    return await asyncio.start_unix_server(build_request_server(app), sock=open_private_socket(path))
