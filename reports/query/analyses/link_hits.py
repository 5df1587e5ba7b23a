"""Hits on links and pixels, one row each: the clickstream, from the newest to the oldest.

The same periods and filters as for any query. Rows are dicts of the columns in COLUMNS; the next page continues before
the key of the last row.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import cast

from reports.query import filters
from reports.query.context import QueryContext, write_instant
from reports.query.dimensions import write_kinds_condition
from reports.query.execution_limits import run_statement
from reports.query.filters import FilterInput
from reports.query.periods import Period
from reports.query.sql.conditions import ConditionBuilder
from reports.query.sql.select import Select
from reports.query.sql.tables import rows_of_all_tenants, rows_of_sites
from tracking import store
from tracking.event import Event
from tracking.schema import Lists, find_listed_columns

COLUMNS = find_listed_columns(Lists.HITS)
HIT_KINDS = ("link", "pixel", "spider")
SALE_KINDS = ("conversion", "refund")
MAX_HITS = 1000
MAX_SALES = 10_000
Row = Event  # with the columns of COLUMNS
HitKey = tuple[int, int]  # milliseconds since 1970, id of the event


def fetch_hits(
    account_id: int,
    period: Period,
    *,
    where: FilterInput = None,
    kinds: tuple[str, ...] = HIT_KINDS,
    before: HitKey | None = None,
    converted: bool = False,
    conversion: tuple[int, Period] | None = None,
    limit: int = 100,
) -> list[Row]:
    """Return the newest `limit` hits on the account's links in the period, or the newest before a key.

    `converted`: only hits that led to any conversion. `conversion`: only those that led to this one, by its id and the
    period of its calls. Raises QueryRefused for a wrong filter.
    """
    context = QueryContext(sites=(account_id,), period=period, now=period.end, tree=filters.parse(where))
    conditions = [write_kinds_condition(kinds), ConditionBuilder(context).for_events(context.tree)]
    if before is not None:
        conditions.append(f"(ts, id) < ({write_instant(int(before[0]))}, {int(before[1])})")
    if converted:
        sales = rows_of_sites("events", context.sites, write_kinds_condition(SALE_KINDS))
        conditions.append(f"id IN ({Select(['click_id'], sales)})")
    if conversion is not None:
        conversion_id, conversion_period = conversion
        of_sales = QueryContext(sites=(account_id,), period=conversion_period, now=conversion_period.end)
        sales = of_sales.from_events(write_kinds_condition(SALE_KINDS), f"conversion_id = {int(conversion_id)}")
        conditions.append(f"id IN ({Select(['click_id'], sales)})")
    newest = Select(
        COLUMNS, context.from_events(*conditions), order_by=["ts DESC", "id DESC"],
        limit=min(MAX_HITS, max(1, int(limit))),
    )  # fmt: skip
    return fetch_events(newest, context)


def fetch_sales(account_id: int, clicks: Iterable[int]) -> dict[int, list[Row]]:
    """Return the conversions and refunds that these clicks led to: click -> rows, oldest first."""
    numbers = sorted({int(number) for number in clicks})
    if not numbers:
        return {}
    period = Period(datetime(2000, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC))
    context = QueryContext(sites=(account_id,), period=period, now=period.end)
    of_clicks = f"click_id IN ({', '.join(map(str, numbers))})"
    events = context.from_events(write_kinds_condition(SALE_KINDS), of_clicks)
    sales: dict[int, list[Row]] = {}
    for row in fetch_events(Select(COLUMNS, events, order_by=["ts", "id"], limit=MAX_SALES), context):
        sales.setdefault(row["click_id"], []).append(row)
    return sales


def fetch_events(sql: Select, context: QueryContext) -> list[Row]:
    """Return the rows of a SELECT of COLUMNS, with `ts` in UTC."""
    rows = cast("list[Row]", run_statement(sql, context.params.values, context.sites).dicts())
    for row in rows:
        row["ts"] = row["ts"] if row["ts"].tzinfo else row["ts"].replace(tzinfo=UTC)
    return rows


def build_hit_key(row: Row) -> HitKey:
    """Return the key before which the next page continues."""
    return int(row["ts"].timestamp() * 1000 + 0.5), int(row["id"])


def list_unique_hits_of_all(since: datetime) -> list[Row]:
    """Return the unique hits of all accounts since an instant, oldest first, from which a redirector starts."""
    unique_hits = rows_of_all_tenants(
        "events", "kind IN ('link', 'pixel')", "is_unique = 1", write_since_condition(since)
    )
    return fetch_of_all(Select(["link_id", "view_id", "ts"], unique_hits, order_by=["ts"], limit=1_000_000))


def list_sales_of_all(since: datetime) -> list[Row]:
    """Return the conversions and refunds of all accounts since an instant, oldest first, for the same use."""
    columns = ["kind", "conversion_id", "name", "click_id", "is_unique", "ts"]
    sales = rows_of_all_tenants("events", write_kinds_condition(SALE_KINDS), write_since_condition(since))
    return fetch_of_all(Select(columns, sales, order_by=["ts"], limit=500_000))


def fetch_of_all(sql: Select) -> list[Row]:
    return cast("list[Row]", store.rows(str(sql)))


def write_since_condition(since: datetime) -> str:
    return f"ts >= {write_instant(int(since.timestamp() * 1000))}"


def count_clicks(accounts: Iterable[int], links: Iterable[int]) -> dict[int, int]:
    """Return how many clicks of people these links ever had, for the same use."""
    numbers = sorted(set(links))
    if not numbers:
        return {}
    clicks = rows_of_sites("events", accounts, "kind = 'link'", "link_id IN {links:Array(UInt64)}")
    sql = Select(["link_id", "count() AS clicks"], clicks, "link_id")
    return {row["link_id"]: row["clicks"] for row in store.rows(str(sql), {"links": numbers})}
