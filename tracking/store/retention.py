"""Retention: what is older than a site keeps goes; a month that nobody keeps is dropped whole."""

from __future__ import annotations

from collections.abc import Collection, Mapping
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

AT_ONCE = 2_000  # sites in one statement, which names them up to four times


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
        for sites in _chunks(stored & due):
            session.execute(
                f"ALTER TABLE {local(table)} DELETE IN PARTITION {month} WHERE site_id IN ({sites})",
                settings=WAIT, host=host,
            )  # fmt: skip
    return True


def _forget_devices(host: Host | None, kept: Mapping[int, int]) -> None:
    """Forget devices whose every event is gone: a statement for many sites, and none where there is nothing to do."""
    by_month: dict[int, list[int]] = {}
    for site, month in sorted(kept.items()):
        by_month.setdefault(month, []).append(site)
    for month, sites in by_month.items():
        for chunk in _chunks(sites):
            gone = _gone_devices(chunk, month)
            with session.client(host) as opened:
                found = opened.query(f"SELECT 1 FROM {local('firsts')} WHERE {gone} LIMIT 1").result_rows
            if found:
                session.execute(f"ALTER TABLE {local('firsts')} DELETE WHERE {gone}", settings=WAIT, host=host)


def _gone_devices(sites: str, month: int) -> str:
    """SQL: a row of `firsts` is of one of these sites, older than the month, and of a device without events."""
    old = f"site_id IN ({sites}) AND toYYYYMM(first) < {month}"
    still_there = (
        f"SELECT site_id, device FROM {local('events')} WHERE site_id IN ({sites})"
        f" AND (site_id, device) IN (SELECT site_id, device FROM {local('firsts')} WHERE {old})"
    )
    return f"{old} AND (site_id, device) NOT IN ({still_there})"


def _chunks(sites: Collection[int]) -> list[str]:
    """The numbers of sites as lists for SQL, each short enough for one statement."""
    numbers = sorted(sites)
    return [", ".join(map(str, numbers[at : at + AT_ONCE])) for at in range(0, len(numbers), AT_ONCE)]
