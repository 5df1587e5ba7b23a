"""Clickport's words for our metrics and dimensions, and how its numbers are written.

Two of its own rules: `bounce_rate` is the share of single-page sessions, a whole number; durations, scroll and
engagement are whole numbers too. Words it does not have are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import partial
from typing import Any

from reports.engine.refusal import QueryRefused, one_of, shown
from reports.engine.registry import DIMENSIONS, METRICS
from sites.amounts import round_amount

Written = int | float | str | None


def whole(value: Any) -> int:
    """Half up, as everybody but Python rounds."""
    return int(Decimal(str(value or 0)).quantize(Decimal(1), "ROUND_HALF_UP"))


def two_places(value: Any) -> float:
    return float(Decimal(str(value or 0)).quantize(Decimal("0.01"), "ROUND_HALF_UP"))


def amount(value: Any, currency: str = "") -> float:
    """An amount with the decimals of its currency (JPY 0, EUR 2, KWD 3), two without one."""
    return float(round_amount(value, currency))


OUR_METRIC = {
    "visitors": "visitors",
    "sessions": "visits",
    "pageviews": "views",
    "views_per_visit": "views_per_visit",
    "bounce_rate": "single_page_rate",
    "avg_duration": "avg_duration",
    "avg_scroll": "avg_scroll",
    "clickers": "clickers",
}
# What only tracked links have, whose events lie under their account: the key of a site would always see nothing
OF_LINKS = {row.name for row in METRICS.values() if row.audience == "link"}
OF_LINKS |= {row.name for row in DIMENSIONS.values() if row.audience == "link"}
OWN_METRICS = tuple(
    name for name in METRICS if name not in {*OUR_METRIC, *OUR_METRIC.values(), "bounce_rate", *OF_LINKS}
)
OUR_METRIC |= {name: name for name in OWN_METRICS}

OUR_DIMENSION = {
    "source": "source",
    "channel": "channel",
    "referrer_url": "referrer",
    "utm_source": "utm_source",
    "utm_medium": "utm_medium",
    "utm_campaign": "utm_campaign",
    "utm_content": "utm_content",
    "utm_term": "utm_term",
    "page": "page",
    "entry_page": "entry_page",
    "exit_page": "exit_page",
    "country": "country",
    "region": "region",
    "city": "city",
    "device": "device",
    "browser": "browser",
    "browser_version": "browser_version",
    "os": "os",
    "os_version": "os_version",
    "screen": "screen",
    "hour": "hour",
    "date": "day",
    "week": "week",
    "month": "month",
}
CLICKPORT_DIMENSIONS = tuple(OUR_DIMENSION)
TAKEN = {"referrer", "day", "site"}  # under another word above, or nobody's business: a key is of one site
OUR_DIMENSION |= {name: name for name in DIMENSIONS if name not in {*OUR_DIMENSION, *TAKEN, *OF_LINKS}}
KEYED = ("prop:", "tag:")

# Clickport writes these as whole numbers, though ours are percentages
WHOLE = {"bounce_rate", "avg_scroll"}
WITH_DECIMALS = {"decimal", "percent", "money"}  # formats of the registry


NAMED_EMPTY = {name: row.empty for name, row in DIMENSIONS.items() if row.empty == "Direct"}


def shown_value(dimension: str, value: Any) -> Any:
    """A value of our dimension as it is written: no source at all is called Direct."""
    return NAMED_EMPTY[dimension] if value == "" and dimension in NAMED_EMPTY else value


def our_metric(name: object, where: str) -> str:
    """The engine's word for a Clickport metric. Raises QueryRefused with what there is."""
    if isinstance(name, str) and name in OUR_METRIC:
        return OUR_METRIC[name]
    raise QueryRefused(f"There is no metric {shown(name)}; use one of {one_of(OUR_METRIC)}.", where)


def our_dimension(name: object, where: str) -> str:
    """The engine's word for a Clickport dimension; `prop:<key>` and `tag:<key>` pass. Raises QueryRefused."""
    if isinstance(name, str):
        if name in OUR_DIMENSION:
            return OUR_DIMENSION[name]
        if name.startswith(KEYED):
            return name
    known = one_of([*OUR_DIMENSION, "prop:<key>", "tag:<key>"])
    raise QueryRefused(f"There is no dimension {shown(name)}; use one of {known}.", where)


def writer(metric: str, currency: str = "") -> Callable[[Any], Written]:
    """How the values of a metric (in Clickport's word) are written; `currency` is that of its amounts."""
    if is_money(metric):
        return partial(amount, currency=currency)
    return two_places if has_decimals(metric) else whole


def is_money(metric: str) -> bool:
    """Whether the values of a metric (in Clickport's word) are amounts of a currency."""
    return METRICS[OUR_METRIC[metric]].money


def has_decimals(metric: str) -> bool:
    """Whether the values of a metric (in Clickport's word) have two decimals: as the registry formats them."""
    return metric not in WHOLE and METRICS[OUR_METRIC[metric]].format in WITH_DECIMALS


def written_row(
    row: dict[str, Any], dimensions: Iterable[str], metrics: Iterable[str], currency: str = ""
) -> dict[str, Written]:
    """A row of the engine in Clickport's words: its dimensions first, then its metrics, flat.

    Amounts are in the row's own currency where it has one, else in `currency`.
    """
    currency = row.get("currency") or currency
    found = {name: dimension_value(name, row) for name in dimensions}
    return found | {name: writer(name, currency)(row[OUR_METRIC[name]]) for name in metrics}


def dimension_value(name: str, row: dict[str, Any]) -> Any:
    """The value of a dimension in Clickport's word."""
    ours = OUR_DIMENSION.get(name, name)
    return shown_value(ours, row[ours])
