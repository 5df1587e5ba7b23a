"""Copy a complete event store to another, empty one, and compare them: from chDB or one server to a server or cluster.

All tables are copied as they are, in slices of their parts. `events` comes first, because in the new store the
materialized views derive rows while it is filled; what they derived is deleted again and copied, too, since it may say
more than the remaining events (a device's first visit outlives the events that data retention deleted).

While a copy runs, the new store has the row UNFINISHED among its migrations, so that nothing else uses it
(`migrate.check_finished`). A copy that was interrupted begins again with empty tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from tracking.store import client
from tracking.store.corrections import WAIT_FOR_MUTATION
from tracking.store.errors import StoreError
from tracking.store.insert import insert_rows
from tracking.store.materialized_views import SELECTS
from tracking.store.migrate import (
    MIGRATIONS_TABLE,
    UNFINISHED,
    is_unfinished,
    list_filled_tables,
    list_nodes,
    migrate,
    truncate,
)
from tracking.store.target import Host, Target, get_target, parse_events_url, use_events_url

DERIVED_TABLES = (*SELECTS, "touched")  # filled by materialized views on `events`
MAX_SLICE_ROWS = 100_000
COPY_SETTINGS: dict[str, object] = {"insert_deduplicate": 0, "async_insert": 0}  # two equal slices are no duplicates
Summary = dict[tuple[int, int], tuple[int, int]]  # (site, month as yyyymm or 0) -> (rows, sum of a hash of each)


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of the old store. `columns`: name -> type, without those that are computed."""

    name: str
    engine: str
    partition_key: str
    rows: int  # before they are merged
    columns: dict[str, str]

    @property
    def month(self) -> str:
        """SQL of a row's month; 0 for a table without months."""
        return self.partition_key or "0"

    @property
    def is_merged(self) -> bool:
        """Whether rows of one key may be merged at any time, so that only merged rows can be compared."""
        return self.engine != "MergeTree"


@dataclass(frozen=True)
class CopiedTable:
    """How much of a table was found in both stores."""

    name: str
    rows: int
    groups: int  # of rows of one site and month


def list_tables() -> list[Table]:
    """Return the tables of the present store that hold rows, those first that others are derived from."""
    table_rows = client.rows(
        "SELECT name, engine, partition_key, total_rows FROM system.tables WHERE database = currentDatabase()"
        " AND engine LIKE '%MergeTree' AND name != {migrations:String} AND total_rows > 0",
        {"migrations": MIGRATIONS_TABLE},
    )
    columns = client.rows(
        "SELECT table, name, type FROM system.columns WHERE database = currentDatabase()"
        " AND default_kind NOT IN ('ALIAS', 'MATERIALIZED') ORDER BY table, position"
    )
    tables = [
        Table(
            name=row["name"],
            engine=row["engine"],
            partition_key=row["partition_key"],
            rows=row["total_rows"],
            columns={column["name"]: column["type"] for column in columns if column["table"] == row["name"]},
        )
        for row in table_rows
    ]
    return sorted(tables, key=lambda table: (table.name in DERIVED_TABLES, table.name))


def check_copy(url: str) -> None:
    """Check that the present store can be copied to the one at `url`, without changing either. Raises StoreError."""
    source, destination = get_target(), parse_events_url(url)
    if source.cluster:
        raise StoreError("Events are moved from chDB or one server; this store is a cluster already.")
    if destination.embedded:
        raise StoreError("Events are moved to a ClickHouse server or cluster: clickhouse://user:password@host:8123/db")
    if destination == source:
        raise StoreError("The new event store is the present one.")
    with use_events_url(url):
        for host in list_nodes():
            filled = [] if is_unfinished(host) else list_filled_tables(host)
            if filled:
                raise StoreError(
                    f"The event store at {destination.where} is not empty: {', '.join(sorted(filled))} hold rows. "
                    "Name another database, or delete that one."
                )


def copy_store(url: str, report: Callable[[str], object]) -> list[CopiedTable]:
    """Copy everything to the store at `url` and compare; `report` is called with a line per table.

    Nothing may write into the present store meanwhile. Raises StoreError; then it can be repeated from the start.
    """
    check_copy(url)
    source, tables = get_target(), list_tables()
    if any(table.name in ("corrections", "moves") for table in tables):
        raise StoreError("A correction was interrupted; finish it first: manage.py events finish")
    with use_events_url(url):
        begin_copy()
        try:
            for table in tables:
                client.execute(f"SYSTEM STOP MERGES {table.name}", destination=source)
            copied = copy_tables(source, tables, report)
        finally:
            for table in tables:
                client.execute(f"SYSTEM START MERGES {table.name}", destination=source)
        end_copy()
    return copied


