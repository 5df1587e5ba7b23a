"""Corrections: change events, delete the rows derived from them, and rebuild those.

Columns of a sort key cannot be updated, and rows that a materialized view derived stay when their events are deleted.
So a correction notes the visits it touches, changes the events, deletes the touched rows of `visits`, `identities` and
`firsts`, and rebuilds them from the remaining events. `move.finish_corrections` finishes interrupted ones later.
The change log `touched` is written before and after, so that a rollup built in the middle is recognised as stale.
All events of a visit are on one node, so every node corrects itself.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tracking.schema import EVENT_COLUMNS
from tracking.store import client, materialized_views
from tracking.store.locks import write_lock
from tracking.store.migrate import list_nodes
from tracking.store.target import Host, get_target

WAIT_FOR_MUTATION = {"mutations_sync": 2, "alter_sync": 2}
REBUILT_TABLES = ("visits", "identities")
TABLES_OF_VISITS = ("heat",)  # further tables whose rows are deleted with their visit


@dataclass(frozen=True)
class Selection:
    """Selected events of one site: each column of `where` has one of its values, within [start, end)."""

    site_id: int
    where: Mapping[str, Sequence[object]] = field(default_factory=dict)
    start: datetime | None = None
    end: datetime | None = None

    def sql(self) -> tuple[str, dict[str, object]]:
        """Return the condition over `events` or `bots` and its parameters. Raises ValueError for an unknown column."""
        if unknown := set(self.where) - EVENT_COLUMNS.keys() - {"reason"}:
            raise ValueError(f"events have no column {sorted(unknown)}")
        conditions = ["site_id = {site:UInt64}"]
        params: dict[str, object] = {"site": self.site_id}
        for name, values in self.where.items():
            stored_type = EVENT_COLUMNS[name].type if name in EVENT_COLUMNS else "String"
            column_type = stored_type.removeprefix("LowCardinality(").removesuffix(")")
            conditions.append(f"{name} IN ({{of_{name}:Array({column_type})}})")
            params[f"of_{name}"] = list(values)
        for sign, moment, name in ((">=", self.start, "since"), ("<", self.end, "until")):
            if moment is not None:
                conditions.append(f"ts {sign} fromUnixTimestamp64Milli({{{name}:Int64}})")
                params[name] = round(moment.timestamp() * 1000)
        return " AND ".join(conditions), params


def erase_events(selection: Selection, *, complete_visits: bool = True) -> int:
    """Delete the selected events and (by default) everything else of their visits; return how many events.

    Bots' events and heatmap rows of those visits are deleted too. Raises StoreError; repeating it finishes the job.
    """
    where, params = selection.sql()
    return sum(_erase(host, selection.site_id, where, params, complete_visits) for host in list_nodes())


def get_local_table(table: str) -> str:
    """Return the name of the table that holds a node's own rows."""
    return f"{table}_local" if get_target().cluster else table


def _erase(host: Host | None, site_id: int, where: str, params: dict[str, object], complete_visits: bool) -> int:
    with write_lock:
        started = read_clock(host)
        job = record_corrections(host, where, params, complete_visits=complete_visits)
        if complete_visits:
            where = f"({where}) OR {_in_corrections(job)}"
        erased = count_rows(host, "events", where, params)
        delete_rows(host, "events", where, params)
        delete_rows(host, "bots", where, params)
        for table in TABLES_OF_VISITS if complete_visits else ():
            delete_rows(host, table, _in_corrections(job), {})
        rebuild_derived_rows(host, job)
        confirm_touched(host, site_id, started)
        delete_job(host, job)
        return erased


def _in_corrections(job: int, columns: str = "site_id, visit") -> str:
    return f"({columns}) IN (SELECT {columns} FROM {get_local_table('corrections')} WHERE job = {job})"


