"""Where a number comes from: what it means, which filter, days and freshness it rests on, and the visits behind it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from babel.dates import format_datetime
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from goals.querysets import goals_of
from reports.engine import ask
from reports.engine.dimensions import Dimension, dimension
from reports.engine.metrics import CLICKS
from reports.engine.refusal import QueryRefused
from reports.engine.registry import METRICS
from reports.pages.chips import chips
from reports.pages.frame import site_page
from reports.pages.numbers import Shown, shown
from reports.pages.parts import TROUBLE, sentence
from reports.pages.sheet import error_of
from reports.pages.state import Condition, State

# A metric that counts only some visits: the filter that finds them
BEHIND: dict[str, tuple[Condition, ...]] = {
    "bounce_rate": (
        Condition("visit_views", "is", ("1",)), Condition("visit_actions", "is", ("1",)),
        Condition("duration", "at_most", ("29.999",)),
    ),
    "single_page_rate": (Condition("visit_views", "is", ("1",)),),
    "revenue": (Condition("amount", "at_least", ("0.01",)),),
    "avg_order": (Condition("amount", "at_least", ("0.01",)),),
    "refunds": (Condition("amount", "at_most", ("-0.01",)),),
    "events": (Condition("kind", "is", ("event",)),),
    "clickers": (Condition("kind", "is", CLICKS),),
}  # fmt: skip
HOW = {"metric": "", "second": "", "by": "", "of": "", "from": "", "q": "", "order": ""}


@dataclass(frozen=True)
class Explained:
    """One number, explained. `filters`: in words, empty for everything; `behind`: the list of its visits."""

    name: str
    label: str
    doc: str
    shown: Shown
    filters: list[str]
    began: str
    ended: str
    zone: str
    fresh: str
    estimate: str  # the error in words, empty where the number is exact
    source: str
    of: Dimension | None
    behind: str
    only_some: bool


@site_page
def explain(request: HttpRequest, state: State) -> HttpResponse:
    """`?metric=` by its name in the registry, `?of=` the dimension of the panel it stands in; filters as everywhere."""
    return explanation(request, state)


def explanation(request: HttpRequest, state: State) -> HttpResponse:
    """The page, or the part of it that a sheet over a page shows."""
    name = state.option("metric", "visitors")
    if name not in METRICS:
        raise Http404("No such number.")
    context: dict[str, Any] = {"site": None if state.root else state.site, "state": state, "label": METRICS[name].label}
    context["back"] = state.shown_with({"of": ""}).href(f"{state.home}/")
    try:
        context["told"] = explained(request, state, name)
    except TROUBLE as error:
        context["failed"] = sentence(error)
    part = bool(request.htmx)  # type: ignore[attr-defined]
    return render(request, "reports/_explain.html" if part else "reports/explain.html", context)


def explained(request: HttpRequest, state: State, name: str) -> Explained:
    row, of = METRICS[name], dimension_of(state)
    result = ask(state.query((name,), compare=state.compare), now=state.now)
    before = result.comparison.get(name) if isinstance(result.comparison, dict) else None
    meta, period = result.meta, state.period
    return Explained(
        name, row.label, row.doc,
        shown(name, result.rows[0].get(name), state.locale, before, meta.currency),
        [chip.label for chip in chips(state, request.user)],
        told_at(period.start, state), told_at(min(period.end, state.now), state), period.zone,
        told_at(meta.freshness, state) if meta.freshness else "", error_of(name, meta, state),
        meta.source, of,
        behind(state, name), name in BEHIND or name == "conversions",
    )  # fmt: skip


def dimension_of(state: State) -> Dimension | None:
    """What the panel is by. Http404 for a word that is no dimension."""
    try:
        return dimension(state.option("of"), "") if state.option("of") else None
    except QueryRefused as error:
        raise Http404("No such table.") from error


def told_at(at: Any, state: State) -> str:
    return str(format_datetime(at.astimezone(state.period.info), "medium", locale=state.locale))


def behind(state: State, name: str) -> str:
    """The list of visits that make the number, with the same filters and period; none for several sites."""
    if state.root:
        return ""
    conditions = BEHIND.get(name, ())
    if name == "conversions" and not any(one.dimension == "goal" for one in state.conditions):
        counted = tuple(str(goal.pk) for goal in goals_of(state.ids, conversion=True))
        conditions = (Condition("goal", "is", counted),) if counted else ()
    taken = {one.key for one in state.conditions}
    added = tuple(one for one in conditions if one.key not in taken)
    listed = replace(state, conditions=(*state.conditions, *added), comparison="previous")
    return listed.shown_with(HOW).href(f"{state.home}/visitors")
