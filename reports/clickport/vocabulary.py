"""Clickport's names of our metrics and dimensions, and the format of its numbers.

Two rules are its own: `bounce_rate` is the share of single-page sessions, and it is an integer, as are durations,
scroll depth and engagement. Metrics and dimensions that Clickport does not have keep our names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from reports.query.dimensions import DIMENSIONS
from reports.query.errors import QueryRefused, join_names, quote_value
from reports.query.metrics import METRICS, Number
from reports.query.model import Row
from sites.amounts import round_amount, round_half_up

JsonValue = int | float | str | None  # in a row


def round_integer(value: Number | None) -> int:
    return int(round_half_up(value))


def round_hundredth(value: Number | None) -> float:
    return float(round_half_up(value, 2))


METRIC_NAMES = {
    "visitors": "visitors",
    "sessions": "visits",
    "pageviews": "views",
    "views_per_visit": "views_per_visit",
    "bounce_rate": "single_page_rate",
    "avg_duration": "avg_duration",
    "avg_scroll": "avg_scroll",
    "clickers": "clickers",
}
# Metrics and dimensions of tracked links: their events belong to an account, so a site's key would see none of them
LINK_NAMES = {row.name for row in METRICS.values() if row.audience == "link"}
LINK_NAMES |= {row.name for row in DIMENSIONS.values() if row.audience == "link"}
OTHER_METRICS = tuple(
    name for name in METRICS if name not in {*METRIC_NAMES, *METRIC_NAMES.values(), "bounce_rate", *LINK_NAMES}
)
METRIC_NAMES |= {name: name for name in OTHER_METRICS}

CLICKPORT_DIMENSIONS = (
    "source", "channel", "referrer_url", "utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term", "page",
    "entry_page", "exit_page", "country", "region", "city", "device", "browser", "browser_version", "os", "os_version",
    "screen", "hour", "date", "week", "month",
)  # fmt: skip
RENAMED_DIMENSIONS = {"referrer_url": "referrer", "date": "day"}
EXCLUDED_DIMENSIONS = {*RENAMED_DIMENSIONS.values(), "site", *LINK_NAMES}  # pointless: a key opens one site
DIMENSION_NAMES = {name: RENAMED_DIMENSIONS.get(name, name) for name in CLICKPORT_DIMENSIONS} | {
    name: name for name in DIMENSIONS if name not in {*CLICKPORT_DIMENSIONS, *EXCLUDED_DIMENSIONS}
}
PREFIXES = ("prop:", "tag:")

# Integers in Clickport, although our registry formats them as percentages
INTEGER_METRICS = {"bounce_rate", "avg_scroll"}
DECIMAL_FORMATS = {"decimal", "percent", "money"}  # formats of the registry

EMPTY_VALUES = {name: row.empty for name, row in DIMENSIONS.items() if row.empty == "Direct"}


def get_display_value(dimension: str, value: JsonValue) -> JsonValue:
    """Return a value of our dimension as Clickport shows it: an empty source is Direct."""
    return EMPTY_VALUES[dimension] if value == "" and dimension in EMPTY_VALUES else value


def find_metric(name: str) -> str:
    """Return the engine's name of a Clickport metric. Raises QueryRefused, which lists the metrics."""
    if name in METRIC_NAMES:
        return METRIC_NAMES[name]
    raise QueryRefused(f"There is no metric {quote_value(name)}; use one of {join_names(METRIC_NAMES)}.")


def find_dimension(name: object, where: str = "") -> str:
    """Return the engine's name of a Clickport dimension; `prop:<key>` and `tag:<key>` keep theirs.

    Raises QueryRefused, which lists the dimensions.
    """
    if isinstance(name, str):
        if name in DIMENSION_NAMES:
            return DIMENSION_NAMES[name]
        if name.startswith(PREFIXES):
            return name
    allowed = join_names([*DIMENSION_NAMES, "prop:<key>", "tag:<key>"])
    raise QueryRefused(f"There is no dimension {quote_value(name)}; use one of {allowed}.", where)


def get_engine_name(name: str) -> str:
    """Return the engine's name of a valid metric or dimension."""
    return METRIC_NAMES.get(name) or DIMENSION_NAMES.get(name, name)


def build_formatter(metric: str, currency: str = "") -> Callable[[Number | None], JsonValue]:
    """Return the function that formats the values of a Clickport metric; `currency` is that of its amounts."""
    if is_money(metric):
        return lambda value: float(round_amount(value, currency))
    return round_hundredth if has_decimals(metric) else round_integer


def is_money(metric: str) -> bool:
    """Return whether the values of a Clickport metric are amounts of money."""
    return METRICS[METRIC_NAMES[metric]].money


def has_decimals(metric: str) -> bool:
    """Return whether the values of a Clickport metric have decimals, which the registry's format decides."""
    return metric not in INTEGER_METRICS and METRICS[METRIC_NAMES[metric]].format in DECIMAL_FORMATS


def build_row(row: Row, dimensions: Iterable[str], metrics: Iterable[str], currency: str = "") -> dict[str, JsonValue]:
    """Build a flat row with Clickport's names: dimensions first, then metrics.

    Amounts are in the row's own currency if it has one, else in `currency`.
    """
    currency = row.get("currency") or currency
    values = {name: get_dimension_value(name, row) for name in dimensions}
    return values | {name: build_formatter(name, currency)(row[METRIC_NAMES[name]]) for name in metrics}


def get_dimension_value(name: str, row: Row) -> JsonValue:
    """Return the row's value of a Clickport dimension."""
    our_name = DIMENSION_NAMES.get(name, name)
    return get_display_value(our_name, row[our_name])
