"""Requests to the whole application, hot endpoints and Django alike, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from asgiref.sync import async_to_sync
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from config.asgi import application


class Answered(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


@contextmanager
def one_connection() -> Iterator[None]:
    """The test's own connection to the database outlives a request, as with Django's test client."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in signals:
            signal.connect(close_old_connections)


def ask(
    path: str, method: str = "GET", headers: dict[str, str] | None = None, *, client: str = "198.51.100.7",
    body: bytes = b"", query: bytes = b"",
) -> Answered:  # fmt: skip
    """The answer to one request; the client stays until it has come."""
    pieces = [{"type": "http.request", "body": body, "more_body": False}]
    told: list[Any] = []

    async def receive() -> Any:
        if not pieces:
            await asyncio.Event().wait()
        return pieces.pop()

    async def send(message: Any) -> None:
        told.append(message)

    async def answered(scope: Any) -> None:
        await asyncio.wait_for(application(scope, receive, send), 30)

    named = {"host": "testserver", "content-length": str(len(body)), **(headers or {})}
    with one_connection():
        async_to_sync(answered)({
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query,
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in named.items() if value],
            "client": (client, 5), "scheme": "http", "http_version": "1.1", "server": ("testserver", 80),
            "root_path": "",
        })  # fmt: skip
    found = {name.decode().lower(): value.decode() for name, value in told[0]["headers"]}
    return Answered(told[0]["status"], found, b"".join(message.get("body", b"") for message in told[1:]))
