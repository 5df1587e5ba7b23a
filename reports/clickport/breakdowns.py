"""The GET breakdowns as one table: address -> columns -> query.

Each metric has two columns: one named as Clickport documents the breakdown (`bounce`) and one named as in `/api/query`
(`bounce_rate`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import QueryDict

from reports.clickport.query_request import (
    DAY,
    DEFAULT_ROWS,
    MAX_OFFSET,
    MAX_ROWS,
    build_period,
    check_number,
    read_date,
)
from reports.clickport.vocabulary import DIMENSION_NAMES, METRIC_NAMES, JsonValue, build_formatter, get_dimension_value
from reports.query import Period, Query
from reports.query.errors import QueryRefused, join_names, quote_value
from reports.query.model import Row
from reports.query.periods import parse_zone

DEFAULT_DAYS = 30


@dataclass(frozen=True)
class BreakdownEndpoint:
    """`dimensions`: column -> Clickport's dimension. `metrics`: column -> Clickport's metric."""

    address: str
    dimensions: dict[str, str]
    metrics: dict[str, str]
    doc: str

    def list_columns(self) -> dict[str, str]:
        """Return all columns of metrics in order: first the documented names, then those of `/api/query`."""
        return self.metrics | {metric: metric for metric in self.metrics.values()}


VISITORS = {"visitors": "visitors"}
SESSIONS = {"sessions": "sessions"}
BOUNCE = {"bounce": "bounce_rate"}


def build_simple(address: str, dimension: str, doc: str, metrics: dict[str, str] = VISITORS) -> BreakdownEndpoint:
    return BreakdownEndpoint(address, {dimension: dimension}, metrics, doc)


BREAKDOWNS: dict[str, BreakdownEndpoint] = {
    breakdown.address: breakdown
    for breakdown in (
        build_simple("pages", "page", "Top pages.",
                     VISITORS | {"pageviews": "pageviews", "scroll": "avg_scroll", "duration": "avg_duration"}),
        build_simple("sources", "source", "Where visits came from.", VISITORS | BOUNCE | {"engagement": "engagement"}),
        build_simple("referrers", "referrer_url", "Full URLs of referring pages.", VISITORS | BOUNCE),
        build_simple("countries", "country", "Countries by ISO code."),
        BreakdownEndpoint(
            "campaigns", {"campaign": "utm_campaign", "source": "utm_source", "medium": "utm_medium"}, VISITORS,
            "Campaigns with their source and medium.",
        ),
        build_simple("utm-sources", "utm_source", "By utm_source."),
        build_simple("utm-mediums", "utm_medium", "By utm_medium."),
        build_simple("utm-content", "utm_content", "By utm_content."),
        build_simple("utm-term", "utm_term", "By utm_term."),
        build_simple("entry-pages", "entry_page", "Pages on which sessions began.", SESSIONS),
        build_simple("exit-pages", "exit_page", "Pages on which sessions ended.", SESSIONS),
    )
}  # fmt: skip
TECH = {name: build_simple("tech", name, f"By {name}.") for name in ("device", "browser", "os")}


def find_tech(kind: str | None) -> BreakdownEndpoint:
    """Return the breakdown of `/api/tech?type=…`; the default is device. Raises QueryRefused."""
    if breakdown := TECH.get(kind or "device"):
        return breakdown
    raise QueryRefused(f"“type” is one of {join_names(TECH)}, not {quote_value(kind)}.", "type")


def parse_query(breakdown: BreakdownEndpoint, site_id: int, params: QueryDict, now: datetime) -> Query:
    """Return the query of a GET request. Raises QueryRefused."""
    first = next(iter(breakdown.metrics.values()))
    return Query(
        sites=(site_id,),
        period=parse_period(params, now),
        metrics=tuple(METRIC_NAMES[name] for name in dict.fromkeys(breakdown.metrics.values())),
        dimensions=tuple(DIMENSION_NAMES[name] for name in breakdown.dimensions.values()),
        order=((METRIC_NAMES[first], "desc"),),
        limit=read_number(params, "limit", DEFAULT_ROWS, 1, MAX_ROWS),
        offset=read_number(params, "offset", 0, 0, MAX_OFFSET),
    )


def parse_period(params: QueryDict, now: datetime) -> Period:
    """Return the days from `start_date` to before `end_date`; the default is the last 30 days, today included."""
    zone = params.get("timezone") or "UTC"
    tomorrow = now.astimezone(parse_zone(zone)).date() + DAY
    end = read_date(params["end_date"], "end_date") if params.get("end_date") else None
    if params.get("start_date"):
        first = read_date(params["start_date"], "start_date")
        return build_period(first, end or max(tomorrow, first + DAY), zone, "end_date")
    end = end or tomorrow
    return build_period(end - timedelta(days=DEFAULT_DAYS), end, zone, "end_date")


def read_number(params: QueryDict, name: str, default: int, minimum: int, maximum: int) -> int:
    text = params.get(name) or str(default)
    is_number = text.isascii() and text.isdigit() and len(text) < 12
    return check_number(int(text) if is_number else text, name, minimum, maximum)


def build_breakdown_row(breakdown: BreakdownEndpoint, row: Row) -> dict[str, JsonValue]:
    """Build one row of the response."""
    values = {column: get_dimension_value(name, row) for column, name in breakdown.dimensions.items()}
    columns = breakdown.list_columns().items()
    return values | {column: build_formatter(name)(row[METRIC_NAMES[name]]) for column, name in columns}
