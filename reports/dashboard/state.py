"""The state of a report is its URL: period, comparison, filters. Every link on a page is a change of that state.

    /sites/101000001/?period=30d&compare=year&country=EE&country=FI&page~contains=/blog&segment=3

A parameter named like a dimension is a filter; `~operator` after the name gives the operator; repeated values are
alternatives ("or").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from operator import itemgetter
from typing import Unpack, cast
from urllib.parse import quote_plus, urlencode

from babel import Locale
from babel.dates import format_date
from django.http import HttpRequest, QueryDict

from goals.predicates import Condition, Filter
from reports.dashboard.scope import ReportScope
from reports.filter_access import check_goals_and_segments
from reports.labels import detect_locale
from reports.query import Period, Query, filters
from reports.query.dimensions import DIMENSIONS, get_dimension
from reports.query.errors import QueryRefused
from reports.query.filters import OPERATORS, is_empty_name
from reports.query.model import Comparison, QueryOptions
from reports.query.vocabulary import find_canonical_value
from sites.models import AddressPolicy, Site
from tracking.pipeline.visitor_address import truncate_address

DEFAULT_PERIOD = "7d"
PERIODS = (
    ("realtime", "Last 30 minutes", "R"), ("today", "Today", "T"), ("yesterday", "Yesterday", "Y"),
    ("7d", "Last 7 days", "W"), ("14d", "Last 14 days", ""), ("30d", "Last 30 days", "M"), ("90d", "Last 90 days", "Q"),
    ("12m", "Last 12 months", ""), ("this-week", "This week", ""), ("last-week", "Last week", ""),
    ("this-month", "This month", ""), ("last-month", "Last month", ""), ("this-year", "This year", ""),
    ("all", "All time", "A"),
)  # fmt: skip
COMPARISONS = (
    ("previous", "Previous period"), ("year", "A year earlier"), ("weekday", "Same weekdays"),
    ("none", "No comparison"),
)  # fmt: skip
DEFAULT_COMPARISON = "previous"
VIEW_OPTIONS = (
    "metric", "second", "by", "q", "order", "from", "people", "of", "at", "width", "outcome", "reach", "model", "chain",
)  # fmt: skip
MAX_OPTION_LENGTH = 200
MAX_PATHS_LENGTH = 2000  # of the option `at`, which holds one or more page paths
VALUE_PLACEHOLDER = "0.place.of.a.value.0"  # has no character that a URL would quote


@dataclass(frozen=True)
class FilterCondition:
    """One filter of the URL."""

    dimension: str
    operator: str
    values: tuple[str, ...]

    @property
    def key(self) -> str:
        """The name of the URL parameter."""
        return self.dimension if self.operator == "is" else f"{self.dimension}~{self.operator}"

    def to_json(self) -> Condition:
        """Return the condition as the query engine's filter JSON."""
        return {"dimension": self.dimension, "operator": self.operator, "value": list(self.values)}


