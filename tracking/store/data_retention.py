"""Retention: delete what is older than each site stores; a month that no site stores is dropped as a partition."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from dateutil.relativedelta import relativedelta

from tracking.store import client
from tracking.store.corrections import WAIT_FOR_MUTATION, get_local_table
from tracking.store.migrate import list_nodes
from tracking.store.target import Host

# Tables in monthly partitions with rows of sites
MONTHLY_TABLES = (
    "events", "visits", "identities", "bots", "heat", "refusals", "received",
    "touched", "rollup_days", "rollup_quarters", "rollup_visitors", "rollup_devices", "rollup_seen",
)  # fmt: skip

MAX_MONTHS = 1_200  # a century; no event is older
MAX_SITES_PER_STATEMENT = 2_000  # one statement lists them up to four times


def find_oldest_month(months: int, now: datetime) -> int:
    """Return the oldest month a site stores, as yyyymm: `months` full months before the current one."""
    oldest = now - relativedelta(months=min(months, MAX_MONTHS))
    return oldest.year * 100 + oldest.month


def keep_months(months: Mapping[int, int], now: datetime) -> int:
    """Delete what is older than each site's months (site -> months, 0 = no limit); return how many were cleaned."""
    oldest_months = {site: find_oldest_month(count, now) for site, count in months.items() if count > 0}
    cleaned = 0
    for host in list_nodes() if oldest_months else []:
        for table in MONTHLY_TABLES:
            cleaned += sum(
                _clean_partition(host, table, month, oldest_months)
                for month in _list_months(host, table)
                if month < max(oldest_months.values())
            )
        _delete_devices(host, oldest_months)
    return cleaned


def _list_months(host: Host | None, table: str) -> list[int]:
    with client.client(host) as connection:
        result = connection.query(
            "SELECT DISTINCT partition FROM system.parts WHERE active AND database = currentDatabase()"
            " AND table = {table:String} ORDER BY partition",
            parameters={"table": get_local_table(table)},
        )
        return [int(row[0]) for row in result.result_rows]


def _clean_partition(host: Host | None, table: str, month: int, oldest_months: Mapping[int, int]) -> bool:
    """Clean one partition; return whether it had rows to delete."""
    due = {site for site, first in oldest_months.items() if month < first}
    with client.client(host) as connection:
        result = connection.query(
            f"SELECT DISTINCT site_id FROM {get_local_table(table)} WHERE _partition_id = '{month}'"
        )
        stored = {row[0] for row in result.result_rows}
    if not stored & due:
        return False
    if stored <= due:
        client.execute(f"ALTER TABLE {get_local_table(table)} DROP PARTITION {month}", host=host)
    else:
        for sites in _chunks(stored & due):
            client.execute(
                f"ALTER TABLE {get_local_table(table)} DELETE IN PARTITION {month} WHERE site_id IN ({sites})",
                settings=WAIT_FOR_MUTATION, host=host,
            )  # fmt: skip
    return True


def _delete_devices(host: Host | None, oldest_months: Mapping[int, int]) -> None:
    """Delete devices without any event left: one statement for many sites, and none where nothing is to be deleted."""
    by_month: dict[int, list[int]] = {}
    for site, month in sorted(oldest_months.items()):
        by_month.setdefault(month, []).append(site)
    for month, sites in by_month.items():
        for chunk in _chunks(sites):
            condition = _build_gone_condition(chunk, month)
            with client.client(host) as connection:
                result = connection.query(
                    f"SELECT 1 FROM {get_local_table('firsts')} WHERE {condition} LIMIT 1"
                ).result_rows
            if result:
                client.execute(
                    f"ALTER TABLE {get_local_table('firsts')} DELETE WHERE {condition}",
                    settings=WAIT_FOR_MUTATION,
                    host=host,
                )


def _build_gone_condition(sites: str, month: int) -> str:
    """Return the SQL condition: a row of `firsts` of one of these sites, older than the month, without events left."""
    old = f"site_id IN ({sites}) AND toYYYYMM(first) < {month}"
    remaining = (
        f"SELECT site_id, device FROM {get_local_table('events')} WHERE site_id IN ({sites})"
        f" AND (site_id, device) IN (SELECT site_id, device FROM {get_local_table('firsts')} WHERE {old})"
    )
    return f"{old} AND (site_id, device) NOT IN ({remaining})"


def _chunks(sites: Collection[int]) -> list[str]:
    """Return the numbers of sites as lists for SQL, each short enough for one statement."""
    numbers = sorted(sites)
    return [
        ", ".join(map(str, numbers[at : at + MAX_SITES_PER_STATEMENT]))
        for at in range(0, len(numbers), MAX_SITES_PER_STATEMENT)
    ]
