"""Servers that kill the worker (SIGKILL) during a request, and record what they received."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller


@dataclass
class Trap:
    """Whom to kill when something of a kind arrives: "ping", "dest", "hook" or "mail". Springs once."""

    kind: str = ""
    process: int = 0
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    mails: list[Message] = field(default_factory=list)

    def spring(self, kind: str) -> bool:
        if kind != self.kind:
            return False
        self.kind = ""
        while not self.process:  # its number is on its way
            time.sleep(0.01)
        os.kill(self.process, signal.SIGKILL)
        return True

    def delivery_ids(self) -> dict[str, set[str]]:
        """subject of a hook -> the delivery ids it came with."""
        found: dict[str, set[str]] = {}
        for subject, headers in self.seen:
            if "X-Delivery-Id" in headers:
                found.setdefault(subject, set()).add(headers["X-Delivery-Id"])
        return found


class TrappedServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, trap: Trap) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.trap = trap


class Answering(BaseHTTPRequestHandler):
    """/ping, /dest and /hook; a path with status/<number> answers that."""

    protocol_version = "HTTP/1.1"
    server: TrappedServer

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        trap = self.server.trap
        kind = self.path.split("/")[1]
        if kind == "hook":
            import json

            trap.seen.append((json.loads(body)["subject"], dict(self.headers)))
        trap.spring(kind)
        with contextlib.suppress(OSError):
            self.send_response(int(self.path.split("/status/")[1]) if "/status/" in self.path else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    do_GET = do_POST = do_HEAD = answer

    def log_message(self, *args: object) -> None:
        """Silence."""


class Keeping:
    """A mail server's handler: it takes the mail, then the sender dies before it hears so."""

    def __init__(self, trap: Trap) -> None:
        self.trap = trap

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        from email import message_from_bytes

        self.trap.mails.append(message_from_bytes(envelope.content))
        self.trap.spring("mail")
        return "250 taken"


@dataclass
class Servers:
    """Addresses of both servers, and their trap."""

    base: str
    email_url: str
    trap: Trap


@contextlib.contextmanager
def running(port: int) -> Iterator[Servers]:
    """Both servers on loopback; mail on `port`."""
    trap = Trap()
    http = TrappedServer(trap)
    Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    smtp = Controller(Keeping(trap), hostname="127.0.0.1", port=port)
    smtp.start()
    try:
        yield Servers(f"http://127.0.0.1:{http.server_port}", f"smtp://127.0.0.1:{port}", trap)
    finally:
        smtp.stop()
        http.shutdown()
        http.server_close()
