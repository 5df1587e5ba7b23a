"""Migrations of the event store: numbered SQL files `migrations/NNNN_what_it_does.sql.tmpl`, run once per node.

A file is statements that end in `;` at a line's end, and may be run again (IF NOT EXISTS). In it
    {local}                      nothing on one node, `_local` on a cluster
    {distributed:NAME:COLUMN}    nothing on one node; the Distributed table over NAME_local on a cluster, by COLUMN
Everything else is literal: a file that has run somewhere never changes, so it may not be filled from code that does.
A cluster needs no Keeper: every node is migrated over its own connection, by one process at a time.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path

from django.db import OperationalError

from accounts.migration_lock import hold_migration_lock
from tracking.store import client
from tracking.store.errors import StoreAway, StoreError
from tracking.store.insert import insert_rows
from tracking.store.shards import SLOTS_TABLE, UNFINISHED_REBALANCE, assign_slots, check_layout, is_assigned
from tracking.store.target import Host, Target, get_target

MIGRATIONS_DIRECTORY = Path(__file__).parent / "migrations"
log = logging.getLogger(__name__)
MIGRATIONS_TABLE = "schema_migrations"
UNFINISHED = "unfinished move"  # among the migrations of a store that another one is being copied to
DISTRIBUTED = re.compile(r"\{distributed:(\w+):(\w+)\}")


def list_files() -> list[Path]:
    """Return all migrations in order."""
    return sorted(MIGRATIONS_DIRECTORY.glob("[0-9]*.sql.tmpl"))


def list_nodes(destination: Target | None = None) -> list[Host | None]:
    """Return every node that holds data; [None] for chDB in this process."""
    destination = destination or get_target()
    if destination.embedded:
        return [None]
    if len(destination.hosts) > 1 or not destination.cluster:
        return list(destination.hosts)
    port = destination.hosts[0].port
    result = client.rows(
        "SELECT DISTINCT host_name FROM system.clusters WHERE cluster = {name:String} ORDER BY host_name",
        {"name": destination.cluster},
    )
    if not result:
        raise StoreError(f"The server at {destination.where} knows no cluster named {destination.cluster!r}.")
    return [Host(row["host_name"], port) for row in result]


def list_hosts() -> list[Host]:
    """Return every node of a server or cluster; none for chDB in this process."""
    return [host for host in list_nodes() if host is not None]


def list_distributed() -> list[tuple[str, str]]:
    """Return the tables over all nodes of a cluster, and the column by which each places its rows."""
    return [(match[1], match[2]) for file in list_files() for match in DISTRIBUTED.finditer(file.read_text())]


def migrate() -> list[str]:
    """Migrate every node; return the names of the migrations that ran on any. Raises StoreError."""
    names = [] if is_migrated() else _migrate_alone()  # nothing to do needs no lock, and so no database
    for host in list_nodes():
        if host is not None:
            _limit_system_logs(host)
    return names


def _migrate_alone() -> list[str]:
    try:
        with hold_migration_lock():
            return _migrate_nodes()
    except OperationalError as error:
        raise StoreAway("The event store is not migrated while the database is unavailable.") from error


def _migrate_nodes() -> list[str]:
    destination, names = get_target(), list[str]()
    for host in list_nodes(destination):
        _create_database(destination, host)
        if host is not None:
            check_layout(destination, host)
        applied = _list_applied(host)
        for file in list_files():
            name = file.name.partition(".")[0]
            if name not in applied:
                _apply(destination, host, file.read_text(), name)
                names.append(name)
    if destination.cluster:
        assign_slots(destination, list_hosts(), list_distributed())
    return list(dict.fromkeys(names))


def is_migrated() -> bool:
    """Return whether every node has every migration. Raises StoreAway."""
    names = {file.name.partition(".")[0] for file in list_files()}
    try:
        if not all(names <= _list_applied(host) for host in list_nodes()):
            return False
        for host in list_hosts():
            check_layout(get_target(), host)
        return not get_target().cluster or is_assigned(get_target(), list_hosts())
    except StoreError as error:
        if "lacks a table" in str(error):
            return False
        raise


def truncate(tables: Collection[str] = ()) -> None:
    """Empty every table on every node, or these alone."""
    for host in list_nodes():
        for name in list_filled_tables(host):
            if not tables or name.removesuffix("_local") in tables:
                client.execute(f"TRUNCATE TABLE {name}", host=host)


def is_unfinished(host: Host | None) -> bool:
    """Return whether a copy to this node was begun and has not ended. Raises StoreAway."""
    try:
        return UNFINISHED in _list_names(host)
    except StoreError as error:
        if "lacks a table" in str(error):
            return False
        raise


def split_statements(text: str, destination: Target) -> Iterator[str]:
    """Yield the statements of a migration, rendered for this store."""
    rendered = render(re.sub(r"^--.*$", "", text, flags=re.M), destination)
    yield from (part.strip() for part in re.split(r";[ \t]*\n", rendered + "\n") if part.strip())


def render(text: str, destination: Target) -> str:
    """Fill the placeholders of a migration's text."""
    text = text.replace("{local}", "_local" if destination.cluster else "")
    return DISTRIBUTED.sub(
        lambda match: build_distributed_table(match[1], match[2], destination) if destination.cluster else "", text
    )


