"""What stands on a sheet: headline numbers, the graph, panels and chips, each asked for and made ready to show.

Every part fails alone: a `failed` sentence stands in its place and the rest of the page lives.
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from babel.numbers import format_decimal

from goals.querysets import goals_of
from reports.engine import Meta, Result, ask
from reports.engine.dimensions import dimension
from reports.engine.refusal import QueryRefused
from reports.engine.registry import METRICS
from reports.notes.services import Mark, marks
from reports.pages import graph
from reports.pages.names import value_name
from reports.pages.numbers import Shown, shown
from reports.pages.state import State
from reports.panels import Panel, Tab
from tracking.store import StoreError

log = logging.getLogger(__name__)
HEADLINE = ("visitors", "visits", "views", "bounce_rate", "avg_duration", "conversions", "revenue")
GRAPHABLE = (*HEADLINE, "new_visitors", "actions", "views_per_visit", "engagement", "events", "conversion_rate")
PANEL_ROWS = 9
TROUBLE = (QueryRefused, StoreError)


def sentence(error: Exception) -> str:
    """What a person is told when a part cannot be shown."""
    if isinstance(error, QueryRefused):
        return error.sentence
    log.warning("a page could not reach the store: %s", error)
    return str(error) or "The event store does not answer."


@dataclass(frozen=True)
class Number:
    """A headline number: what it is, how it changed, its small line, and the link that puts it into the graph."""

    name: str
    label: str
    doc: str
    shown: Shown
    spark: dict[str, str]
    href: str
    chosen: bool
    estimated: str  # the error in words, empty where it is exact
    why: str


@dataclass
class Headline:
    numbers: list[Number] = field(default_factory=list)
    graph: graph.Graph | None = None
    by: str = "day"
    meta: Meta | None = None
    failed: str = ""
    picture: str = ""  # the graph as a file
    waits: bool = False  # a place for it, as large as it will be
    legend: list[str] = field(default_factory=list)


def waiting_headline(state: State) -> Headline:
    """The names of the numbers, before any is known."""
    blank = Shown("\u00a0", "")
    numbers = [Number(name, METRICS[name].label, "", blank, {}, "", False, "", "") for name in HEADLINE]
    chosen = state.option("metric", "visitors")
    metrics = [METRICS[one].label for one in (chosen, *second_of(state, chosen)) if one in METRICS]
    told = [(state.compare is not None, "before"), (state.period.end > state.now, "not over yet")]
    legend = [*metrics, *(word for holds, word in told if holds)]
    return Headline(numbers, by=bucket_of(state), waits=True, legend=legend, picture=state.path)


def bucket_of(state: State) -> str:
    """Hours for up to two days, then days, weeks, months; the URL may say otherwise."""
    if (chosen := state.option("by")) in ("hour", "day", "week", "month"):
        days = (state.period.end - state.period.start) / timedelta(days=1)
        if chosen != "hour" or days <= 31:
            return chosen
    days = (state.period.end - state.period.start) / timedelta(days=1)
    return "hour" if days <= 2.1 else "day" if days <= 100 else "week" if days <= 400 else "month"


def headline(state: State) -> Headline:
    """The first screen's numbers and the graph of one of them."""
    by = bucket_of(state)
    try:
        total = ask(state.query(HEADLINE, compare=state.compare), now=state.now)
        metric = state.option("metric", "visitors")
        metric = metric if metric in GRAPHABLE else "visitors"
        wanted = tuple(dict.fromkeys((*HEADLINE, metric, *second_of(state, metric))))
        series = ask(state.query(wanted, (by,), compare=state.compare, limit=10_000), now=state.now)
    except TROUBLE as error:
        return Headline(by=by, failed=sentence(error))
    rows = until_now(series.rows, by, state)
    return Headline(
        [number(name, total, rows, state, metric) for name in HEADLINE],
        drawn(state, by, metric, rows, series),
        by,
        total.meta,
        picture=state.href(f"{state.home}/graph.svg"),
    )


