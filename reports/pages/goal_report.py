"""One goal in depth: what it brought, how long it took, and which sources it owes itself to."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from babel.numbers import format_decimal
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from goals.models import Goal
from reports.engine import ask
from reports.engine.attribution import LOOKBACK, Credit, Way, attribution
from reports.engine.registry import METRICS
from reports.pages.frame import bar, site_page
from reports.pages.numbers import Shown, duration, money, shown
from reports.pages.parts import TROUBLE, sentence
from reports.pages.segments import may_edit
from reports.pages.state import State

NUMBERS = ("visitors", "conversions", "conversion_rate")
SHOWN = 50


@dataclass(frozen=True)
class Line:
    """One source's conversions under the three models; `share` is the linear one's, of the largest."""

    source: str
    first: str
    last: str
    linear: str
    share: str
    href: str


@site_page
def goal_report(request: HttpRequest, state: State, goal_id: int) -> HttpResponse:
    """The report of one goal."""
    goal = state.site.goals.filter(pk=goal_id).first()
    if goal is None:
        raise Http404("No such goal.")
    context: dict[str, Any] = {
        **bar(request, state), "section": "goals", "goal": goal, "may_edit": may_edit(request, state.site.pk),
        "back": state.href(f"/sites/{state.site.pk}/goals"), "lookback": LOOKBACK.days,
    }  # fmt: skip
    if not goal.active:
        return render(request, "reports/goal_report.html", {**context, "failed": "This goal is not in use."})
    try:
        context |= counted(state, goal)
    except TROUBLE as error:
        context["failed"] = sentence(error)
    return render(request, "reports/goal_report.html", context)


def counted(state: State, goal: Goal) -> dict[str, Any]:
    """The numbers of the goal, and the way to it."""
    query = state.query(NUMBERS, compare=state.compare, also=({"goal": goal.pk},))
    result = ask(query, now=state.now)
    before = result.comparison if isinstance(result.comparison, dict) else {}
    way = attribution(state.site.pk, state.period, {"goal": goal.pk}, state.where(), now=state.now)
    return {
        "numbers": [(METRICS[name].label, number(state, name, result.rows[0], before)) for name in NUMBERS],
        "revenue": revenue(state, goal, way),
        "way": way,
        "time": duration(way.seconds) if way.seconds < 86_400 * 2 else f"{way.seconds / 86_400:.1f} days",
        "visits": plain(state, way.visits),
        "at_once": f"{100 * way.one_visit / way.conversions:.0f}%" if way.conversions else "",
        "lines": lines(state, way.credits),
    }


def number(state: State, name: str, row: dict[str, Any], before: dict[str, Any]) -> Shown:
    return shown(name, row.get(name), state.locale, before.get(name))


def plain(state: State, value: float) -> str:
    return str(format_decimal(round(value, 1), locale=state.locale))


def revenue(state: State, goal: Goal, way: Way) -> list[str]:
    """What it earned, by currency: its fixed worth each time, else what its events carried."""
    if goal.fixed_revenue is not None:
        return [money(goal.earned(way.conversions, 0), state.locale, goal.currency)]
    earned = sorted(way.revenue.items(), key=lambda pair: (-pair[1], pair[0]))
    return [money(total, state.locale, currency) for currency, total in earned] or [
        money(Decimal(0), state.locale, goal.currency)
    ]


def lines(state: State, credits: tuple[Credit, ...]) -> list[Line]:
    most = max((one.linear for one in credits), default=1.0) or 1.0
    overview = f"/sites/{state.site.pk}/"
    return [
        Line(
            one.source or "Direct", plain(state, one.first), plain(state, one.last), plain(state, one.linear),
            f"{100 * one.linear / most:.1f}", state.narrowed("source", one.source).href(overview),
        )
        for one in credits[:SHOWN]
    ]  # fmt: skip
