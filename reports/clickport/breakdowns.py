"""The GET breakdowns as one table: address -> columns -> question.

Every column is answered under the name the breakdown's own description gives it (`bounce`) and under the one that
`/api/query` has for the same number (`bounce_rate`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import QueryDict

from reports.clickport.names import OUR_DIMENSION, OUR_METRIC, dimension_value, writer
from reports.clickport.questions import DAY, day_of, days
from reports.engine import Period, Query
from reports.engine.period import zone_of
from reports.engine.refusal import QueryRefused, one_of, shown

MOST_ROWS = 10_000
DEFAULT_DAYS = 30


@dataclass(frozen=True)
class Breakdown:
    """`dimensions`: column -> Clickport's dimension. `metrics`: column -> Clickport's metric."""

    address: str
    dimensions: dict[str, str]
    metrics: dict[str, str]
    doc: str

    def columns(self) -> dict[str, str]:
        """All columns of metrics, in order: the described name, then the query's."""
        return self.metrics | {metric: metric for metric in self.metrics.values()}


VISITORS = {"visitors": "visitors"}
SESSIONS = {"sessions": "sessions"}
BOUNCE = {"bounce": "bounce_rate"}


def simple(address: str, dimension: str, doc: str, metrics: dict[str, str] = VISITORS) -> Breakdown:
    return Breakdown(address, {dimension: dimension}, metrics, doc)


BREAKDOWNS: dict[str, Breakdown] = {
    row.address: row
    for row in (
        simple("pages", "page", "Top pages.",
               VISITORS | {"pageviews": "pageviews", "scroll": "avg_scroll", "duration": "avg_duration"}),
        simple("sources", "source", "Where visits came from.", VISITORS | BOUNCE | {"engagement": "engagement"}),
        simple("referrers", "referrer_url", "Full URLs of referring pages.", VISITORS | BOUNCE),
        simple("countries", "country", "Countries by ISO code."),
        Breakdown("campaigns", {"campaign": "utm_campaign", "source": "utm_source", "medium": "utm_medium"}, VISITORS,
                  "Campaigns with their source and medium."),
        simple("utm-sources", "utm_source", "By utm_source."),
        simple("utm-mediums", "utm_medium", "By utm_medium."),
        simple("utm-content", "utm_content", "By utm_content."),
        simple("utm-term", "utm_term", "By utm_term."),
        simple("entry-pages", "entry_page", "Pages on which sessions began.", SESSIONS),
        simple("exit-pages", "exit_page", "Pages on which sessions ended.", SESSIONS),
    )
}  # fmt: skip
TECH = {name: simple("tech", name, f"By {name}.") for name in ("device", "browser", "os")}


def tech(kind: str | None) -> Breakdown:
    """The breakdown of `/api/tech?type=…`; device when it is left out."""
    if found := TECH.get(kind or "device"):
        return found
    raise QueryRefused(f"“type” is one of {one_of(TECH)}, not {shown(kind)}.", "type")


def query_of(row: Breakdown, site_id: int, given: QueryDict, now: datetime) -> Query:
    """The question of a GET request. Raises QueryRefused."""
    first = next(iter(row.metrics.values()))
    return Query(
        sites=(site_id,),
        period=period_of(given, now),
        metrics=tuple(OUR_METRIC[name] for name in dict.fromkeys(row.metrics.values())),
        dimensions=tuple(OUR_DIMENSION[name] for name in row.dimensions.values()),
        order=((OUR_METRIC[first], "desc"),),
        limit=number_of(given, "limit", 100, 1, MOST_ROWS),
        offset=number_of(given, "offset", 0, 0, 1_000_000),
    )


def period_of(given: QueryDict, now: datetime) -> Period:
    """From `start_date` to before `end_date` (exclusive); left out: the last 30 days, today included."""
    zone = given.get("timezone") or "UTC"
    tomorrow = now.astimezone(zone_of(zone)).date() + DAY
    after = day_of(given["end_date"], "end_date") if given.get("end_date") else None
    if given.get("start_date"):
        first = day_of(given["start_date"], "start_date")
        return days(first, after or max(tomorrow, first + DAY), zone, "end_date")
    after = after or tomorrow
    return days(after - timedelta(days=DEFAULT_DAYS), after, zone, "end_date")


def number_of(given: QueryDict, name: str, default: int, least: int, most: int) -> int:
    text = given.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) < 12 and least <= int(text) <= most):
        raise QueryRefused(f"“{name}” is a whole number from {least:,} to {most:,}, not {shown(text)}.", name)
    return int(text)


def written(row: Breakdown, found: dict[str, Any]) -> dict[str, Any]:
    """One row of the answer."""
    named = {column: dimension_value(name, found) for column, name in row.dimensions.items()}
    return named | {column: writer(name)(found[OUR_METRIC[name]]) for column, name in row.columns().items()}