def second_of(state: State, metric: str) -> tuple[str, ...]:
    second = state.option("second")
    return (second,) if second in GRAPHABLE and second != metric else ()


def number(name: str, total: Result, rows: list[dict[str, Any]], state: State, chosen: str) -> Number:
    row, value = METRICS[name], total.rows[0].get(name)
    before = total.comparison.get(name) if isinstance(total.comparison, dict) else None
    return Number(
        name, row.label, row.doc, shown(name, value, state.locale, before, total.meta.currency),
        graph.spark([None if one.get(name) is None else float(one[name]) for one in rows]),
        state.seen(metric=name, second="").href(), name == chosen,
        error_of(name, total.meta, state), state.why(name),
    )  # fmt: skip


def error_of(name: str, meta: Meta, state: State) -> str:
    """“about 1.6%” for an estimated number, nothing for an exact one."""
    if meta.exact or name not in meta.estimated:
        return ""
    return f"about {format_decimal(round(meta.error * 100, 1), locale=state.locale)}%"


def bucket_start(by: str, key: str, state: State) -> datetime:
    """The instant a bucket begins."""
    if by == "hour":
        return datetime.fromisoformat(key)
    text = f"{key[:7]}-01" if by == "month" else key[:10]
    return datetime.fromisoformat(text).replace(tzinfo=state.period.info)


def until_now(rows: list[dict[str, Any]], by: str, state: State) -> list[dict[str, Any]]:
    """The buckets that have begun, and for "all time" only from the first with anything in it."""
    begun = [row for row in rows if bucket_start(by, str(row[by]), state) <= state.now]
    if state.text != "all":
        return begun
    first = next((i for i, row in enumerate(begun) if row.get("visitors") or row.get("views")), 0)
    return begun[first:]


def drawn(state: State, by: str, metric: str, rows: list[dict[str, Any]], result: Result) -> graph.Graph | None:
    if not rows:
        return None
    before = result.comparison if isinstance(result.comparison, list) else []
    unfinished = state.period.end > state.now
    second = next(iter(second_of(state, metric)), "")
    marks = {} if state.root else marked(state, by, [str(row[by]) for row in rows])
    series = graph.Series(by, metric, second, rows, before, result.meta.currency, unfinished, marks)
    return graph.draw(series, state.locale, lambda key: zoomed(state, by, key).href())


def marked(state: State, by: str, keys: list[str]) -> dict[str, tuple[Mark, ...]]:
    """Notes and incidents by the bucket they lie in. Not for shared sheets: notes are the site's own."""
    starts = [bucket_start(by, key, state) for key in keys]
    found: dict[str, tuple[Mark, ...]] = {}
    for mark in marks(state.site, state.period.start, state.period.end):
        place = max(bisect_right(starts, mark.at) - 1, 0)
        found[keys[place]] = (*found.get(keys[place], ()), mark)
    return found


def zoomed(state: State, by: str, key: str) -> State:
    """The sheet of one bucket: its day, week or month."""
    first = bucket_start(by, key, state).date()
    if by == "week":
        return state.in_period(f"{first}..{first + timedelta(days=6)}")
    if by == "month":
        after = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
        return state.in_period(f"{first}..{after - timedelta(days=1)}")
    return state.in_period(f"{first}..{first}")


@dataclass(frozen=True)
class Row:
    """One row of a panel or table. `share`: 0 to 100, of the largest row, for the bar behind it."""

    value: str
    name: str
    shown: Shown
    second: Shown | None
    share: str
    percent: str
    href: str
    without: str
    away: str = ""  # the address outside, for referrers and links

    @property
    def level(self) -> str:
        """q1 to q5: how strong a country is drawn. By square root, since one country usually has most."""
        return f"q{min(5, int((float(self.share) / 100) ** 0.5 * 5) + 1)}"


