"""Access to the event store through a small pool of clients, opened when first needed.

The driver is imported when the first client is opened and never before: chDB does not survive a fork, not even when it
was only imported. Opening a client costs 8 ms, so idle clients are reused.
"""

from __future__ import annotations

import itertools
import logging
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
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
AVOID_SECONDS = 10.0  # a host that could not be reached is asked last for so long
CONNECT_SECONDS = 3
OPEN_SECONDS = 5  # a node that accepts a connection and answers nothing in this time is away
STATEMENT_SECONDS = 300
CHECK_SECONDS = 2  # the same when nodes are only checked
SOCKET_TIMEOUT = 209  # ClickHouse's code of a node that another one waited for
SILENCE_SECONDS = 5  # a node that computes a report and sends no progress for so long is away
MISSING_SECONDS = 5.0  # for so long after a shard did not answer, reports do not wait for it again
SKIP_MISSING: dict[str, object] = {"skip_unavailable_shards": 1}
# Nodes tell each other every half second, and us every second, that they work: a frozen one is noticed soon
MAX_PROGRESS_SECONDS = 80  # each is a header, of which Python reads a hundred at most
PROGRESS_SETTINGS: dict[str, object] = {
    "http_headers_progress_interval_ms": 1000,
    "interactive_delay": 500_000,
    "receive_timeout": SILENCE_SECONDS,
}
StoreRow: TypeAlias = dict[str, Any]  # values by the columns of the statement
log = logging.getLogger(__name__)
_lock = threading.Lock()
_idle: dict[tuple[Target, Host | None], list[Client]] = {}
_forked = False
_turn = itertools.count()  # hosts of a cluster are asked in turn
_avoided: dict[Host, float] = {}  # until when (monotonic)
_missing_until: dict[Target, float] = {}

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
    "handshake_timeout_ms": 2000,  # a frozen node accepts connections
    "connections_with_failover_max_tries": 1,
}


@dataclass(frozen=True, kw_only=True)
class StoreResult:
    """The result of a query: `rows` as tuples in the order of `columns`, and its cost."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    rows_read: int
    bytes_read: int
    seconds: float
    incomplete: bool = False  # shards that did not answer are left out

    def dicts(self) -> list[StoreRow]:
        """Return the rows as dictionaries."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def query(
    sql: str, params: Mapping[str, object] | None = None, *, settings: Mapping[str, object] | None = None
) -> StoreResult:
    """Run a query (SELECT, WITH, SHOW). Raises StoreError; StoreAway when the store cannot be reached.

    On a cluster it is repeated on another node once, unless it failed because a node was silent (SOCKET_TIMEOUT).
    """
    try:
        return _query_once(sql, params, settings, get_target())
    except StoreAway as error:
        if len(get_target().hosts) < 2 or SOCKET_TIMEOUT in error.codes:
            raise
    return _query_once(sql, params, settings, get_target())


def query_available(
    sql: str, params: Mapping[str, object] | None = None, *, settings: Mapping[str, object] | None = None
) -> StoreResult:
    """Run a query on the shards that answer; the result says whether some did not. Raises as `query` does."""
    destination = get_target()
    if not destination.cluster:  # there is no other node on which to repeat it
        return _query_once(sql, params, settings, destination)
    if not has_missing_shards():
        try:
            return query(sql, params, settings=settings)
        except StoreAway:
            check_hosts(destination.hosts)
            _missing_until[destination] = time.monotonic() + MISSING_SECONDS
    return replace(query(sql, params, settings={**(settings or {}), **SKIP_MISSING}), incomplete=True)


def has_missing_shards() -> bool:
    """Return whether a shard did not answer a moment ago."""
    return bool(_missing_until) and time.monotonic() < _missing_until.get(get_target(), 0.0)


def _query_once(
    sql: str, params: Mapping[str, object] | None, settings: Mapping[str, object] | None, destination: Target
) -> StoreResult:
    started, all_settings = time.perf_counter(), dict(settings or {})
    with client(destination=destination) as connection:
        if destination.directory is not None:
            result = connection.query(sql, parameters=dict(params or {}), settings=all_settings)
        else:
            with _limit_silence(connection, all_settings) as all_settings:
                result = connection.query(sql, parameters=dict(params or {}), settings=all_settings)
    summary = result.summary or {}
    return StoreResult(
        columns=tuple(result.column_names),
        rows=list(result.result_rows),  # type: ignore[arg-type]
        rows_read=int(summary.get("read_rows", 0)),
        bytes_read=int(summary.get("read_bytes", 0)),
        seconds=time.perf_counter() - started,
    )


@contextmanager
def _limit_silence(connection: Client, settings: dict[str, object]) -> Iterator[dict[str, object]]:
    """Wait for a server's report only while it says every second that it works on it: a frozen node never answers.

    Yields the settings of the query.
    """
    from clickhouse_connect.driver.httpclient import HttpClient

    seconds = settings.get("max_execution_time")
    if not isinstance(seconds, int) or seconds > MAX_PROGRESS_SECONDS or not isinstance(connection, HttpClient):
        yield settings
        return
    _set_read_timeout(connection, 2 * SILENCE_SECONDS)  # the error of a silent shard comes after SILENCE_SECONDS
    yield {**settings, **PROGRESS_SETTINGS}
    _set_read_timeout(connection, STATEMENT_SECONDS)  # a client that failed is not reused