def record_corrections(
    host: Host | None, where: str, params: dict[str, object], *, complete_visits: bool, source: str = "events"
) -> int:
    """Note which visits are touched, before anything changes, and that rollups of those times are stale; return the
    job's number."""
    job, rows = secrets.randbits(53), get_local_table(source)
    client.execute(
        f"INSERT INTO {get_local_table('corrections')} (job, site_id, hour, visit, device, visit_start, at)"
        f" SELECT DISTINCT {job}, site_id, toStartOfHour(visit_start), visit, device,"
        f" visit_start, now64(3) FROM {rows} WHERE visit != 0 AND ({where})",
        params, host=host,
    )  # fmt: skip
    changed = f"({where}) OR {_in_corrections(job)}" if complete_visits else where
    touched = get_local_table("touched")
    client.execute(
        f"INSERT INTO {touched} SELECT site_id, arrayJoin([toStartOfFifteenMinutes(toDateTime(ts, 'UTC')),"
        " toStartOfFifteenMinutes(toDateTime(if(visit = 0, ts, visit_start), 'UTC'))]) AS slot, count(), 0,"
        f" now64(3) FROM {rows} WHERE {changed} GROUP BY site_id, slot",
        params,
        host=host,
    )
    return job


def read_clock(host: Host | None) -> datetime:
    """Return the node's own time."""
    with client.client(host) as connection:
        clock: datetime = connection.query("SELECT now64(3, 'UTC')").result_rows[0][0]
    return clock.astimezone(UTC)


def confirm_touched(host: Host | None, site_id: int, since: datetime) -> None:
    """Log the times of a site that were logged since then once more, since only now their events are final."""
    touched = get_local_table("touched")
    client.execute(
        f"INSERT INTO {touched} SELECT site_id, slot, 1, 0, now64(3) FROM {touched} "
        "WHERE site_id = {site:UInt64} AND at >= fromUnixTimestamp64Milli({since:Int64}) GROUP BY site_id, slot",
        {"site": site_id, "since": round(since.timestamp() * 1000)},
        host=host,
    )


def touch_following_day(host: Host | None, job: int) -> None:
    """Log the 24 hours from the start of each visit: an interrupted job does not know which events it deleted."""
    quarter = "toStartOfFifteenMinutes(toDateTime(visit_start, 'UTC')) + 900 * arrayJoin(range(97))"
    slots = f"SELECT DISTINCT site_id, {quarter} {_from_corrections(job)}"
    touched = get_local_table("touched")
    client.execute(
        f"INSERT INTO {touched} SELECT DISTINCT site_id, slot, 1, 0, now64(3) FROM {touched} "
        f"WHERE (site_id, slot) IN ({slots})",
        host=host,
    )


def rebuild_derived_rows(host: Host | None, job: int) -> None:
    """Delete the rows derived from the touched visits and rebuild them from the events."""
    for table in REBUILT_TABLES:
        delete_rows(host, table, _in_corrections(job), {})
        _rebuild_table(host, table, f" AND (e.site_id, e.visit) IN (SELECT site_id, visit {_from_corrections(job)})")
    delete_rows(
        host,
        "firsts",
        f"(site_id, device, first) IN (SELECT site_id, device, visit_start {_from_corrections(job)})",
        {},
    )
    _rebuild_table(host, "firsts", f" AND (e.site_id, e.device) IN (SELECT site_id, device {_from_corrections(job)})")


def delete_job(host: Host | None, job: int) -> None:
    delete_rows(host, "corrections", f"job = {job}", {})


def _from_corrections(job: int) -> str:
    return f"FROM {get_local_table('corrections')} WHERE job = {job}"


def _rebuild_table(host: Host | None, table: str, where: str) -> None:
    select = materialized_views.SELECTS[table](get_local_table("events"), where)
    client.execute(
        f"INSERT INTO {get_local_table(table)} ({materialized_views.list_insert_columns(table)}) {select}", host=host
    )


def count_rows(host: Host | None, table: str, where: str, params: dict[str, object]) -> int:
    with client.client(host) as connection:
        result = connection.query(f"SELECT count() FROM {get_local_table(table)} WHERE {where}", parameters=params)
        return int(result.result_rows[0][0])


def delete_rows(host: Host | None, table: str, where: str, params: dict[str, object]) -> None:
    client.execute(
        f"ALTER TABLE {get_local_table(table)} DELETE WHERE {where}", params, settings=WAIT_FOR_MUTATION, host=host
    )
