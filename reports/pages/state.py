"""The state of a sheet is its URL: period, comparison, filters. Every link on a page is a change of it.

    /sites/101000001/?period=30d&compare=year&country=EE&country=FI&page~contains=/blog&segment=3

A parameter named like a dimension is a filter; `~operator` after the name says how; repeated values are "or".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode

from babel import Locale
from babel.dates import format_date
from django.http import HttpRequest, QueryDict

from reports.engine import Period, Query
from reports.engine.dimensions import DIMENSIONS, dimension
from reports.engine.filters import OPERATORS, is_empty_name
from reports.engine.refusal import QueryRefused
from reports.engine.vocabulary import canonical_value
from reports.filter_access import check_goals_and_segments
from reports.pages.names import reader_locale
from sites.models import Addresses, Site
from tracking.steps.privacy import shortened

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
PLACE = "0.place.of.a.value.0"  # nothing in it is quoted in an address


@dataclass(frozen=True)
class Condition:
    """One filter of the URL."""

    dimension: str
    operator: str
    values: tuple[str, ...]

    @property
    def key(self) -> str:
        return self.dimension if self.operator == "is" else f"{self.dimension}~{self.operator}"

    def json(self) -> dict[str, Any]:
        return {"dimension": self.dimension, "operator": self.operator, "value": list(self.values)}


@dataclass(frozen=True)
class State:
    """What a page is asked to show. `period` is the engine's; `text` is how the URL names it."""

    site: Site
    now: datetime
    locale: Locale
    path: str
    text: str
    period: Period
    comparison: str
    conditions: tuple[Condition, ...] = ()
    segment: int = 0
    view: tuple[tuple[str, str], ...] = ()  # metric, by, tab.sources …: how, not what
    limit: tuple[Any, ...] = ()  # filters that no link of the page takes away, as the engine's JSON
    root: str = ""  # where parts of the page live; empty = the site's own pages
    among: tuple[int, ...] = ()  # the sites asked together, where they are several
    picked: bool = False  # the reader chose them, so links name them

    @property
    def ids(self) -> tuple[int, ...]:
        """The sites a question is about."""
        return self.among or (self.site.pk,)

    @property
    def asks_for_goal(self) -> bool:
        """Whether the filter chooses a goal, so that rates are of those who reached it."""
        return any(one.dimension == "goal" and one.operator == "is" for one in self.conditions)

    @property
    def home(self) -> str:
        return self.root or f"/sites/{self.site.pk}"

    def why(self, metric: str, of: str = "") -> str:
        """Where a number of the page is explained."""
        return self.shown_with({"metric": metric, "of": of, "second": "", "by": ""}).part("explain")

    def part(self, name: str) -> str:
        """This state at another of the site's pages; nowhere for those who see only a shared link."""
        return "" if self.root and not self.among else self.href(f"{self.home}/{name}")

    def where(self, *more: Any) -> list[Any]:
        """The filters as the engine's JSON."""
        named = [{"segment": self.segment}] if self.segment else []
        return [*self.limit, *(condition.json() for condition in self.conditions), *named, *more]

    def query(self, metrics: tuple[str, ...], dimensions: tuple[str, ...] = (), **more: Any) -> Query:
        """A question about this sheet."""
        where = self.where(*more.pop("also", ()))
        return Query(self.ids, self.period, metrics, dimensions, where=where, **more)

    @property
    def compare(self) -> Any:
        """The comparison as the engine takes it."""
        if self.comparison in ("previous", "year", "weekday"):
            return self.comparison
        if self.comparison == "none":
            return None
        return Period.parse(self.comparison, self.site.timezone, self.now)

    def pairs(self) -> list[tuple[str, str]]:
        found = [("period", self.text)] if self.text != DEFAULT_PERIOD else []
        if self.comparison != DEFAULT_COMPARISON:
            found.append(("compare", self.comparison))
        found += [(one.key, value) for one in self.conditions for value in one.values]
        if self.segment:
            found.append(("segment", str(self.segment)))
        if self.picked:
            found += [("only", str(one)) for one in self.among]
        return found + list(self.view)

    def href(self, path: str = "") -> str:
        """The link to this state, on this page or at another path."""
        query = urlencode(self.pairs())
        return (path or self.path) + (f"?{query}" if query else "")

    def option(self, name: str, default: str = "") -> str:
        return dict(self.view).get(name, default)

    def seen(self, **view: str) -> State:
        """The same, shown in another way; an empty value takes the option away."""
        return self.shown_with({key.replace("__", "."): value for key, value in view.items()})

    def shown_with(self, view: dict[str, str]) -> State:
        merged = {**dict(self.view), **view}
        return replace(self, view=tuple((key, value) for key, value in merged.items() if value))

    def narrowed(self, name: str, value: str, operator: str = "is") -> State:
        """With one more filter; the same filter again is one filter."""
        new = Condition(name, operator, (value,))
        kept = tuple(one for one in self.conditions if one.key != new.key)
        return replace(self, conditions=(*kept, new)).shown_with({"from": ""})

    def narrowing(self, name: str, operator: str = "is") -> Callable[[str], str]:
        """`narrowed(name, value, operator).href()` of many values."""
        before, _, after = self.narrowed(name, PLACE, operator).href().partition(PLACE)
        return lambda value: f"{before}{quote_plus(value)}{after}"

    def without(self, condition: Condition) -> State:
        return replace(self, conditions=tuple(one for one in self.conditions if one != condition))

    def cleared(self) -> State:
        return replace(self, conditions=(), segment=0)

    def in_period(self, text: str) -> State:
        return replace(self, text=text, period=Period.parse(text, self.site.timezone, self.now)).shown_with(
            {"by": "", "from": ""}
        )

    def moved(self, direction: int) -> State:
        """The period just before (-1) or after (+1) of as many days."""
        days = (self.period.last_day - self.period.first_day).days + 1
        first = self.period.first_day + timedelta(days=days * direction)
        return self.in_period(f"{first}..{first + timedelta(days=days - 1)}")

    def period_label(self) -> str:
        """What the period is called, or its dates."""
        named = {name: label for name, label, _ in PERIODS}
        return named.get(self.text) or self.dates()

    def dates(self) -> str:
        """The days of the period as the reader writes them."""
        first, last = self.period.first_day, self.period.last_day
        written = [format_date(day, "medium", locale=self.locale) for day in dict.fromkeys((first, last))]
        return " – ".join(written)


