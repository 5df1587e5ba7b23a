"""The query and the result. A query has sites, a period, metrics, dimensions, a filter and an order.

    Query(sites=(101000001,), period=Period.parse("7d", "Asia/Kolkata", now), metrics=("visitors", "views"),
          dimensions=("country",), where=[{"dimension": "source", "operator": "is", "value": "Google"}])

A query is checked when it is created: every mistake raises QueryRefused with a sentence and the part it is about,
before the store is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any, Literal, TypedDict, cast

from reports.query import filters
from reports.query.dimensions import ORDERED_TIMES, get_dimension
from reports.query.errors import QueryRefused, join_names, quote_value
from reports.query.grouping import GroupBy
from reports.query.metrics import get_metric
from reports.query.periods import Period

MAX_SITES = 2_000
MAX_METRICS = 60
MAX_DIMENSIONS = 4
MAX_ROWS = 100_000
MAX_VALUES = 1_000
MAX_OFFSET = 10_000_000
MAX_PERIOD_BY_MINUTE = timedelta(hours=26)  # a day, even where the clocks are set back
COMPARISONS = ("previous", "year", "weekday")
Order = tuple[tuple[str, str], ...]
Comparison = Literal["previous", "year", "weekday"] | Period | None
Row = dict[str, Any]  # column -> value; which columns a row has, and so their types, the query decides


@dataclass(frozen=True, kw_only=True)
class Query:
    """One query.

    `sites`: ids of the sites whose data is read; the caller has checked that the user may see them. At least one.
    `where`: filter JSON, of which a list means that all its filters hold, or a tree that was parsed before. A query
    that was created has the tree.
    `order`: (metric or dimension, "asc" | "desc") pairs. By default rows by time are in the order of time, others
    start with the largest first metric.
    `compare`: also query another period: "previous" (as long, just before), "year" (a year earlier), "weekday" (whole
    weeks earlier), or a Period.
    `totals`: also query the metrics without the dimensions.
    `exact`: never estimate.
    `search`: text that the first dimension must contain.
    `values`: return only the rows of these values of the only dimension; others are not even counted.
    `fill`: add rows for the empty buckets of a time dimension.
    """

    sites: tuple[int, ...]
    period: Period
    metrics: tuple[str, ...] = ("visitors",)
    dimensions: tuple[str, ...] = ()
    where: filters.FilterInput = None
    order: Order = ()
    limit: int = 100
    offset: int = 0
    compare: Comparison = None
    totals: bool = False
    exact: bool = False
    search: str = ""
    values: tuple[str, ...] = ()
    fill: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "sites", parse_sites(self.sites))
        if not isinstance(self.period, Period):
            raise QueryRefused("A query needs a period.", "period")
        try:
            metrics, dimensions = parse_columns(self.metrics, self.dimensions)
        except TypeError:  # lists are no keys of a cache
            metrics, dimensions = parse_columns.__wrapped__(self.metrics, self.dimensions)
        object.__setattr__(self, "metrics", metrics)
        object.__setattr__(self, "dimensions", dimensions)
        for index, dimension in enumerate(self.group_by.dimensions):
            if not dimension.groupable:
                sentence = f"“{dimension.name}” can be filtered by, but not broken down by."
                raise QueryRefused(sentence, f"dimensions[{index}]")
        if self.where is not None and not isinstance(self.where, filters.Node):
            object.__setattr__(self, "where", filters.parse(self.where))
        if self.order != ():
            object.__setattr__(self, "order", parse_order(self.order, self.metrics, self.dimensions))
        check_page(self.limit, self.offset)
        if self.compare is not None:
            check_comparison(self.compare)
        if self.search != "":
            self.check_search()
        if self.values != ():
            self.check_values()
        if times := self.group_by.times:
            check_times(self.period, self.metrics, times)

    @cached_property
    def group_by(self) -> GroupBy:
        """The metrics and dimensions as the registries define them. Raises QueryRefused for an unknown one."""
        return find_group_by(self.metrics, self.dimensions)

    @cached_property
    def tree(self) -> filters.Node | None:
        """The filter and the search. Goals and segments in the tree are still ids only."""
        where = cast(filters.Node | None, self.where)  # since the query was created
        if not self.search or not self.dimensions:
            return where
        dimension = self.group_by.dimensions[0]
        stored = filters.convert_to_stored_form(dimension, "contains", self.search)
        condition = filters.Leaf(dimension, "contains", (stored,))
        return filters.combine(where, filters.search_names_too(condition))

    def check_search(self) -> None:
        filters.check_text(self.search, "search")
        if not isinstance(self.search, str):
            raise QueryRefused(f"The search is text, not {quote_value(type(self.search).__name__)}.", "search")
        if self.search and not self.dimensions:
            raise QueryRefused("A search looks into the first dimension; name one.", "search")
        if self.search and "contains" not in filters.list_operators(self.group_by.dimensions[0]):
            raise QueryRefused(f"“{self.dimensions[0]}” cannot be searched for text.", "search")

    def check_values(self) -> None:
        dimensions = self.group_by.dimensions
        if self.values and (len(dimensions) != 1 or dimensions[0].family in ("time", "goal")):
            raise QueryRefused("“values” needs exactly one dimension, which is not of time or goals.", "values")
        object.__setattr__(self, "values", parse_names(self.values, "values", MAX_VALUES))
        for index, value in enumerate(self.values):
            filters.check_text(value, f"values[{index}]")

    @cached_property
    def effective_order(self) -> Order:
        """The requested order, or the default one."""
        if self.order:
            return self.order
        if times := self.group_by.times:
            return tuple((name, "asc") for name in times)
        return ((self.metrics[0], "desc"),) if self.dimensions else ()

    @property
    def fills_gaps(self) -> bool:
        """Whether rows are added for empty buckets of time."""
        if not self.fill or len(self.dimensions) != 1 or self.dimensions[0] not in ORDERED_TIMES:
            return False
        return self.effective_order[0][0] == self.dimensions[0]


class QueryOptions(TypedDict, total=False):
    """The fields of a `Query` that functions which build one hand on."""

    order: Order
    limit: int
    offset: int
    compare: Comparison
    totals: bool
    exact: bool
    search: str


@dataclass(frozen=True, kw_only=True)
class Meta:
    """How a query was executed.

    `range`: start and end (ISO 8601). `source`: the kinds of tables that were read. `freshness`: when data of the
    period last changed. `error`: relative error that 19 of 20 estimates stay below (0.016 = 1.6 %), 0 when exact.
    `incomplete`: a shard of the event store did not answer, and its events are left out.
    `currency`: of the amounts; `other_currencies`: totals in other currencies, which the amounts leave out.
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
    estimated: tuple[str, ...] = ()  # names of the estimated metrics
    currency: str = ""
    other_currencies: dict[str, Decimal] = field(default_factory=dict)
    comparison_range: tuple[str, str] | None = None
    cached: bool = False
    incomplete: bool = False