@dataclass(frozen=True, kw_only=True)
class ReportState:
    """What a page displays. `period` is the query engine's period; `period_name` is its name in the URL."""

    scope: ReportScope
    now: datetime
    locale: Locale
    path: str
    period_name: str
    period: Period
    comparison: str
    conditions: tuple[FilterCondition, ...] = ()
    segment: int = 0
    view_options: tuple[tuple[str, str], ...] = ()  # metric, by, tab.sources …: presentation only

    @property
    def site(self) -> Site:
        """The site of the report, or the one whose settings hold for all of them."""
        return self.scope.site

    @cached_property
    def site_ids(self) -> tuple[int, ...]:
        """The ids of the sites that are queried."""
        return self.scope.site_ids

    @cached_property
    def has_goal_filter(self) -> bool:
        """Whether the filter selects a goal, so that rates are of the visitors who reached it."""
        return any(condition.dimension == "goal" and condition.operator == "is" for condition in self.conditions)

    def explain_href(self, metric: str, of: str = "") -> str:
        """Return the address that explains a number; empty where the scope has no such page."""
        if not self.scope.has_explanations:
            return ""
        options = {"metric": metric, "of": of, "second": "", "by": ""}
        return self.view_href(options, f"{self.scope.root_path}/explain")

    @cached_property
    def requested_filter(self) -> filters.Node | None:
        """The filters that the URL asks for, as one tree. Raises QueryRefused for what cannot be filtered by."""
        segments: list[Filter] = [{"segment": self.segment}] if self.segment else []
        return filters.parse([*(condition.to_json() for condition in self.conditions), *segments])

    @cached_property
    def filter(self) -> filters.Node | None:
        """All filters of the state as one tree, parsed once for all queries of the page."""
        return filters.combine(filters.parse(self.scope.base_filter), self.requested_filter)

    def build_filter(self, *more: Filter) -> filters.Node | None:
        """Return all filters of the state, and `more` (filter JSON), as one tree."""
        return filters.combine(self.filter, filters.parse(more)) if more else self.filter

    def build_query(
        self,
        metrics: tuple[str, ...],
        dimensions: tuple[str, ...] = (),
        extra_filters: tuple[Filter, ...] = (),
        **options: Unpack[QueryOptions],
    ) -> Query:
        """Return a query of this state's sites, period and filters, and of `extra_filters`."""
        return Query(
            sites=self.site_ids,
            period=self.period,
            metrics=metrics,
            dimensions=dimensions,
            where=self.build_filter(*extra_filters),
            **options,
        )

    @property
    def compare(self) -> Comparison:
        """The comparison as the query engine takes it: a name, a Period or None."""
        if self.comparison in ("previous", "year", "weekday"):
            return cast(Comparison, self.comparison)
        if self.comparison == "none":
            return None
        return Period.parse(self.comparison, self.site.timezone, self.now)

    @cached_property
    def lasting_parameters(self) -> list[tuple[str, str]]:
        """The URL parameters that choose the data, without those that have their default value."""
        parameters = [("period", self.period_name)] if self.period_name != DEFAULT_PERIOD else []
        if self.comparison != DEFAULT_COMPARISON:
            parameters.append(("compare", self.comparison))
        parameters += [(condition.key, value) for condition in self.conditions for value in condition.values]
        if self.segment:
            parameters.append(("segment", str(self.segment)))
        if self.scope.has_selection:
            parameters += [("only", str(site_id)) for site_id in self.site_ids]
        return parameters

    @cached_property
    def lasting_query(self) -> str:
        """The parameters that choose the data, encoded."""
        return urlencode(self.lasting_parameters)

    def list_url_parameters(self) -> list[tuple[str, str]]:
        """Return the state as URL parameters, without those that have their default value."""
        return [*self.lasting_parameters, *self.view_options]

    def list_parameters_without(self, *names: str) -> list[tuple[str, str]]:
        """Return the URL parameters that a form of the page carries as hidden fields."""
        return [pair for pair in self.list_url_parameters() if pair[0] not in names]

    def href(self, path: str = "") -> str:
        """Return the link to this state, on this page or at another path."""
        return self.view_href({}, path)

    def view_href(self, options: dict[str, str], path: str = "") -> str:
        """Return the link to this state with other view options; an empty value removes an option."""
        view_options = filter(itemgetter(1), {**dict(self.view_options), **options}.items())
        query = "&".join(filter(None, (self.lasting_query, urlencode(list(view_options)))))
        return (path or self.path) + (f"?{query}" if query else "")

    def option(self, name: str, default: str = "") -> str:
        """Return one of the view options."""
        return dict(self.view_options).get(name, default)

    @property
    def offset(self) -> int:
        """The index of the first row of a paged table."""
        text = self.option("from", "0")
        return int(text) if text.isdecimal() else 0

    def with_view(self, options: dict[str, str]) -> ReportState:
        """Return the state with other view options; an empty value removes an option."""
        merged = {**dict(self.view_options), **options}
        return replace(self, view_options=tuple((key, value) for key, value in merged.items() if value))

    def with_filter(self, name: str, value: str, operator: str = "is") -> ReportState:
        """Return the state with one more filter, which replaces one of the same dimension and operator."""
        added = FilterCondition(name, operator, (value,))
        others = tuple(condition for condition in self.conditions if condition.key != added.key)
        return replace(self, conditions=(*others, added)).with_view({"from": ""})

    def build_filter_link(self, name: str, operator: str = "is") -> Callable[[str], str]:
        """Return a fast form of `with_filter(name, value, operator).href()` for many values."""
        before, _, after = self.with_filter(name, VALUE_PLACEHOLDER, operator).href().partition(VALUE_PLACEHOLDER)
        return lambda value: f"{before}{quote_plus(value)}{after}"

    def without_filter(self, condition: FilterCondition) -> ReportState:
        """Return the state without one of its filters."""
        return replace(self, conditions=tuple(other for other in self.conditions if other != condition))

    def without_filters(self) -> ReportState:
        """Return the state without any filter or segment."""
        return replace(self, conditions=(), segment=0)

    def build_period_link(self) -> Callable[[str], str]:
        """Return a fast form of `with_period(name).href()` for many names of periods, which need not be parsed."""
        others = urlencode([pair for pair in self.list_url_parameters() if pair[0] not in ("period", "by", "from")])

        def link(name: str) -> str:
            period = f"period={quote_plus(name)}" if name != DEFAULT_PERIOD else ""
            query = "&".join(filter(None, (period, others)))
            return f"{self.path}?{query}" if query else self.path

        return link

    def with_period(self, name: str) -> ReportState:
        """Return the state of another period, by its name in the URL."""
        period = Period.parse(name, self.site.timezone, self.now)
        return replace(self, period_name=name, period=period).with_view({"by": "", "from": ""})

    def shift_period(self, direction: int) -> ReportState:
        """Return the state of the period just before (-1) or after (+1) of as many days."""
        days = (self.period.last_day - self.period.first_day).days + 1
        first = self.period.first_day + timedelta(days=days * direction)
        return self.with_period(f"{first}..{first + timedelta(days=days - 1)}")

    def period_label(self) -> str:
        """Return the label of the period, or its dates."""
        labels = {name: label for name, label, _ in PERIODS}
        return labels.get(self.period_name) or self.format_dates()

    def format_dates(self) -> str:
        """Return the first and the last day of the period in the reader's format."""
        days = dict.fromkeys((self.period.first_day, self.period.last_day))
        return " – ".join(format_date(day, "medium", locale=self.locale) for day in days)