def read_state(request: HttpRequest, site: Site, now: datetime, path: str, among: tuple[int, ...] = ()) -> State:
    """The state a URL describes. `among` are the ids of the sites that are shown together, if there are several.

    Raises QueryRefused for a URL that makes no sense or refers to a goal or segment that the user may not see.
    """
    given = request.GET
    text = given.get("period") or DEFAULT_PERIOD
    if given.get("since"):
        text = f"{given['since']}..{given.get('until') or given['since']}"
    comparison = given.get("compare") or DEFAULT_COMPARISON
    if given.get("compare_since"):
        comparison = f"{given['compare_since']}..{given.get('compare_until') or given['compare_since']}"
    segment = given.get("segment", "")
    state = State(
        site, now, reader_locale(request), path, text, Period.parse(text, site.timezone, now), comparison,
        site_conditions(given, site), int(segment) if segment.isdecimal() and len(segment) < 16 else 0, view_of(given),
        among=among,
    )  # fmt: skip
    if comparison != "none" and state.text == "all" and not given.get("compare"):
        state = replace(state, comparison="none")
    _ = state.compare, state.query(("visitors",))  # refuses what cannot be asked
    reader = getattr(request, "user", None)
    check_goals_and_segments(state.where(), state.ids, getattr(reader, "pk", None))
    return state


def conditions_of(given: QueryDict) -> tuple[Condition, ...]:
    """The filters of a query string, by the names of its parameters."""
    found = []
    for key in given:
        name, _, operator = key.rpartition("~") if "~" in key else (key, "", "is")
        if operator in OPERATORS and is_dimension(name):
            found.append(Condition(name, operator, named_values(name, operator, given.getlist(key))))
    if (added := added_condition(given)) is not None:
        found.append(added)
    return tuple(found)


def site_conditions(given: QueryDict, site: Site) -> tuple[Condition, ...]:
    """The same for one site: an IP address is cut as the site cuts those of its visitors."""
    return tuple(cut_addresses(one) if site.addresses == Addresses.TRUNCATE else one for one in conditions_of(given))


def cut_addresses(condition: Condition) -> Condition:
    if condition.dimension != "ip" or condition.operator not in ("is", "is_not"):
        return condition
    return replace(condition, values=tuple(dict.fromkeys(shortened(text) or text for text in condition.values)))


def added_condition(given: QueryDict) -> Condition | None:
    """What the filter form says: `add`, `how` and `what`."""
    name, what = given.get("add", ""), given.get("what", "")
    if not is_dimension(name) or not what:
        return None
    operator = given.get("how") or "is"
    return Condition(name, operator, named_values(name, operator, [what]))


def named_values(name: str, operator: str, values: list[str]) -> tuple[str, ...]:
    """The values as they are stored, whether they came as codes or as names. Raises QueryRefused for one that is none.

    So `country=Germany`, `country=de` and `country=DE` are the same sheet, and what it is called is what it shows.
    """
    if operator in ("is", "is_not"):
        row = dimension(name, name)
        values = [one if is_empty_name(row, one) else canonical_value(name, one, name) for one in values]
    return tuple(dict.fromkeys(values))


def is_dimension(name: str) -> bool:
    if name in DIMENSIONS:
        return True
    try:
        return ":" in name and dimension(name, "") is not None
    except QueryRefused:
        return False


def view_of(given: QueryDict) -> tuple[tuple[str, str], ...]:
    """How the sheet is shown: metric, second metric, buckets, open tabs, and a table's search, order and page."""
    names = (
        "metric",
        "second",
        "by",
        "q",
        "order",
        "from",
        "people",
        "of",
        "at",
        "width",
        "outcome",
        "reach",
        "model",
        "chain",
    )
    kept = [key for key in given if (key in names or key.startswith("tab.")) and given[key]]
    return tuple((key, str(given[key])[: 2000 if key == "at" else 200]) for key in kept)
