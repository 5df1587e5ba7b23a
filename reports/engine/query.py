"""A question: whose, when, what, by what, which, in what order. Checked when it is made.

    Query(sites=(101000001,), period=Period.parse("7d", "Asia/Kolkata", now), metrics=("visitors", "views"),
          dimensions=("country",), where=[{"dimension": "source", "operator": "is", "value": "Google"}])

Every mistake raises QueryRefused with a sentence and the place, before anything is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from reports.engine import filters
from reports.engine.dimensions import ORDERED_TIMES, Dimension, dimension
from reports.engine.metrics import Metric, metric
from reports.engine.period import Period
from reports.engine.refusal import QueryRefused, one_of, shown

MOST_SITES = 2_000
MOST_METRICS = 60
MOST_DIMENSIONS = 4
MOST_ROWS = 100_000
MOST_VALUES = 1_000
MOST_OFFSET = 10_000_000
LONGEST_BY_MINUTE = timedelta(hours=26)  # a day, also where the clock is set back
COMPARISONS = ("previous", "year", "weekday")
Order = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Query:
    """One question to the engine.

    `sites`: numbers of the sites the asker may see; a question without one cannot be made.
    `where`: filter JSON (a list means all of them). `order`: (metric or dimension, "asc" | "desc") pairs; left out,
    a breakdown by time is in order of time, any other by its first metric, largest first.
    `compare`: the same for another period: "previous" (as long, just before), "year" (a year earlier), "weekday" (whole
    weeks earlier), or a Period. `totals`: the answer without the breakdown as well. `exact`: never estimate.
    `search`: text the first dimension must contain. `values`: only the rows of these values of the one dimension, the
    others are not even counted. `fill`: give a breakdown by time its empty buckets too.
    """

    sites: tuple[int, ...]
    period: Period
    metrics: tuple[str, ...] = ("visitors",)
    dimensions: tuple[str, ...] = ()
    where: Any = None
    order: Order = ()
    limit: int = 100
    offset: int = 0
    compare: Literal["previous", "year", "weekday"] | Period | None = None
    totals: bool = False
    exact: bool = False
    search: str = ""
    values: tuple[str, ...] = ()
    fill: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "sites", checked_sites(self.sites))
        if not isinstance(self.period, Period):
            raise QueryRefused("A question needs a period.", "period")
        object.__setattr__(self, "metrics", names(self.metrics, "metrics", MOST_METRICS, least=1))
        object.__setattr__(self, "dimensions", names(self.dimensions, "dimensions", MOST_DIMENSIONS))
        self.metric_rows()
        rows = self.dimension_rows()
        for index, row in enumerate(rows):
            if not row.breakdown:
                raise QueryRefused(f"“{row.name}” can be filtered by, but not broken down by.", f"dimensions[{index}]")
        self.tree()
        object.__setattr__(self, "order", checked_order(self.order, self.metrics, self.dimensions))
        whole(self.limit, "limit", 1, MOST_ROWS)
        whole(self.offset, "offset", 0, MOST_OFFSET)
        checked_comparison(self.compare)
        self.check_search()
        self.check_values()
        check_online(self.metrics, rows)
        check_minutes(self.period, rows)

    def metric_rows(self) -> tuple[Metric, ...]:
        return tuple(metric(name, f"metrics[{index}]") for index, name in enumerate(self.metrics))

    def dimension_rows(self) -> tuple[Dimension, ...]:
        return tuple(
            dimension(filters.speakable(name, f"dimensions[{index}]"), f"dimensions[{index}]")
            for index, name in enumerate(self.dimensions)
        )

    def tree(self) -> filters.Node | None:
        """The filter as a tree, the search included; goals and segments are still only numbers."""
        tree = filters.parse(self.where)
        if self.search and self.dimensions:
            found = filters.Leaf(self.dimension_rows()[0], "contains", (self.searched(),))
            tree = filters.both(tree, filters.with_names(found))
        return tree

    def searched(self) -> str:
        """The text that is searched for, as the first dimension's values are stored."""
        return filters.stored_form(self.dimension_rows()[0], "contains", self.search)

    def check_search(self) -> None:
        filters.speakable(self.search, "search")
        if not isinstance(self.search, str):
            raise QueryRefused(f"The search is text, not {shown(type(self.search).__name__)}.", "search")
        if self.search and not self.dimensions:
            raise QueryRefused("A search looks into the first dimension; name one.", "search")
        if self.search and "contains" not in filters.operators_of(self.dimension_rows()[0]):
            raise QueryRefused(f"“{self.dimensions[0]}” cannot be searched for text.", "search")

    def check_values(self) -> None:
        rows = self.dimension_rows()
        if self.values and (len(rows) != 1 or rows[0].family in ("time", "goal")):
            raise QueryRefused("Values are chosen of one dimension that is no time and no goal.", "values")
        object.__setattr__(self, "values", names(self.values, "values", MOST_VALUES))
        for index, value in enumerate(self.values):
            filters.speakable(value, f"values[{index}]")

    def effective_order(self) -> Order:
        """The order asked for, or the natural one."""
        if self.order:
            return self.order
        if times := [name for name in self.dimensions if dimension(name, "").family == "time"]:
            return tuple((name, "asc") for name in times)
        return ((self.metrics[0], "desc"),) if self.dimensions else ()

    def filled(self) -> bool:
        """Whether empty buckets are part of the answer."""
        if not self.fill or len(self.dimensions) != 1 or self.dimensions[0] not in ORDERED_TIMES:
            return False
        return self.effective_order()[0][0] == self.dimensions[0]