@dataclass(frozen=True)
class Result:
    """The answer to a query.

    `rows`: dicts of name -> value; without dimensions exactly one.
    `totals`: the metrics without the dimensions; amounts are None where the rows are by currency.
    `comparison`: without dimensions a dict; by time a list in the same order (the first bucket beside the first);
    else a list with one row for each of `rows`, with the same dimension values.
    """

    rows: list[Row]
    totals: Row | None
    comparison: list[Row] | Row | None
    meta: Meta


@lru_cache(maxsize=2048)
def find_group_by(metrics: tuple[str, ...], dimensions: tuple[str, ...]) -> GroupBy:
    """Look up metrics and dimensions by name. Raises QueryRefused for an unknown one."""
    return GroupBy(
        tuple(get_metric(name, f"metrics[{index}]") for index, name in enumerate(metrics)),
        tuple(
            get_dimension(filters.check_text(name, f"dimensions[{index}]"), f"dimensions[{index}]")
            for index, name in enumerate(dimensions)
        ),
    )


def split_sites(sites: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the sites in parts of as many as one query may name."""
    return [tuple(sites[first : first + MAX_SITES]) for first in range(0, len(sites), MAX_SITES)]


def parse_sites(value: object) -> tuple[int, ...]:
    """Return the site ids sorted, each once. Raises QueryRefused for none, too many, or anything but ids."""
    sites = tuple(value) if isinstance(value, list | tuple | set | frozenset) else ()
    if not sites:
        raise QueryRefused("A query needs at least one site.", "sites")
    if len(sites) > MAX_SITES:
        raise QueryRefused(f"A query covers at most {MAX_SITES:,} sites.", "sites")
    for site in sites:
        if isinstance(site, bool) or not isinstance(site, int) or not 0 < site < 2**63:
            raise QueryRefused(f"A site is given by its number, not {quote_value(site)}.", "sites")
    return tuple(sorted(set(sites)))


@lru_cache(maxsize=2048)
def parse_columns(metrics: object, dimensions: object) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of metrics and dimensions, each once. Raises QueryRefused as `parse_names` does."""
    return (
        parse_names(metrics, "metrics", MAX_METRICS, minimum=1),
        parse_names(dimensions, "dimensions", MAX_DIMENSIONS),
    )


def parse_names(value: object, where: str, maximum: int, minimum: int = 0) -> tuple[str, ...]:
    """Return the names, each once. Raises QueryRefused for too many or too few, or for no list of text."""
    if not isinstance(value, list | tuple):
        raise QueryRefused(f"“{where}” is a list of names.", where)
    if not minimum <= len(value) <= maximum:
        raise QueryRefused(f"“{where}” takes {minimum} to {maximum} names, not {len(value):,}.", where)
    for index, name in enumerate(value):
        if not isinstance(name, str):
            raise QueryRefused(f"A name is text, not {quote_value(type(name).__name__)}.", f"{where}[{index}]")
    return tuple(dict.fromkeys(value))


def parse_order(value: object, metrics: tuple[str, ...], dimensions: tuple[str, ...]) -> Order:
    """Return the order as pairs. Raises QueryRefused for a direction or a column that does not exist."""
    if not isinstance(value, list | tuple):
        raise QueryRefused("“order” is a list of pairs such as [“visitors”, “desc”].", "order")
    pairs: list[tuple[str, str]] = []
    if len(value) > MAX_METRICS:
        raise QueryRefused(f"“order” takes at most {MAX_METRICS} pairs.", "order")
    for index, pair in enumerate(value):
        where = f"order[{index}]"
        if not isinstance(pair, list | tuple) or len(pair) != 2 or pair[1] not in ("asc", "desc"):
            raise QueryRefused("An order is a name and “asc” or “desc”.", where)
        if pair[0] not in metrics and pair[0] not in dimensions:
            allowed = join_names([*metrics, *dimensions])
            raise QueryRefused(f"The answer has no {quote_value(pair[0])} to order by; use one of {allowed}.", where)
        pairs.append((pair[0], pair[1]))
    return tuple(pairs)


def check_integer(value: object, where: str, minimum: int, maximum: int) -> None:
    """Raise QueryRefused unless the value is an integer of the range."""
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
        raise QueryRefused(
            f"“{where}” is a whole number from {minimum:,} to {maximum:,}, not {quote_value(value)}.", where
        )


def check_page(limit: object, offset: object) -> None:
    """Raise QueryRefused unless the page has one to MAX_ROWS rows and an offset of at most MAX_OFFSET."""
    if type(limit) is not int or not 1 <= limit <= MAX_ROWS:
        check_integer(limit, "limit", 1, MAX_ROWS)
    if type(offset) is not int or not 0 <= offset <= MAX_OFFSET:
        check_integer(offset, "offset", 0, MAX_OFFSET)


def check_comparison(value: object) -> None:
    """Raise QueryRefused unless the value is a Period or the name of a comparison."""
    if isinstance(value, Period):
        return
    if not isinstance(value, str) or value not in COMPARISONS:
        raise QueryRefused(
            f"A comparison is one of {join_names(COMPARISONS)}, or a period, not {quote_value(value)}.", "compare"
        )


def check_times(period: Period, metrics: tuple[str, ...], times: tuple[str, ...]) -> None:
    """Raise QueryRefused for the visitors online now by a time, and for rows by minute of a long period."""
    if times and "online" in metrics:
        raise QueryRefused(f"“online” is about now and cannot be broken down by {times[0]}.", "metrics")
    if "minute" in times and period.end - period.start > MAX_PERIOD_BY_MINUTE:
        raise QueryRefused(
            "Rows by minute are limited to a period of one day; choose a shorter period, or rows by hour.", "dimensions"
        )
