"""The headline of a sheet: its numbers, each with its change and a small line, and the graph of one of them."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from goals.querysets import goals_of
from reports.engine import Meta, Query, Result
from reports.engine.registry import METRICS
from reports.notes.services import Mark, marks
from reports.pages import graph
from reports.pages.numbers import Shown, shown
from reports.pages.parts import Part, together
from reports.pages.sheet import error_of
from reports.pages.state import State

HEADLINE = ("visitors", "visits", "views", "bounce_rate", "avg_duration", "conversions", "revenue")
# Where the filter asks for a goal: who reached it, how often, of how many, and what those visits did
GOAL_HEADLINE = ("visitors", "conversions", "conversion_rate", "revenue", "views", "bounce_rate", "avg_duration")
BUCKETS = ("minute", "hour", "day", "week", "month")
LONGEST_DAYS = {"minute": 1.1, "hour": 31}  # of a period by them
GRAPHABLE = (*HEADLINE, "new_visitors", "actions", "views_per_visit", "engagement", "events", "conversion_rate")


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
    numbers = [Number(name, METRICS[name].label, "", blank, {}, "", False, "", "") for name in headline_of(state)]
    chosen = state.option("metric", "visitors")
    metrics = [METRICS[one].label for one in (chosen, *second_of(state, chosen)) if one in METRICS]
    told = [(state.compare is not None, "before"), (state.period.end > state.now, "not over yet")]
    legend = [*metrics, *(word for holds, word in told if holds)]
    return Headline(numbers, by=bucket_of(state), waits=True, legend=legend, picture=state.path)


def headline_of(state: State) -> tuple[str, ...]:
    """The metrics of the headline."""
    return GOAL_HEADLINE if state.asks_for_goal else HEADLINE


def bucket_of(state: State) -> str:
    """Minutes for up to an hour, hours for up to two days, then days, weeks, months; the URL may say otherwise."""
    days = (state.period.end - state.period.start) / timedelta(days=1)
    chosen = state.option("by")
    if chosen in BUCKETS and days <= LONGEST_DAYS.get(chosen, days):
        return chosen
    if days <= 1 / 24:
        return "minute"
    return "hour" if days <= 2.1 else "day" if days <= 100 else "week" if days <= 400 else "month"


def headline_part(state: State) -> Part[Headline]:
    """The first screen's numbers and the graph of one of them."""
    by, metric = bucket_of(state), metric_of(state)

    def questions() -> list[Query]:
        wanted = tuple(dict.fromkeys((*headline_of(state), metric, *second_of(state, metric))))
        series = state.query(wanted, (by,), compare=state.compare, limit=10_000)
        known = summed(state)
        total = tuple(name for name in headline_of(state) if name not in known)
        return [state.query(total, compare=state.compare), series]

    def make(answers: list[Result]) -> Headline:
        total, series = with_sums(headline_of(state), *answers), answers[1]
        rows = until_now(series.rows, by, state)
        numbers = [number(name, total, rows, state, metric) for name in headline_of(state)]
        picture = state.href(f"{state.home}/graph.svg")
        return Headline(numbers, drawn(state, by, metric, rows, series), by, total.meta, picture=picture)

    return Part(questions, make, lambda why: Headline(by=by, failed=why))


def headline(state: State) -> Headline:
    """The headline, asked for alone."""
    found: Headline = together([headline_part(state)], state.now)[0]
    return found


def summed(state: State) -> tuple[str, ...]:
    """The numbers that are sums of those of the graph's buckets, and need no question of their own.

    Not where a goal has a worth: a goal that a visit reaches once may be reached on two days.
    """
    goals = goals_of(state.ids)
    if any(goal.fixed_revenue is not None for goal in goals):
        return ()
    return ("revenue",) if goals else ("conversions", "revenue")


def with_sums(wanted: tuple[str, ...], total: Result, series: Result) -> Result:
    """The total with what the buckets of `series` add up to."""

    def filled(row: dict[str, Any], buckets: list[dict[str, Any]]) -> dict[str, Any]:
        missing = [name for name in wanted if name not in row]
        return {**row, **{name: sum(one.get(name) or 0 for one in buckets) for name in missing}}

    before = total.comparison
    if isinstance(before, dict) and isinstance(series.comparison, list):
        before = filled(before, series.comparison)
    meta = replace(total.meta, currency=series.meta.currency)
    return replace(total, rows=[filled(total.rows[0], series.rows)], comparison=before, meta=meta)


def metric_of(state: State) -> str:
    """The metric in the graph."""
    chosen = state.option("metric", "visitors")
    return chosen if chosen in GRAPHABLE else "visitors"


def choices(state: State) -> list[tuple[str, str, bool]]:
    """Second metrics for the graph."""
    chosen, first = state.option("second"), state.option("metric", "visitors")
    return [
        (METRICS[name].label, state.seen(second="" if name == chosen else name).href(), name == chosen)
        for name in GRAPHABLE
        if name != first
    ]


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


def bucket_start(by: str, key: str, state: State) -> datetime:
    """The instant a bucket begins."""
    if by in ("minute", "hour"):
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
