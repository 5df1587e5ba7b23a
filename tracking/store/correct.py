"""Corrections: change the events, delete what was made from them, make it anew.

Columns of a sort key cannot be updated, and what a view made of events stays when they go. So a correction notes the
visits it touches, changes the events, deletes the touched rows of `visits`, `identities` and `firsts`, and makes them
again from the events that are there. One that was interrupted is finished by `move.finish`, at any time.
It says so in `touched` before and after, so that nothing made from its middle passes for what is true in the end.
All events of a visit lie on one node, so every node corrects itself.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tracking.columns import COLUMN_NAMES, EVENT_COLUMNS
from tracking.store import session, views
from tracking.store.changes import gate
from tracking.store.migrate import nodes
from tracking.store.target import Host, target

WAIT = {"mutations_sync": 2, "alter_sync": 2}
TYPES = {column.name: column.type for column in EVENT_COLUMNS}
MADE = ("visits", "identities")
OF_VISITS = ("heat",)  # further tables whose rows belong to a visit and go with it


@dataclass(frozen=True)
class Selection:
    """Events of one site: those where each named column has one of its values, within [start, end)."""

    site_id: int
    where: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    start: datetime | None = None
    end: datetime | None = None

    def sql(self) -> tuple[str, dict[str, Any]]:
        """The condition over rows of events or bots, and its parameters. ValueError for an unknown column."""
        if unknown := set(self.where) - COLUMN_NAMES - {"reason"}:
            raise ValueError(f"events have no column {sorted(unknown)}")
        conditions, params = ["site_id = {site:UInt64}"], {"site": self.site_id}
        for name, values in self.where.items():
            kind = TYPES.get(name, "String").removeprefix("LowCardinality(").removesuffix(")")
            conditions.append(f"{name} IN ({{of_{name}:Array({kind})}})")
            params[f"of_{name}"] = list(values)  # type: ignore[assignment]
        for sign, moment, name in ((">=", self.start, "since"), ("<", self.end, "until")):
            if moment is not None:
                conditions.append(f"ts {sign} fromUnixTimestamp64Milli({{{name}:Int64}})")
                params[name] = round(moment.timestamp() * 1000)
        return " AND ".join(conditions), params


def erase(selection: Selection, *, whole_visits: bool = True) -> int:
    """Delete the selected events for good, and (by default) everything else of their visits; how many events went.

    Bots and whatever else belongs to those visits go too. Raises StoreError; doing it again finishes the job.
    """
    where, params = selection.sql()
    return sum(_erase(host, selection.site_id, where, params, whole_visits) for host in nodes())


def local(table: str) -> str:
    """The name of a table's own rows on a node."""
    return f"{table}_local" if target().cluster else table


def _erase(host: Host | None, site_id: int, where: str, params: dict[str, Any], whole_visits: bool) -> int:
    with gate:
        begun = clock(host)
        job = note(host, where, params, whole_visits=whole_visits)
        if whole_visits:
            where = f"({where}) OR {_touched(job)}"
        gone = count(host, "events", where, params)
        delete(host, "events", where, params)
        delete(host, "bots", where, params)
        for table in OF_VISITS if whole_visits else ():
            delete(host, table, _touched(job), {})
        make_anew(host, job)
        touch_again(host, site_id, begun)
        forget(host, job)
        return gone


def _touched(job: int, columns: str = "site_id, visit") -> str:
    return f"({columns}) IN (SELECT {columns} FROM {local('corrections')} WHERE job = {job})"


def note(host: Host | None, where: str, params: dict[str, Any], *, whole_visits: bool, source: str = "events") -> int:
    """Write down which visits are touched, before anything changes; and that rollups of those times are stale."""
    job, rows = secrets.randbits(53), local(source)
    session.execute(
        f"INSERT INTO {local('corrections')} (job, site_id, hour, visit, device, visit_start, at)"
        f" SELECT DISTINCT {job}, site_id, toStartOfHour(visit_start), visit, device,"
        f" visit_start, now64(3) FROM {rows} WHERE visit != 0 AND ({where})",
        params, host=host,
    )  # fmt: skip
    changed = f"({where}) OR {_touched(job)}" if whole_visits else where
    session.execute(
        f"INSERT INTO {local('touched')} SELECT site_id, arrayJoin([toStartOfFifteenMinutes(toDateTime(ts, 'UTC')),"
        " toStartOfFifteenMinutes(toDateTime(if(visit = 0, ts, visit_start), 'UTC'))]) AS slot, count(), 0,"
        f" now64(3) FROM {rows} WHERE {changed} GROUP BY site_id, slot",
        params, host=host,
    )  # fmt: skip
    return job


def clock(host: Host | None) -> datetime:
    """The node's own time."""
    with session.client(host) as opened:
        return opened.query("SELECT now64(3, 'UTC')").result_rows[0][0].astimezone(UTC)


def touch_again(host: Host | None, site_id: int, since: datetime) -> None:
    """Note once more the times of a site that were noted since then: now they have their last word."""
    session.execute(
        f"INSERT INTO {local('touched')} SELECT site_id, slot, 1, 0, now64(3) FROM {local('touched')} "
        "WHERE site_id = {site:UInt64} AND at >= fromUnixTimestamp64Milli({since:Int64}) GROUP BY site_id, slot",
        {"site": site_id, "since": round(since.timestamp() * 1000)}, host=host,
    )  # fmt: skip


def touch_days(host: Host | None, job: int) -> None:
    """Note the day from the start of each visit: an interrupted job does not know which of their events are gone."""
    quarter = "toStartOfFifteenMinutes(toDateTime(visit_start, 'UTC')) + 900 * arrayJoin(range(97))"
    slots = f"SELECT DISTINCT site_id, {quarter} {_of(job)}"
    session.execute(
        f"INSERT INTO {local('touched')} SELECT DISTINCT site_id, slot, 1, 0, now64(3) FROM {local('touched')} "
        f"WHERE (site_id, slot) IN ({slots})",
        host=host,
    )


def make_anew(host: Host | None, job: int) -> None:
    """Delete what was made of the touched visits, make it from the events that are there."""
    for table in MADE:
        delete(host, table, _touched(job), {})
        _make(host, table, f" AND (e.site_id, e.visit) IN (SELECT site_id, visit {_of(job)})")
    delete(host, "firsts", f"(site_id, device, first) IN (SELECT site_id, device, visit_start {_of(job)})", {})
    _make(host, "firsts", f" AND (e.site_id, e.device) IN (SELECT site_id, device {_of(job)})")


def forget(host: Host | None, job: int) -> None:
    delete(host, "corrections", f"job = {job}", {})


def _of(job: int) -> str:
    return f"FROM {local('corrections')} WHERE job = {job}"


def _make(host: Host | None, table: str, where: str) -> None:
    select = views.SELECTS[table](local("events"), where)
    session.execute(f"INSERT INTO {local(table)} ({views.columns_of(table)}) {select}", host=host)


def count(host: Host | None, table: str, where: str, params: dict[str, Any]) -> int:
    with session.client(host) as opened:
        found = opened.query(f"SELECT count() FROM {local(table)} WHERE {where}", parameters=params)
        return int(found.result_rows[0][0])


def delete(host: Host | None, table: str, where: str, params: dict[str, Any]) -> None:
    session.execute(f"ALTER TABLE {local(table)} DELETE WHERE {where}", params, settings=WAIT, host=host)