def read_state(request: HttpRequest, scope: ReportScope, now: datetime, path: str) -> ReportState:
    """Return the state that a request's URL describes. Raises QueryRefused, as `parse_state` does."""
    reader_id = getattr(getattr(request, "user", None), "pk", None)
    return parse_state(request.GET, scope, now, path, detect_locale(request), reader_id)


def parse_state(
    params: QueryDict, scope: ReportScope, now: datetime, path: str, locale: Locale, reader_id: int | None
) -> ReportState:
    """Return the state that the parameters of a URL describe.

    Raises QueryRefused for parameters that make no sense, filters by what the scope does not allow, or a goal or
    segment that the user `reader_id` may not see.
    """
    period_name = params.get("period") or DEFAULT_PERIOD
    if params.get("since"):
        period_name = f"{params['since']}..{params.get('until') or params['since']}"
    comparison = params.get("compare") or DEFAULT_COMPARISON
    if params.get("compare_since"):
        comparison = f"{params['compare_since']}..{params.get('compare_until') or params['compare_since']}"
    segment = params.get("segment", "")
    period = Period.parse(period_name, scope.site.timezone, now)
    state = ReportState(
        scope=scope,
        now=now,
        locale=locale,
        path=path,
        period_name=period_name,
        period=period,
        comparison=comparison,
        conditions=parse_site_conditions(params, scope.site),
        segment=int(segment) if segment.isdecimal() and len(segment) < 16 else 0,
        view_options=parse_view_options(params),
    )
    if comparison != "none" and state.period_name == "all" and not params.get("compare"):
        state = replace(state, comparison="none")
    _ = state.compare, state.build_query(("visitors",))  # raise QueryRefused here for what cannot be queried
    check_goals_and_segments(state.requested_filter, state.site_ids, reader_id)
    scope.check_dimensions(condition.dimension for condition in state.conditions)
    return state if scope.has_site_pages else replace(state, segment=0)


def parse_conditions(params: QueryDict) -> tuple[FilterCondition, ...]:
    """Return the filters of a query string, by the names of its parameters. Raises QueryRefused."""
    conditions = []
    for key in params:
        name, _, operator = key.rpartition("~") if "~" in key else (key, "", "is")
        if operator in OPERATORS and is_dimension(name):
            conditions.append(FilterCondition(name, operator, normalize_values(name, operator, params.getlist(key))))
    if (added := parse_added_condition(params)) is not None:
        conditions.append(added)
    return tuple(conditions)


def parse_site_conditions(params: QueryDict, site: Site) -> tuple[FilterCondition, ...]:
    """Return the filters for one site. IP addresses are shortened as the site shortens those of its visitors."""
    shorten = site.addresses == AddressPolicy.TRUNCATE
    return tuple(shorten_addresses(condition) if shorten else condition for condition in parse_conditions(params))


def shorten_addresses(condition: FilterCondition) -> FilterCondition:
    """Return the condition with shortened IP addresses, where it compares IP addresses."""
    if condition.dimension != "ip" or condition.operator not in ("is", "is_not"):
        return condition
    return replace(condition, values=tuple(dict.fromkeys(truncate_address(text) or text for text in condition.values)))


def parse_added_condition(params: QueryDict) -> FilterCondition | None:
    """Return the filter of the toolbar's form (`add`, `how`, `what`), if it was sent."""
    name, value = params.get("add", ""), params.get("what", "")
    if not is_dimension(name) or not value:
        return None
    operator = params.get("how") or "is"
    return FilterCondition(name, operator, normalize_values(name, operator, [value]))


def normalize_values(name: str, operator: str, values: list[str]) -> tuple[str, ...]:
    """Return the values as they are stored, whether they are codes or names. Raises QueryRefused for an unknown one.

    So `country=Germany`, `country=de` and `country=DE` are one state.
    """
    if operator in ("is", "is_not"):
        dimension = get_dimension(name, name)
        values = [
            value if is_empty_name(dimension, value) else find_canonical_value(name, value, name) for value in values
        ]
    return tuple(dict.fromkeys(values))


def is_dimension(name: str) -> bool:
    """Whether a name is that of a dimension, such as `country` or `prop:plan`."""
    if name in DIMENSIONS:
        return True
    try:
        return ":" in name and get_dimension(name, "") is not None
    except QueryRefused:
        return False


def parse_view_options(params: QueryDict) -> tuple[tuple[str, str], ...]:
    """Return the view options: metrics, buckets, open tabs, and a table's search, order and page."""
    names = [key for key in params if (key in VIEW_OPTIONS or key.startswith("tab.")) and params[key]]
    return tuple((key, str(params[key])[: MAX_PATHS_LENGTH if key == "at" else MAX_OPTION_LENGTH]) for key in names)
