"""Retention: what is older than a site keeps goes; a month that nobody keeps is dropped whole."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from tracking.store import session
from tracking.store.correct import WAIT, local
from tracking.store.migrate import nodes
from tracking.store.target import Host

# Tables in monthly partitions with rows of sites
MONTHLY = (
    "events", "visits", "identities", "bots", "heat", "refusals", "received",
    "touched", "rollup_days", "rollup_quarters", "rollup_visitors", "rollup_devices", "rollup_seen",
)  # fmt: skip


def first_kept(months: int, now: datetime) -> int:
    """The oldest month a site keeps, as yyyymm: `months` full months before the current one."""
    index = now.year * 12 + now.month - 1 - months
    return index // 12 * 100 + index % 12 + 1


def keep_months(months: Mapping[int, int], now: datetime) -> int:
    """Delete what each site (number -> months, 0 = keeps all) no longer keeps; how many months were cleaned."""
    kept = {site: first_kept(count, now) for site, count in months.items() if count > 0}
    cleaned = 0
    for host in nodes() if kept else []:
        for table in MONTHLY:
            cleaned += sum(
                _clean(host, table, month, kept) for month in _months(host, table) if month < max(kept.values())
            )
        _forget_devices(host, kept)
    return cleaned


def _months(host: Host | None, table: str) -> list[int]:
    with session.client(host) as opened:
        found = opened.query(
            "SELECT DISTINCT partition FROM system.parts WHERE active AND database = currentDatabase()"
            " AND table = {table:String} ORDER BY partition",
            parameters={"table": local(table)},
        )
        return [int(row[0]) for row in found.result_rows]


def _clean(host: Host | None, table: str, month: int, kept: Mapping[int, int]) -> bool:
    """Clean one partition; whether there was anything to do."""
    due = {site for site, first in kept.items() if month < first}
    with session.client(host) as opened:
        found = opened.query(f"SELECT DISTINCT site_id FROM {local(table)} WHERE _partition_id = '{month}'")
        stored = {row[0] for row in found.result_rows}
    if not stored & due:
        return False
    if stored <= due:
        session.execute(f"ALTER TABLE {local(table)} DROP PARTITION {month}", host=host)
    else:
        sites = ", ".join(map(str, sorted(stored & due)))
        session.execute(
            f"ALTER TABLE {local(table)} DELETE IN PARTITION {month} WHERE site_id IN ({sites})",
            settings=WAIT, host=host,
        )  # fmt: skip
    return True


def _forget_devices(host: Host | None, kept: Mapping[int, int]) -> None:
    """Devices whose every event is gone."""
    for site, month in kept.items():
        session.execute(
            f"ALTER TABLE {local('firsts')} DELETE WHERE site_id = {site} AND toYYYYMM(first) < {month}"
            f" AND device NOT IN (SELECT device FROM {local('events')} WHERE site_id = {site})",
            settings=WAIT, host=host,
        )  # fmt: skip