def _set_read_timeout(connection: Client, seconds: float) -> None:
    from clickhouse_connect.driver.httpclient import HttpClient
    from urllib3 import Timeout

    if isinstance(connection, HttpClient):
        connection.timeout = Timeout(connect=CONNECT_SECONDS, read=seconds)


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
    connection, host = _take(destination, host)
    try:
        yield connection
    except StoreError:
        _discard(connection)
        raise
    except Exception as error:
        _discard(connection)
        explained = explain_error(error, destination.where)
        if isinstance(explained, StoreAway):
            _discard_idle(destination, host)  # after a restart of the node all of them are broken
            if host and not explained.codes:  # the node itself did not answer
                _avoided[host] = time.monotonic() + AVOID_SECONDS
        raise explained from error
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


def _take(destination: Target, host: Host | None) -> tuple[Client, Host | None]:
    """Return a client and its host: a given one, else the next in turn that can be reached."""
    if destination.directory is not None:
        if _forked:
            raise StoreError(FORKED_MESSAGE)
        return _take_idle(destination, None) or _open_or_explain(destination, _open_embedded), None
    candidates = (host,) if host else _order_hosts(destination.hosts)
    for index, candidate in enumerate(candidates):
        try:
            idle_client = _take_idle(destination, candidate)
            return idle_client or _open_or_explain(destination, partial(_open_server, host=candidate)), candidate
        except StoreAway:
            _avoided[candidate] = time.monotonic() + AVOID_SECONDS
            if index == len(candidates) - 1:
                raise
    raise StoreAway(f"The event store at {destination.where} does not answer.")


def _take_idle(destination: Target, host: Host | None) -> Client | None:
    with _lock:
        idle = _idle.get((destination, host))
        return idle.pop() if idle else None


def _order_hosts(hosts: tuple[Host, ...]) -> tuple[Host, ...]:
    """Return the hosts, another one first each time, and those that could not be reached a moment ago last."""
    first, now = next(_turn) % len(hosts), time.monotonic()
    turned = hosts[first:] + hosts[:first]
    return tuple(sorted(turned, key=lambda host: _avoided.get(host, 0.0) > now))


def check_hosts(hosts: Sequence[Host]) -> dict[Host, StoreError]:
    """Return the nodes that do not answer, with the errors. All are asked at once, each for about CHECK_SECONDS.

    Those are asked last for AVOID_SECONDS.
    """
    destination = get_target()
    threads = ThreadPoolExecutor(max(1, len(hosts)), thread_name_prefix="check")
    checks = {host: threads.submit(_check_host, destination, host) for host in hosts}
    wait(checks.values(), timeout=CHECK_SECONDS + 1)
    threads.shutdown(wait=False)
    silent = StoreAway(f"The event store at {destination.where} does not answer.")
    errors = {host: check.result() if check.done() else silent for host, check in checks.items()}
    errors_by_host = {host: error for host, error in errors.items() if error}
    _avoided.update(dict.fromkeys(errors_by_host, time.monotonic() + AVOID_SECONDS))
    return errors_by_host


def _check_host(destination: Target, host: Host) -> StoreError | None:
    """Open a client of its own, which asks the node for its version: those of the pool wait longer."""
    try:
        _discard(_open_or_explain(destination, partial(_open_server, host=host, seconds=CHECK_SECONDS)))
    except StoreError as error:
        return error
    return None


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


def _open_server(destination: Target, host: Host, seconds: int = OPEN_SECONDS) -> Client:
    import clickhouse_connect

    connection: Client = clickhouse_connect.get_client(
        host=host.name, port=host.port, username=destination.user, password=destination.password,
        database=destination.database,
        interface="https" if destination.secure else "http", connect_timeout=min(CONNECT_SECONDS, seconds),
        send_receive_timeout=seconds,
        autogenerate_session_id=False, tz_mode="aware",
        settings={**SETTINGS, **(CLUSTER_SETTINGS if destination.cluster else {})},
    )  # fmt: skip
    _set_read_timeout(connection, STATEMENT_SECONDS)
    return connection


def _return_client(destination: Target, host: Host | None, connection: Client) -> None:
    with _lock:
        idle = _idle.setdefault((destination, host), [])
        if len(idle) < MAX_IDLE_CLIENTS:
            idle.append(connection)
            return
    _discard(connection)


def _discard_idle(destination: Target, host: Host | None) -> None:
    with _lock:
        connections = _idle.pop((destination, host), [])
    for connection in connections:
        _discard(connection)


def _discard(connection: Client) -> None:
    try:
        connection.close()
    except Exception as error:  # a broken connection may not even close; it is not used again either way
        log.debug("a client of the event store could not be closed: %s", error)
