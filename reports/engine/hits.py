"""Hits on links and pixels, one row each: the clickstream, paged from the newest to the oldest.

The same tenant, period and filter JSON as every other question. Rows are dictionaries of the columns in COLUMNS; a
page ends with the key from which the next one goes on.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from reports.engine import filters, limits
from reports.engine.conditions import Conditions
from reports.engine.dimensions import kinds_in
from reports.engine.period import Period
from reports.engine.scene import Scene, instant
from reports.engine.tables import rows_of_all_tenants, rows_of_sites
from tracking import store

COLUMNS = (
    "ts", "id", "kind", "link_id", "group_id", "click_id", "conversion_id", "name", "text", "destination", "is_unique",
    "country", "region", "city", "latitude", "longitude", "language", "ip", "organization", "device_type", "browser",
    "browser_version", "os", "os_version", "referrer", "referrer_domain", "source", "channel", "revenue", "currency",
    "commission", "cost", "user_agent",
)  # fmt: skip
HITS = ("link", "pixel", "spider")
SALES = ("conversion", "refund")
MOST = 1000
Row = dict[str, Any]
Key = tuple[int, int]  # milliseconds since 1970, number of the event


def hits(
    account_id: int,
    period: Period,
    *,
    where: Any = None,
    kinds: tuple[str, ...] = HITS,
    before: Key | None = None,
    converted: bool = False,
    conversion: tuple[int, Period] | None = None,
    limit: int = 100,
) -> list[Row]:
    """The newest `limit` hits of the account's links in the period, before a key if one is given.

    `converted`: only those a conversion came of. `conversion`: only those that led to this conversion, given by id
    and the period of the conversion. Raises QueryRefused for a filter that is none.
    """
    scene = Scene((account_id,), period, period.end, filters.parse(where))
    conditions = [kinds_in(kinds), Conditions(scene).events(scene.tree)]
    if before is not None:
        conditions.append(f"(ts, id) < ({instant(int(before[0]))}, {int(before[1])})")
    if converted:
        conditions.append(f"id IN (SELECT click_id {rows_of_sites('events', scene.sites, kinds_in(SALES))})")
    if conversion is not None:
        sold = Scene((account_id,), conversion[1], conversion[1].end)
        sales = sold.events(kinds_in(SALES), f"conversion_id = {int(conversion[0])}")
        conditions.append(f"id IN (SELECT click_id {sales})")
    sql = (
        f"SELECT {', '.join(COLUMNS)} {scene.events(*conditions)} "
        f"ORDER BY ts DESC, id DESC LIMIT {min(MOST, max(1, int(limit)))}"
    )
    return asked(sql, scene)


def sales_of(account_id: int, clicks: Iterable[int]) -> dict[int, list[Row]]:
    """The conversions and refunds that these clicks led to: click -> rows, oldest first."""
    numbers = sorted({int(number) for number in clicks})
    if not numbers:
        return {}
    period = Period(datetime(2000, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC))
    scene = Scene((account_id,), period, period.end)
    condition = f"click_id IN ({', '.join(map(str, numbers))})"
    sql = f"SELECT {', '.join(COLUMNS)} {scene.events(kinds_in(SALES), condition)} ORDER BY ts, id LIMIT 10000"
    found: dict[int, list[Row]] = {}
    for row in asked(sql, scene):
        found.setdefault(row["click_id"], []).append(row)
    return found


def asked(sql: str, scene: Scene) -> list[Row]:
    found = store.query(sql, scene.params.values, settings=limits.query_settings())
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in found.rows]
    for row in rows:
        row["ts"] = row["ts"] if row["ts"].tzinfo else row["ts"].replace(tzinfo=UTC)
    return rows


def key_of(row: Row) -> Key:
    """Where the next page goes on."""
    return int(row["ts"].timestamp() * 1000 + 0.5), int(row["id"])


def recent(since: datetime) -> list[Row]:
    """For the windows of the redirector at its start, over all accounts: unique hits since then, oldest first."""
    hits = rows_of_all_tenants("events", "kind IN ('link', 'pixel')", "is_unique = 1", since_then(since))
    return store.rows(f"SELECT link_id, view_id, ts {hits} ORDER BY ts LIMIT 1000000")


def sold(since: datetime) -> list[Row]:
    """Likewise: which parameters and clicks were counted for which conversion."""
    columns = "kind, conversion_id, name, click_id, is_unique, ts"
    sales = rows_of_all_tenants("events", kinds_in(SALES), since_then(since))
    return store.rows(f"SELECT {columns} {sales} ORDER BY ts LIMIT 500000")


def since_then(since: datetime) -> str:
    return f"ts >= {instant(int(since.timestamp() * 1000))}"


def counts(accounts: Iterable[int], links: Iterable[int]) -> dict[int, int]:
    """Likewise: how many clicks people made on these links, ever."""
    numbers = sorted(set(links))
    if not numbers:
        return {}
    clicks = rows_of_sites("events", accounts, "kind = 'link'", "link_id IN {links:Array(UInt64)}")
    sql = f"SELECT link_id, count() AS clicks {clicks} GROUP BY link_id"
    return {row["link_id"]: row["clicks"] for row in store.rows(sql, {"links": numbers})}
