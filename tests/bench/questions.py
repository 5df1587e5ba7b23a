"""The fixed set of 20 queries, each with the best ClickHouse SQL that we can write by hand for the same tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from goals.predicates import Filter
from reports.query import Period, Query
from reports.query.filters import FilterInput
from tests.bench.traffic import LARGE, LAST

NOW = LAST - timedelta(minutes=20)
GOALS = {1: {"dimension": "event", "operator": "is", "value": ["Signup"]}}
KPIS = ("visitors", "visits", "views", "bounce_rate", "avg_duration")


@dataclass(frozen=True)
class Question:
    """`query` for the engine; `sql` by hand, one or several statements."""

    name: str
    query: Query
    sql: tuple[str, ...]


def is_(dimension: str, *values: str) -> Filter:
    return {"dimension": dimension, "operator": "is", "value": list(values)}


def days(count: int) -> Period:
    return Period.parse(f"{count}d" if count in (7, 14, 30, 90) else "12m", "UTC", NOW)


def text(when: datetime) -> str:
    return f"toDateTime64('{when:%Y-%m-%d %H:%M:%S}', 3, 'UTC')"


def events(period: Period, more: str = "") -> str:
    span = f"ts >= {text(period.start)} AND ts < {text(period.end)}"
    return f"FROM events WHERE site_id = {LARGE} AND {span}{' AND ' + more if more else ''}"


def visits(period: Period, more: str = "") -> str:
    span = f"hour >= {text(period.start)} AND hour < {text(period.end)} AND visit_start >= {text(period.start)}"
    return f"FROM visits FINAL WHERE site_id = {LARGE} AND {span}{' AND ' + more if more else ''}"


MS = "if(engaged > 0, engaged, toUInt64(dateDiff('millisecond', first, last)))"
BOUNCES = f"100 * countIf(views = 1 AND actions = 1 AND {MS} < 30000) / count()"


def overview(count: int) -> Question:
    period = days(count)
    sql = (
        f"SELECT * FROM (SELECT uniqExact(device), countIf(kind = 'view') {events(period)}) AS a, "
        f"(SELECT count(), {BOUNCES}, sum({MS}) / 1000 / count() {visits(period)}) AS b"
    )
    return Question(f"overview {count} days", Query(sites=(LARGE,), period=period, metrics=KPIS), (sql,))


def query_month(**more: Any) -> Query:
    """Ask of the last 30 days of the large site."""
    return Query(sites=(LARGE,), period=days(30), **more)


def top(name: str, dimension: str, column: str, more: str = "", metrics: tuple[str, ...] = ("visitors",),
        where: FilterInput = None, limit: int = 10, period: Period | None = None) -> Question:  # fmt: skip
    """Visitors by a column of events."""
    period = period or days(30)
    sql = (
        f"SELECT {column} AS value, uniqExact(device) AS visitors {events(period, more)} "
        f"GROUP BY value ORDER BY visitors DESC, value LIMIT {limit}"
    )
    return Question(
        name,
        Query(sites=(LARGE,), period=period, metrics=metrics, dimensions=(dimension,), where=where, limit=limit),
        (sql,),
    )


def by_time(name: str, dimension: str, bucket: str, period: Period) -> Question:
    sql = f"SELECT {bucket} AS at, uniqExact(device), countIf(kind = 'view') {events(period)} GROUP BY at ORDER BY at"
    return Question(
        name,
        Query(sites=(LARGE,), period=period, metrics=("visitors", "views"), dimensions=(dimension,), limit=5000),
        (sql,),
    )


def questions() -> list[Question]:
    month = days(30)
    kolkata = Period.parse("7d", "Asia/Kolkata", NOW)
    recent = Period.parse("realtime", "UTC", NOW)
    german = "country = 'DE'"
    entry = (
        f"SELECT entry_page, count() AS entries, {BOUNCES} {visits(month, 'entry_page != {empty}')} "
        "GROUP BY entry_page ORDER BY entries DESC, entry_page LIMIT 10"
    ).replace("{empty}", "''")
    goal = (
        f"SELECT countIf(kind = 'event' AND name = 'Signup'), "
        f"100 * uniqExactIf(device, kind = 'event' AND name = 'Signup') / uniqExact(device) {events(month)}"
    )
    visited = (
        f"SELECT count(), {BOUNCES} {visits(month)} AND visit IN (SELECT visit {events(month, 'path = {p}')})"
    ).replace("{p}", "'/page/3'")
    return [
        overview(7), overview(30), overview(90), overview(365),
        top("top pages", "page", "path", "kind = 'view'"),
        top("top pages of 90 days", "page", "path", "kind = 'view'", period=days(90)),
        Question("entry pages", query_month(metrics=("visits", "bounce_rate"), dimensions=("entry_page",), limit=10),
                 (entry,)),
        top("sources", "source", "source"),
        top("countries", "country", "country"),
        top("cities", "city", "city"),
        top("campaigns", "utm_campaign", "utm_campaign", "utm_campaign != ''"),
        top("browsers", "browser", "browser"),
        Question("one country", query_month(metrics=("visitors", "views"), where=is_("country", "DE")),
                 (f"SELECT uniqExact(device), countIf(kind = 'view') {events(month, german)}",)),
        top("pages with two filters", "page", "path", "kind = 'view' AND country = 'DE' AND source = 'Source 1'",
            where=[is_("country", "DE"), is_("source", "Source 1")]),
        Question("goal conversion", query_month(metrics=("conversions", "conversion_rate")), (goal,)),
        Question("visits that saw a page",
                 query_month(metrics=("visits", "bounce_rate"), where=is_("page", "/page/3")), (visited,)),
        Question("realtime", Query(sites=(LARGE,), period=recent, metrics=("visitors", "views")),
                 (f"SELECT uniqExact(device), countIf(kind = 'view') {events(recent)}",)),
        top("a custom property", "prop:plan", "props['plan']", "props['plan'] != ''"),
        by_time("hours in Asia/Kolkata", "hour", "toStartOfHour(ts, 'Asia/Kolkata')", kolkata),
        by_time("days", "day", "toDate(ts, 'UTC')", days(90)),
    ]  # fmt: skip


def dashboard() -> list[Query]:
    """What the dashboard of 30 days asks."""
    panels = (
        ("page", ("visitors", "views")), ("entry_page", ("visits", "bounce_rate")), ("exit_page", ("visits",)),
        ("source", ("visitors",)), ("channel", ("visitors",)), ("utm_campaign", ("visitors",)),
        ("country", ("visitors",)), ("browser", ("visitors",)), ("os", ("visitors",)), ("device", ("visitors",)),
        ("event", ("visitors", "events")),
    )  # fmt: skip
    return [
        query_month(metrics=KPIS),
        query_month(metrics=("visitors", "views"), dimensions=("day",)),
        *(query_month(metrics=metrics, dimensions=(dimension,), limit=9) for dimension, metrics in panels),
        query_month(metrics=("online",)),
    ]


def rolled_up() -> list[tuple[str, Query, bool]]:
    """What rollups are for: name, question, and whether an estimate is wanted."""
    closed = Period.days(days(90).first_day, days(90).last_day, "UTC")
    sums = ("views", "visits", "actions", "bounce_rate", "avg_duration")
    first = ("visitors",)
    return [
        ("sums of 89 closed days", Query(sites=(LARGE,), period=closed, metrics=sums), False),
        ("sums by day", Query(sites=(LARGE,), period=closed, metrics=sums, dimensions=("day",)), False),
        ("views by country", Query(sites=(LARGE,), period=closed, metrics=("views",), dimensions=("country",)), False),
        ("visitors, estimated", Query(sites=(LARGE,), period=closed, metrics=("visitors",)), True),
        (
            "top pages of 30 days, exact",
            Query(sites=(LARGE,), period=days(30), metrics=first, dimensions=("page",), limit=10),
            False,
        ),
        (
            "top pages of 90 days, exact",
            Query(sites=(LARGE,), period=days(90), metrics=first, dimensions=("page",), limit=10),
            False,
        ),
    ]