@dataclass
class Table:
    """An open tab, ready to show."""

    panel: Panel
    tab: Tab
    rows: list[Row] = field(default_factory=list)
    label: str = ""
    metric: str = ""
    second: str = ""
    details: str = ""
    filtered: bool = False
    more: bool = False
    failed: str = ""
    estimated: str = ""  # the error in words, empty where the numbers are exact
    why: str = ""
    tabs: list[tuple[Tab, str]] = field(default_factory=list)
    folded: list[tuple[Tab, str]] = field(default_factory=list)


def table(state: State, panel: Panel, tab: Tab) -> Table:
    """One tab of a panel: the first rows by its metric."""
    found = Table(panel, tab, label=dimension(tab.dimension, "").label, metric=METRICS[tab.metric].label)
    found.second = METRICS[tab.second].label if tab.second else ""
    found.filtered = bool(state.conditions or state.segment)
    if not state.among:
        plain = state.shown_with({"from": "", "q": "", "order": ""})
        found.details = plain.href(f"{state.home}/details/{tab.dimension}")
    links = [(one, state.shown_with({f"tab.{panel.name}": one.name}).href()) for one in panel.tabs]
    found.tabs, found.folded = links[: panel.shown_tabs], links[panel.shown_tabs :]
    metrics = (tab.metric, tab.second) if tab.second else (tab.metric,)
    limit = 300 if tab.map else PANEL_ROWS + 1
    try:
        query = state.query(metrics, (tab.dimension,), limit=limit, totals=True, also=tab.also)
        result = ask(query, now=state.now)
        rows = rows_of(state, tab.dimension, metrics, result)
    except TROUBLE as error:
        found.failed = sentence(error)
        return found
    found.estimated, found.why = error_of(tab.metric, result.meta, state), state.why(tab.metric, tab.dimension)
    found.rows, found.more = rows if tab.map else rows[:PANEL_ROWS], len(rows) > PANEL_ROWS
    return found


def rows_of(state: State, name: str, metrics: tuple[str, ...], result: Result) -> list[Row]:
    """The rows of a breakdown as they are shown."""
    values = [float(row.get(metrics[0]) or 0) for row in result.rows]
    largest = max(values, default=0) or 1
    whole = float((result.totals or {}).get(metrics[0]) or 0)
    goals = {str(goal.pk): goal.name for goal in goals_of(state.ids)} if name == "goal" else {}
    return [
        one_row(state, name, metrics, row, value / largest * 100, value / whole * 100 if whole else None, goals,
                result.meta.currency)
        for row, value in zip(result.rows, values, strict=True)
    ]  # fmt: skip


def one_row(
    state: State, name: str, metrics: tuple[str, ...], row: dict[str, Any], share: float,
    percent: float | None, goals: dict[str, str], currency: str,
) -> Row:  # fmt: skip
    kind = dimension(name, "")
    value = str(row[name])
    return Row(
        value,
        goals.get(value) or value_name(kind, value),
        shown(metrics[0], row.get(metrics[0]), state.locale, currency=currency),
        shown(metrics[1], row.get(metrics[1]), state.locale, currency=currency) if len(metrics) > 1 else None,
        f"{share:.1f}",
        share_text(percent),
        state.narrowed(name, value).href(),
        state.narrowed(name, value, "is_not").href(),
        value if kind.format == "url" else "",
    )


def share_text(percent: float | None) -> str:
    if percent is None:
        return ""
    if 0 < percent < 0.1:
        return "<0.1%"
    return f"{percent:.1f}%" if percent < 10 else f"{percent:.0f}%"


def online(state: State) -> int | None:
    """Visitors of the last five minutes; None when the store does not answer."""
    return attempt(lambda: int(ask(state.query(("online",)), now=state.now).rows[0]["online"] or 0))


def attempt(question: Callable[[], Any]) -> Any:
    """The answer, or None where the store or the engine will not give one."""
    try:
        return question()
    except TROUBLE as error:
        sentence(error)
        return None
