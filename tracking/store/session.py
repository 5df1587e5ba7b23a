"""Asking the store: a small pool of clients, opened when first needed.

The driver is imported when a client is opened and never before: chDB does not survive a fork, not even one that
happens after its import alone. Opening a client costs 8 ms, so those that are idle are kept for the next question.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from tracking.store.changes import gate
from tracking.store.directory import let_go, take_directory
from tracking.store.errors import FORKED, StoreAway, StoreError, sentence
from tracking.store.target import Host, Target, target

MOST_IDLE = 8
log = logging.getLogger(__name__)
_lock = threading.Lock()
_idle: dict[tuple[Target, Host | None], list[Any]] = {}
_forked = False


_opened: weakref.WeakSet[Any] = weakref.WeakSet()  # clients of the engine in this process
_lost: list[Any] = []


def _after_fork() -> None:
    """In a child the parent's engine hangs, even when it is only closed: keep its clients and never touch them."""
    global _forked, _lock
    _lock = threading.Lock()
    _forked = "chdb" in sys.modules
    let_go()
    _lost.extend(_opened)
    for kept in _lost:
        kept._backend._release.detach()
    _idle.clear()


os.register_at_fork(after_in_child=_after_fork)

# In the process of a web server the engine must stay small. Caches are shared by all of its clients.
EMBEDDED_OPTIONS = {
    "mark_cache_size": 32 << 20,
    "index_mark_cache_size": 8 << 20,
    "uncompressed_cache_size": 0,
    "mmap_cache_size": 64,
}
SETTINGS: dict[str, Any] = {
    "do_not_merge_across_partitions_select_final": 1,  # a visit lies in one month
    "date_time_input_format": "best_effort",
}
EMBEDDED_SETTINGS: dict[str, Any] = {}
CLUSTER_SETTINGS: dict[str, Any] = {
    "distributed_product_mode": "local",  # devices, and with them visits, never lie on two shards
    "distributed_foreground_insert": 1,
}


@dataclass(frozen=True)
class Answer:
    """What came back: `rows` as tuples in the order of `columns`, and what it cost."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    rows_read: int
    bytes_read: int
    seconds: float

    def dicts(self) -> list[dict[str, Any]]:
        """The rows, each as name -> value."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def query(sql: str, params: Mapping[str, Any] | None = None, *, settings: Mapping[str, Any] | None = None) -> Answer:
    """Ask a question (SELECT, WITH, SHOW). Raises StoreError, StoreAway when the store cannot be reached."""
    began = time.perf_counter()
    with client() as opened:
        result = opened.query(sql, parameters=dict(params or {}), settings=dict(settings or {}))
    cost = result.summary or {}
    return Answer(
        tuple(result.column_names),
        list(result.result_rows),
        int(cost.get("read_rows", 0)),
        int(cost.get("read_bytes", 0)),
        time.perf_counter() - began,
    )


def rows(
    sql: str, params: Mapping[str, Any] | None = None, *, settings: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """The rows of a question, each as name -> value."""
    return query(sql, params, settings=settings).dicts()


def execute(
    sql: str,
    params: Mapping[str, Any] | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
    host: Host | None = None,
) -> None:
    """Run a statement without rows, on `host` alone where one is named."""
    with gate.passing(), client(host) as opened:
        opened.command(sql, parameters=dict(params or {}), settings=dict(settings or {}))


def ping() -> None:
    """Raise StoreAway when the store cannot be reached."""
    query("SELECT 1")


def size() -> dict[str, int]:
    """Rows and bytes on disk of each table, on this node."""
    found = rows(
        "SELECT table, sum(rows) AS stored, sum(bytes_on_disk) AS bytes FROM system.parts"
        " WHERE active AND database = currentDatabase() GROUP BY table"
    )
    return {row["table"]: row["bytes"] for row in found}


def make_database(goal: Target, host: Host) -> None:
    """Create the database of EVENTS_URL on one node; connecting to it fails before."""
    with client(host, replace(goal, database="default")) as opened:
        opened.command(f"CREATE DATABASE IF NOT EXISTS `{goal.database}`")


@contextmanager
def client(host: Host | None = None, goal: Target | None = None) -> Iterator[Any]:
    """A client for one question; its errors leave as StoreError. A client that failed is not used again."""
    goal = goal or target()
    opened = _take(goal, host)
    try:
        yield opened
    except StoreError:
        _discard(opened)
        raise
    except Exception as error:
        _discard(opened)
        raise sentence(error, goal.where) from error
    except BaseException:
        _discard(opened)
        raise
    _give_back(goal, host, opened)


def close() -> None:
    """Close every idle client; with chDB, the engine ends with the last one."""
    with _lock:
        found = [opened for kept in _idle.values() for opened in kept]
        _idle.clear()
    for opened in found:
        _discard(opened)
    if not _opened:
        let_go()


def _take(goal: Target, host: Host | None) -> Any:
    if _forked and goal.embedded:
        raise StoreError(FORKED)
    with _lock:
        kept = _idle.get((goal, host))
        if kept:
            return kept.pop()
    if goal.embedded:
        return _guarded(goal, _open_embedded)
    candidates = (host,) if host else goal.hosts
    for index, candidate in enumerate(candidates):
        try:
            return _guarded(goal, lambda goal, one=candidate: _open_server(goal, one))
        except StoreAway:
            if index == len(candidates) - 1:
                raise
    raise StoreAway(f"The event store at {goal.where} does not answer.")


def _guarded(goal: Target, opener: Any) -> Any:
    try:
        return opener(goal)
    except StoreError:
        raise
    except Exception as error:
        raise sentence(error, goal.where) from error


def _open_embedded(goal: Target) -> Any:
    assert goal.directory is not None
    take_directory(goal.directory)
    from clickhouse_connect.driver._chdbclient import ChdbClient

    opened = ChdbClient(
        path=str(goal.directory),
        settings={**SETTINGS, **EMBEDDED_SETTINGS},
        chdb_options=EMBEDDED_OPTIONS,
        tz_mode="aware",
    )
    # The driver's own counts the rows of the answer
    opened._backend._summary = _what_it_read  # type: ignore[method-assign]
    _opened.add(opened)
    return opened


def _what_it_read(result: Any) -> dict[str, str]:
    """What a question to the engine in this process read from tables."""
    return {"read_rows": str(result.storage_rows_read()), "read_bytes": str(result.storage_bytes_read())}


def _open_server(goal: Target, host: Host) -> Any:
    import clickhouse_connect

    return clickhouse_connect.get_client(
        host=host.name, port=host.port, username=goal.user, password=goal.password, database=goal.database,
        interface="https" if goal.secure else "http", connect_timeout=3, send_receive_timeout=300,
        autogenerate_session_id=False, tz_mode="aware",
        settings={**SETTINGS, **(CLUSTER_SETTINGS if goal.cluster else {})},
    )  # fmt: skip


def _give_back(goal: Target, host: Host | None, opened: Any) -> None:
    with _lock:
        kept = _idle.setdefault((goal, host), [])
        if len(kept) < MOST_IDLE:
            kept.append(opened)
            return
    _discard(opened)


def _discard(opened: Any) -> None:
    try:
        opened.close()
    except Exception as error:  # a broken connection may not even close; it is out of use either way
        log.debug("a client of the event store did not close: %s", error)
