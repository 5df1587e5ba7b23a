"""A real HTTP server that misbehaves on demand: slow, resetting, endless, incomplete, redirecting."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import trustme

Seen = tuple[str, str, dict[str, str], bytes]  # method, path, headers, body


class MisbehavingServer(ThreadingHTTPServer):
    """`seen` lists the requests, `base` is its address."""

    daemon_threads = True

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), Misbehaving)
        self.seen: list[Seen] = []
        self.waited: list[bool] = []
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.base = f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that hung up. To print a traceback, this thread would parse source code, and
        Python 3.11 raises SystemError where another thread does so at the same time."""


class Misbehaving(BaseHTTPRequestHandler):
    """The first part of the path selects how it misbehaves.

    Every request is recorded in `server.seen`.
    """

    server: MisbehavingServer
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        kind, _, rest = self.path.strip("/").partition("/")
        getattr(self, f"answer_{kind}", self.answer_ok)(rest)

    do_GET = do_POST = do_HEAD = answer

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def answer_ok(self, rest: str) -> None:
        self.reply(200, b"<html>Welcome</html>")

    def answer_status(self, rest: str) -> None:
        self.reply(int(rest), b"as asked")

    def answer_slow(self, rest: str) -> None:
        time.sleep(float(rest))
        self.reply(200, b"late")

    def answer_to(self, rest: str) -> None:
        self.reply(302, Location=rest.replace("|", "/"))

    def answer_loop(self, rest: str) -> None:
        self.reply(302, Location="/loop")

    def answer_reset(self, rest: str) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def answer_half(self, rest: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"only this")
        self.close_connection = True

    def answer_endless(self, rest: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(10**9))
        self.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(1000):
                self.wfile.write(b"x" * 10**6)
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        """Silence."""


@contextlib.contextmanager
def misbehaving(
    tls: ssl.SSLContext | None = None, port: int = 0, host: str = "127.0.0.1"
) -> Iterator[MisbehavingServer]:
    """The server on a port of `host`, a free one unless given."""
    server = MisbehavingServer(host, port, tls)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def wrong_certificate() -> ssl.SSLContext:
    """A certificate nobody trusts, for another name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("other.example").configure_cert(context)
    return context
