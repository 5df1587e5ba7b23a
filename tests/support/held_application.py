"""An application behind the limits of concurrent requests, whose requests end when a test says so."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.support import asgi

CLIENT, OTHER = "198.51.100.1", "198.51.100.2"


class Application:
    """Stands behind the limit: notes which requests begin, and answers each when it may."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.has_begun: dict[str, asyncio.Event] = {}
        self.may_end: dict[str, asyncio.Event] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        while (message := await receive()).get("more_body"):
            pass
        if message["type"] == "http.disconnect":
            return
        self.begun.append(path)
        self.has_begun.setdefault(path, asyncio.Event()).set()
        await self.may_end.setdefault(path, asyncio.Event()).wait()
        if path == "/fails":
            raise ValueError(path)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": path.encode()})

    async def begins(self, path: str) -> None:
        """Wait until a request has begun."""
        await self.has_begun.setdefault(path, asyncio.Event()).wait()

    def end(self, *paths: str) -> None:
        for path in paths:
            self.may_end.setdefault(path, asyncio.Event()).set()


def ask(path: str, address: str = CLIENT) -> asyncio.Task[asgi.Answer]:
    return asyncio.create_task(asgi.send("GET", path, address=address))


async def all_wait() -> None:
    """Let every task go on until it waits."""
    for _ in range(50):
        await asyncio.sleep(0)


def numbered(count: int) -> list[str]:
    return [f"/pages/{number}" for number in range(count)]
