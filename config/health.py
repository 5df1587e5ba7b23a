"""`GET /healthz`: whether the process is ready, and its problems. It responds also while a store is unavailable.

Everybody gets the status. The full report names tasks, numbers and errors of the store, so only programs on this
machine and logged-in operators get it.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from importlib import import_module
from ipaddress import ip_address
from typing import TypedDict

import orjson
from django.conf import settings
from django.contrib.auth import get_user
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, parse_cookie
from redis import Redis

from accounts.operations.task_runs import RunSummary, summarize_runs
from accounts.security.client_ip import normalize_address
from config import process
from config.bounded_check import BoundedCheck
from config.periodic_tasks import PERIODIC_TASKS
from tracking import geo, live, spool, store
from tracking.spool.writer import SpoolHealth
from tracking.state.redis_state import RedisState
from tracking.store import client
from tracking.store.target import get_target
from tracking.web import Header, Receive, Scope, Send, build_security_headers

BEAT_KEY = "footfall:last-beat"
MAX_SILENCE_SECONDS = 60
STORE_CHECK_SECONDS = 2.0
TASK_RUNS_SECONDS = 5.0
CHECK_SECONDS = 2.0  # for which a report waits for the database and for Redis
MIN_REPORTED_FAILURES = 3  # of a task in a row; a single one may be due to a short outage
PROXY_HEADERS = (b"forwarded", b"x-real-ip", b"via")  # and all that begin with x-forwarded-
DATABASE_SILENT = "The database does not answer. Hits are recorded; pages that need it are not available."
REDIS_SILENT = (
    "Redis does not answer. Each process continues with its own memory: limits, unique clicks and ids of events are "
    "not shared, and live views show the hits of one process."
)
NO_BEAT = "Celery's beat and worker have not reported since this process started. Run one beat and one worker."
_started_at = time.monotonic()
_store_check: tuple[float, str, str] = (0.0, "not checked yet", "")
_task_runs: tuple[float, dict[str, RunSummary]] = (-TASK_RUNS_SECONDS, {})


def record_heartbeat(now: datetime) -> None:
    """Record that beat and worker are alive (a periodic task)."""
    cache.set(BEAT_KEY, now.timestamp(), timeout=None)


class StoreHealth(TypedDict):
    """Whether the event store answers, and the error if not."""

    reachable: bool
    error: str


class HealthReport(TypedDict):
    """What operators see of one process."""

    status: str
    spool: SpoolHealth
    store: StoreHealth
    last_beat: str | None
    tasks: dict[str, RunSummary]
    geography: dict[str, bool]
    streams: int
    warnings: list[str]


def build_report(now: datetime) -> HealthReport:
    """Build the report on this process; its status is "ok" only without warnings."""
    spool_state = spool.health()
    store_error, store_warning = check_store()
    database_error, redis_error = check_database(), check_redis()
    last_beat = None if redis_error else cache.get(BEAT_KEY)
    warnings = [
        text for text in (spool_state.get("warning"), store_error, store_warning, database_error, redis_error) if text
    ]
    if not redis_error and (beat_warning := build_beat_warning(last_beat, now)):
        warnings.append(beat_warning)
    if not database_error:  # else the numbers are old
        warnings += build_task_warnings(_task_runs[1], now)
    return {
        "status": "degraded" if warnings else "ok",
        "spool": spool_state,
        "store": {"reachable": not store_error, "error": store_error},
        "last_beat": datetime.fromtimestamp(last_beat, UTC).isoformat() if last_beat else None,
        "tasks": _task_runs[1],
        "geography": geo.list_available(),
        "streams": live.count_streams(),
        "warnings": warnings,
    }


def check_database() -> str:
    """Return an error if the database does not answer; refreshes the runs of periodic tasks."""
    if connection.vendor == "sqlite":  # a file of this machine, which does not hang
        return refresh_task_runs() if time.monotonic() - _task_runs[0] > TASK_RUNS_SECONDS else ""
    return database_check.get_error()


def refresh_task_runs() -> str:
    """Refresh the last runs of periodic tasks; return an error, "" if that worked."""
    global _task_runs
    try:
        _task_runs = (time.monotonic(), summarize_runs())
    except DatabaseError:
        return DATABASE_SILENT
    finally:
        if not connection.in_atomic_block:  # this thread may never need it again
            connection.close()
    return ""


def check_redis() -> str:
    """Return an error if this process has a Redis and does without it."""
    return redis_check.get_error() if isinstance(process.state, RedisState) else ""


def ping_redis() -> str:
    """Return an error if hits do without Redis at the moment, or if it does not answer.

    On a busy machine an answer may be late, so it is waited for longer than hits wait, on a connection of its own.
    """
    state = process.state
    if not isinstance(state, RedisState):
        return ""
    if state.redis.is_away():
        return REDIS_SILENT
    with Redis.from_url(state.redis.url, socket_timeout=CHECK_SECONDS, socket_connect_timeout=CHECK_SECONDS) as client:
        client.ping()
    return ""


database_check = BoundedCheck(
    refresh_task_runs, silent=DATABASE_SILENT, seconds=CHECK_SECONDS, max_age=TASK_RUNS_SECONDS
)
redis_check = BoundedCheck(ping_redis, silent=REDIS_SILENT, seconds=CHECK_SECONDS, max_age=STORE_CHECK_SECONDS)


def build_beat_warning(last_beat: float | None, now: datetime) -> str:
    """Build the warning about a beat or worker that is silent; "" if both work."""
    if last_beat is not None:
        is_silent = abs(now.timestamp() - last_beat) > MAX_SILENCE_SECONDS
        return "Celery's beat or worker has not reported for a minute." if is_silent else ""
    is_late = time.monotonic() - _started_at > 2 * MAX_SILENCE_SECONDS
    return NO_BEAT if is_late and settings.REDIS_URL else ""


def check_store() -> tuple[str, str]:
    """Check the event store: an error if it cannot be reached, and a warning if some of its nodes do not answer.

    Each is "" if there is none, and at most STORE_CHECK_SECONDS old.
    """
    global _store_check
    if time.monotonic() - _store_check[0] > STORE_CHECK_SECONDS:
        error, warning = check_nodes() if get_target().hosts else (check_embedded_store(), "")
        _store_check = (time.monotonic(), error, warning)
    return _store_check[1:]


def check_embedded_store() -> str:
    """Return the error of chDB in this process; "" if it answers."""
    try:
        store.ping()
    except store.StoreError as error:
        return str(error)
    return ""


def check_nodes() -> tuple[str, str]:
    """Ask every node of a server or cluster. Returns the error if none answers, and a warning that names the others."""
    hosts = get_target().hosts
    errors = client.check_hosts(hosts)
    if len(errors) == len(hosts):
        return str(errors[hosts[0]]), ""
    names = ", ".join(f"{host.name}:{host.port}" for host in errors)
    sentence = "Nodes of the event store do not answer: {}. Reports lack their events; new events wait in the spool."
    return "", sentence.format(names) if names else ""


def build_task_warnings(runs: dict[str, RunSummary], now: datetime) -> list[str]:
    """Build a warning for each periodic task that does not end, or whose last runs all failed."""
    warnings = []
    for row in PERIODIC_TASKS:
        run = runs.get(row.name)
        if run is None:
            continue
        minutes = (now - run["started"]).total_seconds() / 60 if run["started"] else 0.0
        if run["running"] and minutes * 60 > row.max_seconds + MAX_SILENCE_SECONDS:
            warnings.append(f"The task “{row.name}” began {minutes:.0f} minutes ago and has not ended.")
        elif run["failures_in_a_row"] >= MIN_REPORTED_FAILURES:
            warnings.append(f"The task “{row.name}” failed the last {run['failures_in_a_row']} times.")
    return warnings


def matches(scope: Scope) -> bool:
    """Whether a request is for this application."""
    return bool(scope["path"] == "/healthz")


async def serve_health(scope: Scope, receive: Receive, send: Send) -> None:
    """Respond with 200 and the full report to those who may see it, else with the status alone."""
    if scope["method"] not in ("GET", "HEAD"):
        await send_response(scope, send, 405, b"", (b"allow", b"GET, HEAD"))
        return
    report = await asyncio.to_thread(build_report, datetime.now(UTC))
    may_see_all = is_on_this_machine(scope)
    if not may_see_all and DATABASE_SILENT not in report["warnings"]:
        may_see_all = await asyncio.to_thread(is_operator, scope)
    body = orjson.dumps(report if may_see_all else {"status": report["status"]}, default=str)
    await send_response(scope, send, 200, body, (b"content-type", b"application/json"))


async def send_response(scope: Scope, send: Send, status: int, body: bytes, header: Header) -> None:
    """Send a response that must not be cached."""
    length = (b"content-length", str(len(body)).encode())
    headers = [header, length, (b"cache-control", b"no-store"), *build_security_headers()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def is_on_this_machine(scope: Scope) -> bool:
    """Whether the request comes from loopback and was not passed on by a proxy."""
    address = normalize_address((scope.get("client") or ("",))[0])
    is_loopback = bool(address) and ip_address(address).is_loopback
    return is_loopback and not any(is_proxy_header(name) for name, _ in scope["headers"])


def is_proxy_header(name: bytes) -> bool:
    """Whether a header of this name is sent by proxies only."""
    return name.startswith(b"x-forwarded-") or name in PROXY_HEADERS


def is_operator(scope: Scope) -> bool:
    """Whether an operator of the installation is logged in; False while the database is unavailable."""
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
