"""The GET breakdowns as one table: address -> columns -> query.

Each metric has two columns: one named as Clickport documents the breakdown (`bounce`) and one named as in `/api/query`
(`bounce_rate`).
"""

from __future__ import annotations

from dataclasses import dataclass

from reports.clickport.vocabulary import METRIC_NAMES, JsonValue, build_formatter, get_dimension_value
from reports.query.model import Row


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


def build_breakdown_row(breakdown: BreakdownEndpoint, row: Row) -> dict[str, JsonValue]:
    """Build one row of the response."""
    values = {column: get_dimension_value(name, row) for column, name in breakdown.dimensions.items()}
    columns = breakdown.list_columns().items()
    return values | {column: build_formatter(name)(row[METRIC_NAMES[name]]) for column, name in columns}
