"""One goal in depth: its conversions, how long visitors took, and the sources that are credited with them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from babel.numbers import format_decimal
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from goals.models import Goal
from reports.dashboard.fragments import QUERY_ERRORS, describe_error
from reports.dashboard.goals.goal_pages import find_goal
from reports.dashboard.presenters.toolbar import build_toolbar
from reports.dashboard.report_page import site_page
from reports.dashboard.scope import Context
from reports.dashboard.state import ReportState
from reports.formatting import format_duration, format_metric, format_money, format_percent
from reports.query import ask
from reports.query.analyses.attribution import LOOKBACK, AttributionReport, SourceCredit, attribute_conversions
from reports.query.metrics import METRICS
from sites.amounts import round_half_up
from sites.selectors import may_on_site

GOAL_METRICS = ("visitors", "conversions", "conversion_rate")
MAX_SOURCES = 50
MIN_SECONDS_IN_DAYS = 86_400 * 2  # from two days on, the time to conversion is given in days


@dataclass(frozen=True, kw_only=True)
class AttributionRow:
    """The conversions of one source by three models; `share`: its linear ones, percent of the largest."""

    source: str
    first: str
    last: str
    linear: str
    share: str
    href: str


@site_page
def goal_report(request: HttpRequest, state: ReportState, goal_id: int) -> HttpResponse:
    """Display the report of one goal."""
    goal = find_goal(state.site, goal_id)
    context: Context = {
        **build_toolbar(request, state), "section": "goals", "goal": goal,
        "may_edit": may_on_site(request.user, state.site, "edit"),
        "back": state.href(reverse("dashboard:goals", args=[state.site.pk])), "lookback": LOOKBACK.days,
    }  # fmt: skip
    if not goal.active:
        return render(request, "goals/goal_report.html", {**context, "failed": "This goal is inactive."})
    try:
        context |= build_goal_report(state, goal)
    except QUERY_ERRORS as error:
        context["failed"] = describe_error(error)
    return render(request, "goals/goal_report.html", context)


def build_goal_report(state: ReportState, goal: Goal) -> Context:
    """Return the context of the numbers of the goal and the visits before its conversions."""
    query = state.build_query(GOAL_METRICS, compare=state.compare, extra_filters=({"goal": goal.pk},))
    result = ask(query, now=state.now)
    row, before = result.rows[0], result.comparison if isinstance(result.comparison, dict) else {}
    attribution = attribute_conversions(
        state.site.pk, state.period, {"goal": goal.pk}, state.build_filter(), now=state.now
    )
    in_days = attribution.seconds >= MIN_SECONDS_IN_DAYS
    return {
        "numbers": [
            (METRICS[name].label, format_metric(name, row.get(name), state.locale, before.get(name)))
            for name in GOAL_METRICS
        ],
        "revenue": format_revenue(state, goal, attribution),
        "attribution": attribution,
        "time": f"{attribution.seconds / 86_400:.1f} days" if in_days else format_duration(attribution.seconds),
        "visits": format_number(state, attribution.visits),
        "in_first_visit": format_percent(attribution.one_visit, attribution.conversions, 0),
        "lines": build_attribution(state, attribution.credits),
    }


def format_number(state: ReportState, value: float) -> str:
    """Format a number with one decimal."""
    return str(format_decimal(round_half_up(value, 1), locale=state.locale))


def format_revenue(state: ReportState, goal: Goal, attribution: AttributionReport) -> list[str]:
    """Return the revenue by currency: of the goal's fixed value if it has one, else of its events."""
    if goal.fixed_revenue is not None:
        return [format_money(goal.compute_revenue(attribution.conversions, 0), state.locale, goal.currency)]
    by_currency = sorted(attribution.revenue.items(), key=lambda pair: (-pair[1], pair[0]))
    return [format_money(total, state.locale, currency) for currency, total in by_currency] or [
        format_money(Decimal(0), state.locale, goal.currency)
    ]


def build_attribution(state: ReportState, credits: tuple[SourceCredit, ...]) -> list[AttributionRow]:
    """Format the sources that are credited with conversions."""
    largest = max((credit.linear for credit in credits), default=1.0) or 1.0
    overview = reverse("dashboard:overview", args=[state.site.pk])
    return [
        AttributionRow(
            source=credit.source or "Direct",
            first=format_number(state, credit.first),
            last=format_number(state, credit.last),
            linear=format_number(state, credit.linear),
            share=f"{100 * credit.linear / largest:.1f}",
            href=state.with_filter("source", credit.source).href(overview),
        )
        for credit in credits[:MAX_SOURCES]
    ]
