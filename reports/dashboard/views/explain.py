"""The explanation of a number: its meaning, the filter, days and freshness it is based on, and the visits behind it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from babel.dates import format_datetime
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from goals.selectors import list_active_goals
from reports.dashboard.fragments import QUERY_ERRORS, describe_error
from reports.dashboard.presenters.tables import format_error
from reports.dashboard.presenters.toolbar import build_filter_tags
from reports.dashboard.state import FilterCondition, ReportState
from reports.formatting import FormattedValue, format_metric
from reports.query import ask
from reports.query.dimensions import Dimension, get_dimension
from reports.query.errors import QueryRefused
from reports.query.metrics import CLICK_KINDS, METRICS

# The filter that finds the visits of a metric, where it counts only some of them
COUNTED_VISITS: dict[str, tuple[FilterCondition, ...]] = {
    "bounce_rate": (
        FilterCondition("visit_views", "is", ("1",)), FilterCondition("visit_actions", "is", ("1",)),
        FilterCondition("duration", "at_most", ("29.999",)),
    ),
    "single_page_rate": (FilterCondition("visit_views", "is", ("1",)),),
    "revenue": (FilterCondition("amount", "at_least", ("0.01",)),),
    "avg_order": (FilterCondition("amount", "at_least", ("0.01",)),),
    "refunds": (FilterCondition("amount", "at_most", ("-0.01",)),),
    "events": (FilterCondition("kind", "is", ("event",)),),
    "clickers": (FilterCondition("kind", "is", CLICK_KINDS),),
}  # fmt: skip
NO_VIEW_OPTIONS = dict.fromkeys(("metric", "second", "by", "of", "from", "q", "order"), "")


@dataclass(frozen=True, kw_only=True)
class NumberExplanation:
    """One number, explained. `filters`: in words, empty for none; `visits_url`: the list of its visits."""

    name: str
    label: str
    doc: str
    formatted: FormattedValue
    filters: list[str]
    began: str
    ended: str
    zone: str
    fresh: str
    estimate: str  # the error in words, empty where the number is exact
    source: str
    of: Dimension | None
    visits_url: str
    only_some: bool


def explain(request: HttpRequest, state: ReportState) -> HttpResponse:
    """Explain a number. `?metric=`: its name in the registry; `?of=`: the dimension of its panel.

    It is a page, or for htmx the dialog over a page.
    """
    name = state.option("metric", "visitors")
    if name not in METRICS:
        raise Http404("No such number.")
    context = {**state.scope.build_context(), "state": state, "label": METRICS[name].label}
    context["back"] = state.with_view({"of": ""}).href(state.scope.home_path)
    try:
        context["explanation"] = build_explanation(request, state, name)
    except QUERY_ERRORS as error:
        context["failed"] = describe_error(error)
    is_dialog = bool(request.htmx)  # type: ignore[attr-defined]
    return render(request, "reports/_explain.html" if is_dialog else "reports/explain.html", context)


def build_explanation(request: HttpRequest, state: ReportState, name: str) -> NumberExplanation:
    """Query the metric `name` and explain its value. Raises QueryRefused, StoreError."""
    metric, of = METRICS[name], parse_dimension(state)
    result = ask(state.build_query((name,), compare=state.compare), now=state.now)
    before = result.comparison.get(name) if isinstance(result.comparison, dict) else None
    meta, period = result.meta, state.period
    return NumberExplanation(
        name=name,
        label=metric.label,
        doc=metric.doc,
        formatted=format_metric(name, result.rows[0].get(name), state.locale, before, meta.currency),
        filters=[tag.label for tag in build_filter_tags(state, request.user)],
        began=format_instant(period.start, state),
        ended=format_instant(min(period.end, state.now), state),
        zone=period.zone,
        fresh=format_instant(meta.freshness, state) if meta.freshness else "",
        estimate=format_error(name, meta, state),
        source=meta.source,
        of=of,
        visits_url=build_visits_href(state, name),
        only_some=name in COUNTED_VISITS or name == "conversions",
    )


def parse_dimension(state: ReportState) -> Dimension | None:
    """Return the dimension of the panel that displays the number. Raises Http404 for an unknown one."""
    try:
        return get_dimension(state.option("of"), "") if state.option("of") else None
    except QueryRefused as error:
        raise Http404("No such table.") from error


def format_instant(at: datetime, state: ReportState) -> str:
    """Format a time in the reader's locale and the site's zone."""
    return str(format_datetime(at.astimezone(state.period.info), "medium", locale=state.locale))


def build_visits_href(state: ReportState, name: str) -> str:
    """Return the address of the visits that the number counts, with the same filters. Empty for several sites."""
    if not state.scope.has_site_pages:
        return ""
    conditions = COUNTED_VISITS.get(name, ())
    if name == "conversions" and not any(condition.dimension == "goal" for condition in state.conditions):
        goals = tuple(str(goal.pk) for goal in list_active_goals(state.site_ids, conversion=True))
        conditions = (FilterCondition("goal", "is", goals),) if goals else ()
    existing = {condition.key for condition in state.conditions}
    added = tuple(condition for condition in conditions if condition.key not in existing)
    visits = replace(state, conditions=(*state.conditions, *added), comparison="previous")
    return visits.with_view(NO_VIEW_OPTIONS).href(f"{state.scope.root_path}/visitors")
