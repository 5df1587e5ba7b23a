"""A whole request through `config.asgi.application`, as a server would make it: hot endpoints and Django alike."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import async_to_sync
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from config.asgi import application
from tests.hits import BROWSER, CHROME


@dataclass
class Answer:
    """What came back; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def request(url: str, *, host: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
    """One request for a path (with query) at a host. `headers` have `_` for `-`."""
    parts = urlsplit(url)
    plain = {**BROWSER, "accept-encoding": "identity"}
    sent = {"host": host, "user-agent": CHROME, **plain, **{k.replace("_", "-"): v for k, v in headers.items()}}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": parts.path, "raw_path": parts.path.encode(), "query_string": parts.query.encode(), "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items()],
        "client": ("203.0.113.7", 5555), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    signals = (request_started, request_finished)
    kept = [signal for signal in signals if signal.disconnect(close_old_connections)]  # the test's transaction stays
    try:
        return async_to_sync(_exchange)(scope, body)
    finally:
        for signal in kept:
            signal.connect(close_old_connections)


async def _exchange(scope: dict[str, Any], body: bytes) -> Answer:
    incoming = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if incoming:
            return incoming.pop()
        await asyncio.sleep(3600)  # nobody disconnects
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await application(scope, receive, send)
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))
