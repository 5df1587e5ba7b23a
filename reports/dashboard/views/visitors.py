"""The list of visits, the history of one visitor, and one visit."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from goals.predicates import Filter, is_one_of
from reports.dashboard.fragments import QUERY_ERRORS, describe_error
from reports.dashboard.presenters.toolbar import build_toolbar
from reports.dashboard.presenters.visits import (
    ActionRow,
    VisitRow,
    build_action,
    build_visit,
    choose_pause_class,
    format_pause,
    merge_pings,
)
from reports.dashboard.report_page import get_htmx_target, site_page
from reports.dashboard.scope import Context
from reports.dashboard.state import ReportState
from reports.dashboard.views.spy import KINDS
from reports.labels import find_links
from reports.query import Period
from reports.query.analyses import visit_lists
from reports.query.analyses.visit_lists import Visit
from sites.selectors import may_on_site
from tracking.event import Event

PAGE_ROWS = 40
MAX_OFFSET = 100_000
MAX_VISITS = 100  # of a visitor's history
MAX_ACTIONS = 1_000
SEARCHED_DIMENSIONS = (
    "person", "any_tag", "ip", "page", "referrer", "city", "country", "organization", "source"
)  # fmt: skip


@site_page
def visitors(request: HttpRequest, state: ReportState) -> HttpResponse:
    """Display the visits of the period, newest first. The search looks into all of SEARCHED_DIMENSIONS."""
    offset, search = state.offset, state.option("q")
    context = {
        **build_toolbar(request, state), "without_comparison": True, "section": "visitors", "search": search,
        "hidden_search": state.list_parameters_without("q", "from"),
    }  # fmt: skip
    try:
        where = state.build_filter(*build_search_filter(search))
        start = min(offset, MAX_OFFSET)
        rows = visit_lists.list_visits((state.site.pk,), state.period, where, PAGE_ROWS + 1, start, now=state.now)
    except QUERY_ERRORS as error:
        context["failed"] = describe_error(error)
    else:
        context |= {
            "visits": [build_visit(row, state.site.pk, state.period.info, state.locale) for row in rows[:PAGE_ROWS]],
            "next": state.with_view({"from": str(offset + PAGE_ROWS)}).href() if len(rows) > PAGE_ROWS else "",
            "previous": "",
        }
        if offset:
            before = str(offset - PAGE_ROWS) if offset > PAGE_ROWS else ""
            context["previous"] = state.with_view({"from": before}).href()
    is_fragment = get_htmx_target(request) == "report"
    return render(request, "reports/_visitors.html" if is_fragment else "reports/visitors.html", context)


def build_search_filter(search: str) -> list[Filter]:
    """Return the filter JSON of a search; empty for no search."""
    if not search:
        return []
    return [{"or": [{"dimension": name, "operator": "contains", "value": [search]} for name in SEARCHED_DIMENSIONS]}]


def build_all_time_period(state: ReportState) -> Period:
    """Return the period of everything up to now, for histories."""
    return Period.parse("all", state.site.timezone, state.now)


def fetch_actions(state: ReportState, visits: list[Visit]) -> list[Event]:
    """Return the actions of these visits, oldest first."""
    where = [is_one_of("visit", *(str(row["visit"]) for row in visits))]
    kinds = (*KINDS, "ping")
    rows = visit_lists.list_actions(
        (state.site.pk,), build_all_time_period(state), where, MAX_ACTIONS, now=state.now, kinds=kinds
    )
    return merge_pings(rows[::-1])


def fetch_visits(state: ReportState, device: int) -> list[Visit]:
    """Return the visits of a device and of the persons named on it, on whatever device they came; newest first."""

    def fetch(*alternatives: Filter) -> list[Visit]:
        where: list[Filter] = [{"or": [*alternatives]}]
        return visit_lists.list_visits(
            (state.site.pk,), build_all_time_period(state), where, MAX_VISITS, 0, now=state.now
        )

    same_device = is_one_of("visitor_id", str(device))
    rows = fetch(same_device)
    persons = sorted({str(row["person"]) for row in rows if row.get("person")})
    return fetch(same_device, is_one_of("person", *persons)) if persons else rows


@site_page
def visitor(request: HttpRequest, state: ReportState, device: int) -> HttpResponse:
    """Display one visitor, and each of their visits as a timeline, on whatever device the same person came."""
    context: Context = {"site": state.site, "state": state, "section": "visitors"}
    try:
        rows = fetch_visits(state, device)
        actions = fetch_actions(state, rows) if rows else []
    except QUERY_ERRORS as error:
        return render(request, "reports/visitor.html", {**context, "failed": describe_error(error)})
    if not rows:
        raise Http404("No such visitor.")
    visits = build_history(request, state, rows, actions)
    context |= {
        "may_edit": may_on_site(request.user, state.site, "edit"), "bot": f"{request.path}/bot",
        "visits": visits, "visitor": visits[0].visitor, "first": visits[-1], "count": len(visits),
        "views": sum(visit.views for visit in visits), "actions": sum(visit.actions for visit in visits),
        "tags": sorted({tag for visit in visits for tag in visit.tags}), "has_more_visits": len(rows) == MAX_VISITS,
    }  # fmt: skip
    return render(request, "reports/visitor.html", context)


@site_page
def single_visit(request: HttpRequest, state: ReportState, visit: int) -> HttpResponse:
    """Display one visit as a timeline."""
    context: Context = {"site": state.site, "state": state, "section": "visitors", "single": True}
    try:
        row = visit_lists.fetch_visit(state.site.pk, visit)
        actions = fetch_actions(state, [row]) if row else []
    except QUERY_ERRORS as error:
        return render(request, "reports/visitor.html", {**context, "failed": describe_error(error)})
    if not row:
        raise Http404("No such visit.")
    visits = build_history(request, state, [row], actions)
    context |= {
        "may_edit": may_on_site(request.user, state.site, "edit"), "bot": f"{request.path}/bot",
        "visits": visits, "visitor": visits[0].visitor, "tags": visits[0].tags,
    }  # fmt: skip
    return render(request, "reports/visitor.html", context)


def build_history(request: HttpRequest, state: ReportState, rows: list[Visit], actions: list[Event]) -> list[VisitRow]:
    """Return the visits, newest first, each with its actions, the pause before it and the link that started it.

    Links that the reader may not see are left out.
    """
    zone, site_id = state.period.info, state.site.pk
    by_visit: dict[str, list[ActionRow]] = {}
    for row in actions:
        by_visit.setdefault(str(row["visit"]), []).append(build_action(row, site_id, zone, state.locale))
    links = find_links(request.user, state.site.account, (int(row["link_id"]) for row in rows))
    visits = [build_visit(row, site_id, zone, state.locale) for row in rows]
    for visit, older, row in zip(visits, [*visits[1:], None], rows, strict=True):
        visit.lines = add_pauses(by_visit.get(visit.number, []))
        visit.link = links.get(int(row["link_id"]))
        if older is not None:
            visit.pause = format_pause((visit.began - older.began) / timedelta(seconds=1))
    return visits


def add_pauses(actions: list[ActionRow]) -> list[ActionRow]:
    """Return the actions, each with the pause before it."""
    rows, before = [], None
    for action in actions:
        seconds = (action.at - before).total_seconds() if before else 0
        rows.append(replace(action, pause_class=choose_pause_class(seconds), pause=format_pause(seconds)))
        before = action.at
    return rows