@dataclass(frozen=True)
class Meta:
    """What was executed. `error`: the relative standard error of estimated numbers (0.016 = 1.6 %), 0 when exact.

    `range`: the two instants (ISO). `source`: the tables that answered. `freshness`: when data of the range last
    changed. `currency`: of the amounts shown; `other_currencies`: totals of what is not in them.
    """

    range: tuple[str, str]
    zone: str
    freshness: datetime | None
    exact: bool
    error: float
    source: str
    rows_read: int
    seconds: float
    bytes_read: int = 0
    estimated: tuple[str, ...] = ()  # the metrics that are
    currency: str = ""
    other_currencies: dict[str, Decimal] = field(default_factory=dict)
    comparison_range: tuple[str, str] | None = None
    cached: bool = False


@dataclass(frozen=True)
class Result:
    """`rows`: name -> value; without dimensions exactly one. `totals`: the same without the breakdown,
    amounts None where the breakdown is by currency.

    `comparison`: without dimensions a dict; by time a list of rows in the same order (the first bucket beside the
    first); else a list of rows, one for each row of `rows`, with the same dimension values.
    """

    rows: list[dict[str, Any]]
    totals: dict[str, Any] | None
    comparison: list[dict[str, Any]] | dict[str, Any] | None
    meta: Meta


def checked_sites(given: object) -> tuple[int, ...]:
    sites = tuple(given) if isinstance(given, list | tuple | set | frozenset) else ()
    if not sites:
        raise QueryRefused("A question needs at least one site.", "sites")
    if len(sites) > MOST_SITES:
        raise QueryRefused(f"A question is about at most {MOST_SITES:,} sites.", "sites")
    for site in sites:
        if isinstance(site, bool) or not isinstance(site, int) or not 0 < site < 2**63:
            raise QueryRefused(f"A site is named by its number, not {shown(site)}.", "sites")
    return tuple(sorted(set(sites)))


def names(given: object, where: str, most: int, least: int = 0) -> tuple[str, ...]:
    """The names as a tuple without repetition. Raises QueryRefused when they are too many, or no list."""
    if not isinstance(given, list | tuple):
        raise QueryRefused(f"“{where}” is a list of names.", where)
    if not least <= len(given) <= most:
        raise QueryRefused(f"“{where}” takes {least} to {most} names, not {len(given):,}.", where)
    for index, name in enumerate(given):
        if not isinstance(name, str):
            raise QueryRefused(f"A name is text, not {shown(type(name).__name__)}.", f"{where}[{index}]")
    return tuple(dict.fromkeys(given))


def checked_order(given: object, metrics: tuple[str, ...], dimensions: tuple[str, ...]) -> Order:
    if not isinstance(given, list | tuple):
        raise QueryRefused("“order” is a list of pairs such as [“visitors”, “desc”].", "order")
    pairs: list[tuple[str, str]] = []
    if len(given) > MOST_METRICS:
        raise QueryRefused(f"“order” takes at most {MOST_METRICS} pairs.", "order")
    for index, pair in enumerate(given):
        where = f"order[{index}]"
        if not isinstance(pair, list | tuple) or len(pair) != 2 or pair[1] not in ("asc", "desc"):
            raise QueryRefused("An order is a name and “asc” or “desc”.", where)
        if pair[0] not in metrics and pair[0] not in dimensions:
            allowed = one_of([*metrics, *dimensions])
            raise QueryRefused(f"The answer has no {shown(pair[0])} to order by; use one of {allowed}.", where)
        pairs.append((pair[0], pair[1]))
    return tuple(pairs)


def whole(given: object, where: str, least: int, most: int) -> None:
    if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= most:
        raise QueryRefused(f"“{where}” is a whole number from {least:,} to {most:,}, not {shown(given)}.", where)


def checked_comparison(given: object) -> None:
    if given is None or isinstance(given, Period):
        return
    if not isinstance(given, str) or given not in COMPARISONS:
        raise QueryRefused(f"A comparison is one of {one_of(COMPARISONS)}, or a period, not {shown(given)}.", "compare")


def check_minutes(period: Period, rows: tuple[Dimension, ...]) -> None:
    if any(row.name == "minute" for row in rows) and period.end - period.start > LONGEST_BY_MINUTE:
        raise QueryRefused("A breakdown by minute is of at most a day; use a shorter period, or hour.", "dimensions")


def check_online(metrics: tuple[str, ...], rows: tuple[Dimension, ...]) -> None:
    times = [row.name for row in rows if row.family == "time"]
    if "online" in metrics and times:
        raise QueryRefused(f"“online” is about now and cannot be broken down by {times[0]}.", "metrics")