def build_distributed_table(name: str, column: str, destination: Target) -> str:
    """Return the statement that creates the Distributed table over `<name>_local`, sharded by `column`."""
    return (
        f"CREATE TABLE IF NOT EXISTS {name} AS {name}_local"
        f" ENGINE = Distributed('{destination.cluster}', currentDatabase(), '{name}_local', cityHash64({column}));\n"
    )


def _create_database(destination: Target, host: Host | None) -> None:
    if host is not None and destination.database != "default":
        client.create_database(destination, host)
    client.execute(
        f"CREATE TABLE IF NOT EXISTS {MIGRATIONS_TABLE} (name String, applied DateTime('UTC'))"
        " ENGINE = MergeTree ORDER BY name",
        host=host,
    )


def _list_applied(host: Host | None) -> set[str]:
    """Return the migrations of a node. Raises StoreError if it must not be used, because a copy to it has not ended."""
    names = _list_names(host)
    if UNFINISHED in names:
        raise StoreError(
            f"The move to the event store at {get_target().where} has not ended. If it was interrupted, repeat it: "
            "manage.py move, with the earlier EVENTS_URL in the environment."
        )
    if UNFINISHED_REBALANCE in names:
        raise StoreAway(
            f"Rows of the event store at {get_target().where} are changing their shard. If that was interrupted, "
            "repeat it: manage.py events rebalance."
        )
    return names


def _list_names(host: Host | None) -> set[str]:
    with client.client(host) as connection:
        return {row[0] for row in connection.query(f"SELECT name FROM {MIGRATIONS_TABLE}").result_rows}


def _limit_system_logs(host: Host) -> None:
    """Delete a server's own logs after a week, so that they never fill its disk, if our user may change them."""
    try:
        with client.client(host) as connection:
            result = connection.query(
                "SELECT name FROM system.tables WHERE database = 'system' AND name LIKE '%_log'"
                " AND engine LIKE '%MergeTree' AND engine_full NOT LIKE '% TTL %'"
            )
        for (name,) in result.result_rows:
            client.execute(f"ALTER TABLE system.{name} MODIFY TTL event_date + INTERVAL 7 DAY", host=host)
    except StoreError as error:
        log.info("the server's own logs are stored as long as it is configured: %s", error)


def _apply(destination: Target, host: Host | None, text: str, name: str) -> None:
    for statement in split_statements(text, destination):
        client.execute(statement, host=host)
    insert_rows(MIGRATIONS_TABLE, [{"name": name, "applied": datetime.now(UTC)}], host=host)


def list_filled_tables(host: Host | None) -> list[str]:
    """Return the tables of a node that hold rows, without the table of migrations; none if there is no database."""
    try:
        with client.client(host) as connection:
            result = connection.query(
                "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
                " AND total_rows > 0"
            )
    except StoreError as error:
        if "lacks a table" in str(error):
            return []
        raise
    return [row[0] for row in result.result_rows if row[0] not in (MIGRATIONS_TABLE, SLOTS_TABLE)]