def begin_copy() -> None:
    """Create the tables of the new store, empty them if a copy was interrupted, and mark it as unfinished."""
    for host in list_nodes():
        if is_unfinished(host):
            truncate()
            delete_mark(host)
    migrate()
    for host in list_nodes():
        insert_rows(MIGRATIONS_TABLE, [{"name": UNFINISHED, "applied": datetime.now(UTC)}], host=host)


def end_copy() -> None:
    """Allow the new store to be used."""
    for host in list_nodes():
        delete_mark(host)


def delete_mark(host: Host | None) -> None:
    """Delete the row that marks a node as unfinished."""
    statement = f"ALTER TABLE {MIGRATIONS_TABLE} DELETE WHERE name = '{UNFINISHED}'"
    client.execute(statement, settings=WAIT_FOR_MUTATION, host=host)


def copy_tables(source: Target, tables: list[Table], report: Callable[[str], object]) -> list[CopiedTable]:
    """Copy every table, then compare every table; the views are done with all events by then."""
    for position, table in enumerate(tables):
        if table.name in DERIVED_TABLES and tables[position - 1].name not in DERIVED_TABLES:
            truncate(DERIVED_TABLES)
        for number, rows in enumerate(copy_slices(source, table)):
            if number % 50 == 0:
                report(f"{table.name}: {rows} rows …")
    copied = []
    for table in tables:
        copied.append(compare_table(source, table))
        report(f"{table.name}: {copied[-1].rows} rows in {copied[-1].groups} months of sites are equal.")
    return copied


def copy_slices(source: Target, table: Table) -> Iterator[int]:
    """Copy a table slice by slice; yields the number of rows so far. Merges are stopped, so parts stay as they are."""
    copied, names = 0, list(table.columns)
    with client.client(None, source) as reader, client.client() as writer:
        parts = reader.query(
            "SELECT name, rows FROM system.parts WHERE active AND database = currentDatabase()"
            " AND table = {table:String} ORDER BY name",
            parameters={"table": table.name},
        ).result_rows
        columns = ", ".join(f"`{name}`" for name in names)
        for part, rows in parts:
            for start in range(0, rows, MAX_SLICE_ROWS):
                block = reader.raw_query(
                    f"SELECT {columns} FROM {table.name} WHERE _part = '{part}'"
                    f" AND _part_offset >= {start} AND _part_offset < {start + MAX_SLICE_ROWS}",
                    fmt="Native",
                )
                writer.raw_insert(table.name, names, block, fmt="Native", settings=COPY_SETTINGS)
                copied += min(MAX_SLICE_ROWS, rows - start)
                yield copied


def compare_table(source: Target, table: Table) -> CopiedTable:
    """Compare each site's months in both stores: the number of rows, and a sum over all their columns.

    Raises StoreError with the first that differs.
    """
    with client.client(None, source) as old, client.client() as new:
        before, after = (
            {
                (site, month): (rows, checksum)
                for site, month, rows, checksum in opened.query(build_summary(table)).result_rows
            }
            for opened in (old, new)
        )
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            (site, month), old_rows, new_rows = key, before.get(key, (0, 0))[0], after.get(key, (0, 0))[0]
            what = f"{old_rows} and {new_rows} rows" if old_rows != new_rows else f"{old_rows} rows that are not equal"
            raise StoreError(
                f"The stores differ: table {table.name}, site {site}, month {month or 'any'} has {what}. "
                "Nothing of the old one was changed; repeat the move while nothing writes into it."
            )
    return CopiedTable(table.name, sum(rows for rows, _ in before.values()), len(before))


def build_summary(table: Table) -> str:
    """Return the SQL of a table's rows and checksums by site and month. States are compared by their result."""
    values = ", ".join(
        f"finalizeAggregation(`{name}`)" if type_name.startswith("AggregateFunction") else f"`{name}`"
        for name, type_name in table.columns.items()
    )
    final = " FINAL" if table.is_merged else ""
    return (
        f"SELECT site_id, {table.month} AS month, count(), sum(cityHash64({values}))"
        f" FROM {table.name}{final} GROUP BY site_id, month"
    )
