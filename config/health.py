"""`GET /healthz`: is it ready, and what is wrong? Answers from memory, also while a store is away.

Everybody gets the status. The full report names tasks, numbers and errors of the store, so only programs on this
machine and logged-in operators get it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import MutableMapping
from datetime import UTC, datetime
from importlib import import_module
from ipaddress import ip_address
from typing import Any

import orjson
from django.conf import settings
from django.contrib.auth import get_user
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, parse_cookie

from accounts.operations.run import summary
from accounts.security.client_ip import normalize_address
from config.periods import PERIODS
from tracking import feed, places, spool, store
from tracking.web import Header, security_headers

BEAT_KEY = "footfall:last-beat"
LATE_SECONDS = 60
ASK_SECONDS = 2.0
TASK_SECONDS = 5.0
FAILURES_TOLD = 3  # of a task in a row; a single one may be due to a short outage
PROXY_HEADERS = (b"forwarded", b"x-real-ip", b"via")  # and all that begin with x-forwarded-
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
    if last is not None and abs(now.timestamp() - last) > LATE_SECONDS:
        warnings.append("Celery's beat or worker is silent.")
    warnings += task_warnings(tasks(), now)
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


def task_warnings(found: dict[str, Any], now: datetime) -> list[str]:
    """A sentence for each periodic task that does not end, or that failed every time lately."""
    sentences = []
    for row in PERIODS:
        run = found.get(row.name)
        if run is None:
            continue
        minutes = (now - run["started"]).total_seconds() / 60 if run["started"] else 0.0
        if run["running"] and minutes * 60 > row.longest + LATE_SECONDS:
            sentences.append(f"The task “{row.name}” began {minutes:.0f} minutes ago and has not ended.")
        elif run["failures_in_a_row"] >= FAILURES_TOLD:
            sentences.append(f"The task “{row.name}” failed the last {run['failures_in_a_row']} times.")
    return sentences


def claims(scope: MutableMapping[str, Any]) -> bool:
    """Whether a request is for us."""
    return bool(scope["path"] == "/healthz")


async def app(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    """Answer 200 as soon as requests are served: the full report for those who may see it, else the status alone."""
    if scope["method"] not in ("GET", "HEAD"):
        await answer(scope, send, 405, b"", (b"allow", b"GET, HEAD"))
        return
    found = await asyncio.to_thread(report, datetime.now(UTC))
    may_see_all = is_on_this_machine(scope) or await asyncio.to_thread(is_operator, scope)
    body = orjson.dumps(found if may_see_all else {"status": found["status"]}, default=str)
    await answer(scope, send, 200, body, (b"content-type", b"application/json"))


async def answer(scope: MutableMapping[str, Any], send: Any, status: int, body: bytes, header: Header) -> None:
    """Send a response that must not be cached."""
    length = (b"content-length", str(len(body)).encode())
    headers = [header, length, (b"cache-control", b"no-store"), *security_headers()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def is_on_this_machine(scope: MutableMapping[str, Any]) -> bool:
    """Whether the request comes from loopback and was not passed on by a proxy."""
    address = normalize_address((scope.get("client") or ("",))[0])
    is_loopback = bool(address) and ip_address(address).is_loopback
    return is_loopback and not any(is_proxy_header(name) for name, _ in scope["headers"])


def is_proxy_header(name: bytes) -> bool:
    """Whether a header of this name is sent by proxies only."""
    return name.startswith(b"x-forwarded-") or name in PROXY_HEADERS


def is_operator(scope: MutableMapping[str, Any]) -> bool:
    """Whether an operator of the installation is logged in; False while the database is away."""
    cookies = b"; ".join(value for name, value in scope["headers"] if name == b"cookie").decode("latin-1")
    key = parse_cookie(cookies).get(settings.SESSION_COOKIE_NAME)
    if not key:
        return False
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    try:
        return bool(getattr(get_user(request), "is_operator", False))
    except DatabaseError:
        return False
    finally:
        if not connection.in_atomic_block:  # this thread may never need it again
            connection.close()
