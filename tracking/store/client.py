"""Access to the event store through a small pool of clients, opened when first needed.

The driver is imported when the first client is opened and never before: chDB does not survive a fork, not even when it
was only imported. Opening a client costs 8 ms, so idle clients are reused.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from tracking.store import embedded
from tracking.store.errors import FORKED_MESSAGE, StoreAway, StoreError, explain_error
from tracking.store.locks import release_directory, take_directory, write_lock
from tracking.store.target import Host, Target, get_target

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

MAX_IDLE_CLIENTS = 8
StoreRow: TypeAlias = dict[str, Any]  # values by the columns of the statement
log = logging.getLogger(__name__)
_lock = threading.Lock()
_idle: dict[tuple[Target, Host | None], list[Client]] = {}
_forked = False


_embedded_clients: weakref.WeakSet[Client] = weakref.WeakSet()  # clients of chDB in this process
_clients_of_parent: list[Client] = []


def _after_fork() -> None:
    """In a forked child the parent's chDB hangs, even when it is only closed: keep its clients and never use them."""
    global _forked, _lock
    _lock = threading.Lock()
    _forked = "chdb" in sys.modules
    release_directory()
    _clients_of_parent.extend(_embedded_clients)
    for parent_client in _clients_of_parent:
        embedded.detach_client(parent_client)
    _idle.clear()


os.register_at_fork(after_in_child=_after_fork)

SETTINGS: dict[str, object] = {
    "do_not_merge_across_partitions_select_final": 1,  # a visit is in one month's partition
    "date_time_input_format": "best_effort",
}
EMBEDDED_SETTINGS: dict[str, object] = {}
CLUSTER_SETTINGS: dict[str, object] = {
    "distributed_product_mode": "local",  # a device, and so a visit, is on one shard
    "distributed_foreground_insert": 1,
}


@dataclass(frozen=True, kw_only=True)
class StoreResult:
    """The result of a query: `rows` as tuples in the order of `columns`, and its cost."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    rows_read: int
    bytes_read: int
    seconds: float

    def dicts(self) -> list[StoreRow]:
        """Return the rows as dictionaries."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def query(
    sql: str, params: Mapping[str, object] | None = None, *, settings: Mapping[str, object] | None = None
) -> StoreResult:
    """Run a query (SELECT, WITH, SHOW). Raises StoreError; StoreAway when the store cannot be reached."""
    started = time.perf_counter()
    with client() as connection:
        result = connection.query(sql, parameters=dict(params or {}), settings=dict(settings or {}))
    summary = result.summary or {}
    return StoreResult(
        columns=tuple(result.column_names),
        rows=list(result.result_rows),  # type: ignore[arg-type]
        rows_read=int(summary.get("read_rows", 0)),
        bytes_read=int(summary.get("read_bytes", 0)),
        seconds=time.perf_counter() - started,
    )


def rows(
    sql: str, params: Mapping[str, object] | None = None, *, settings: Mapping[str, object] | None = None
) -> list[StoreRow]:
    """Run a query and return its rows as dictionaries."""
    return query(sql, params, settings=settings).dicts()


def execute(
    sql: str,
    params: Mapping[str, object] | None = None,
    *,
    settings: Mapping[str, object] | None = None,
    host: Host | None = None,
    destination: Target | None = None,
) -> None:
    """Run a statement that returns no rows, on `host` only if one is passed; in another store by `destination`."""
    with write_lock.counting_change(), client(host, destination) as connection:
        connection.command(sql, parameters=dict(params or {}), settings=dict(settings or {}))


def ping() -> None:
    """Raise StoreAway when the store cannot be reached."""
    query("SELECT 1")


def size() -> dict[str, int]:
    """Return the bytes on disk of each table, on this node."""
    sizes = rows(
        "SELECT table, sum(bytes_on_disk) AS bytes FROM system.parts"
        " WHERE active AND database = currentDatabase() GROUP BY table"
    )
    return {row["table"]: row["bytes"] for row in sizes}


def create_database(destination: Target, host: Host) -> None:
    """Create the database of EVENTS_URL on one node, through `default`, since connecting to a missing one fails."""
    with client(host, replace(destination, database="default")) as connection:
        connection.command(f"CREATE DATABASE IF NOT EXISTS `{destination.database}`")


@contextmanager
def client(host: Host | None = None, destination: Target | None = None) -> Iterator[Client]:
    """Borrow a client from the pool. Errors are raised as StoreError; a client that failed is not reused."""
    destination = destination or get_target()
    connection = _take(destination, host)
    try:
        yield connection
    except StoreError:
        _discard(connection)
        raise
    except Exception as error:
        _discard(connection)
        raise explain_error(error, destination.where) from error
    except BaseException:
        _discard(connection)
        raise
    _return_client(destination, host, connection)


def close() -> None:
    """Close every idle client; chDB shuts down with the last one."""
    with _lock:
        connections = [connection for idle in _idle.values() for connection in idle]
        _idle.clear()
    for connection in connections:
        _discard(connection)
    if not _embedded_clients:
        release_directory()


def _take(destination: Target, host: Host | None) -> Client:
    if _forked and destination.embedded:
        raise StoreError(FORKED_MESSAGE)
    with _lock:
        idle = _idle.get((destination, host))
        if idle:
            return idle.pop()
    if destination.embedded:
        return _open_or_explain(destination, _open_embedded)
    candidates = (host,) if host else destination.hosts
    for index, candidate in enumerate(candidates):
        try:
            return _open_or_explain(destination, partial(_open_server, host=candidate))
        except StoreAway:
            if index == len(candidates) - 1:
                raise
    raise StoreAway(f"The event store at {destination.where} does not answer.")


def _open_or_explain(destination: Target, open_client: Callable[[Target], Client]) -> Client:
    try:
        return open_client(destination)
    except StoreError:
        raise
    except Exception as error:
        raise explain_error(error, destination.where) from error


def _open_embedded(destination: Target) -> Client:
    assert destination.directory is not None
    take_directory(destination.directory)
    connection = embedded.open_client(destination.directory, {**SETTINGS, **EMBEDDED_SETTINGS})
    _embedded_clients.add(connection)
    return connection


def _open_server(destination: Target, host: Host) -> Client:
    import clickhouse_connect

    return clickhouse_connect.get_client(
        host=host.name, port=host.port, username=destination.user, password=destination.password,
        database=destination.database,
        interface="https" if destination.secure else "http", connect_timeout=3, send_receive_timeout=300,
        autogenerate_session_id=False, tz_mode="aware",
        settings={**SETTINGS, **(CLUSTER_SETTINGS if destination.cluster else {})},
    )  # fmt: skip


def _return_client(destination: Target, host: Host | None, connection: Client) -> None:
    with _lock:
        idle = _idle.setdefault((destination, host), [])
        if len(idle) < MAX_IDLE_CLIENTS:
            idle.append(connection)
            return
    _discard(connection)


def _discard(connection: Client) -> None:
    try:
        connection.close()
    except Exception as error:  # a broken connection may not even close; it is not used again either way
        log.debug("a client of the event store could not be closed: %s", error)
