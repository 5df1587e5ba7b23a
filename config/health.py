"""`GET /healthz`: is it ready, and what is wrong? Answers from memory, also while a store is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any

import orjson
from django.core.cache import cache
from django.db import DatabaseError, connection

from accounts.operations.run import summary
from tracking import feed, places, spool, store

BEAT_KEY = "footfall:last-beat"
LATE_SECONDS = 60
ASK_SECONDS = 2.0
TASK_SECONDS = 5.0
_answer: tuple[float, str] = (0.0, "not asked yet")
_tasks: tuple[float, dict[str, Any]] = (-TASK_SECONDS, {})


def beat(now: datetime) -> None:
    """Beat and worker are alive: note when."""
    cache.set(BEAT_KEY, now.timestamp(), timeout=None)


def report(now: datetime) -> dict[str, Any]:
    """The state of this process; "ok" only when nothing is wrong."""
    waiting = spool.health()
    last = cache.get(BEAT_KEY)
    sentence = store_answers()
    warnings = [text for text in (waiting.get("warning"), sentence) if text]
    if last is not None and now.timestamp() - last > LATE_SECONDS:
        warnings.append("Celery's beat or worker is silent.")
    return {
        "status": "degraded" if warnings else "ok",
        "spool": waiting,
        "store": {"reachable": not sentence, "error": sentence},
        "last_beat": datetime.fromtimestamp(last, UTC).isoformat() if last else None,
        "tasks": tasks(),
        "geography": places.available(),
        "streams": feed.watched(),
        "warnings": warnings,
    }


def store_answers() -> str:
    """Empty when the event store answers, else the sentence why not. Asked at most every two seconds."""
    global _answer
    if time.monotonic() - _answer[0] > ASK_SECONDS:
        try:
            store.ping()
            found = ""
        except store.StoreError as error:
            found = str(error)
        _answer = (time.monotonic(), found)
    return _answer[1]


def tasks() -> dict[str, Any]:
    """The periodic tasks' last runs, asked every five seconds at most; while the database is away, what was known."""
    global _tasks
    if time.monotonic() - _tasks[0] > TASK_SECONDS:
        try:
            _tasks = (time.monotonic(), summary())
        except DatabaseError:
            _tasks = (time.monotonic(), _tasks[1])
        finally:
            if not connection.in_atomic_block:  # this thread may never need it again
                connection.close()
    return _tasks[1]


def claims(scope: MutableMapping[str, Any]) -> bool:
    """Whether a request is for us."""
    return bool(scope["path"] == "/healthz")


async def app(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    """Answer 200 with the report once requests are served at all."""
    body = orjson.dumps(await asyncio.to_thread(report, datetime.now(UTC)), default=str)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
