"""Who was here: the list of visits, one visitor's whole history, and one visit."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from reports.engine import Period, lists
from reports.pages import arrived, people
from reports.pages.frame import asked_for, bar, site_page
from reports.pages.parts import TROUBLE, sentence
from reports.pages.segments import may_edit
from reports.pages.spy import KINDS
from reports.pages.state import State

PAGE = 40
MOST_VISITS = 100
MOST_ACTIONS = 1_000
SEARCHED = ("person", "any_tag", "ip", "page", "referrer", "city", "country", "organization", "source")


@site_page
def visitors(request: HttpRequest, state: State) -> HttpResponse:
    """The visits of the period, newest first, searched by anything that is known of them."""
    offset = int(state.option("from", "0")) if state.option("from", "0").isdigit() else 0
    q = state.option("q")
    context = {
        **bar(request, state), "no_compare": True, "section": "visitors", "search": q,
        "hidden_search": [pair for pair in state.pairs() if pair[0] not in ("q", "from")],
    }  # fmt: skip
    try:
        rows = visit_rows(state, PAGE + 1, min(offset, 100_000), *found_by(q))
    except TROUBLE as error:
        return shown(request, {**context, "failed": sentence(error)})
    made = [people.visit(row, state.site.pk, state.period.info, state.locale) for row in rows[:PAGE]]
    more = state.shown_with({"from": str(offset + PAGE)}).href() if len(rows) > PAGE else ""
    before = state.shown_with({"from": str(offset - PAGE) if offset > PAGE else ""}).href() if offset else ""
    return shown(request, {**context, "visits": made, "next": more, "previous": before})


def shown(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    part = asked_for(request) == "sheet"
    return render(request, "reports/_visitors.html" if part else "reports/visitors.html", context)


def found_by(q: str) -> list[Any]:
    """The filter of a search over everything."""
    if not q:
        return []
    return [{"or": [{"dimension": name, "operator": "contains", "value": [q]} for name in SEARCHED]}]


def visit_rows(state: State, limit: int, offset: int, *more: Any) -> list[dict[str, Any]]:
    return lists.visits((state.site.pk,), state.period, state.where(*more), limit, offset, now=state.now)


def whole_time(state: State) -> Period:
    """Since ever and up to now, for histories."""
    return Period.parse("all", state.site.timezone, state.now)


def action_rows(state: State, visits: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Everything that happened in these visits, oldest first."""
    where = [{"dimension": "visit", "operator": "is", "value": [str(row["visit"]) for row in visits]}]
    kinds = (*KINDS, "ping")
    found = lists.actions((state.site.pk,), whole_time(state), where, MOST_ACTIONS, now=state.now, kinds=kinds)
    return people.with_attention(found[::-1])


def visits_of_person(state: State, device: int) -> list[dict[str, Any]]:
    """The visits of a device, and of whoever was known on it wherever else they came; newest first."""

    def found(*values: dict[str, Any]) -> list[dict[str, Any]]:
        return lists.visits((state.site.pk,), whole_time(state), [{"or": [*values]}], MOST_VISITS, 0, now=state.now)

    same = {"dimension": "visitor_id", "operator": "is", "value": [str(device)]}
    rows = found(same)
    names = sorted({str(row["person"]) for row in rows if row.get("person")})
    return found(same, {"dimension": "person", "operator": "is", "value": names}) if names else rows


@site_page
def visitor(request: HttpRequest, state: State, device: int) -> HttpResponse:
    """One visitor: what is known, and every visit as a timeline, on whatever device the same person came."""
    context: dict[str, Any] = {"site": state.site, "state": state, "section": "visitors"}
    try:
        rows = visits_of_person(state, device)
        lines = action_rows(state, rows) if rows else []
    except TROUBLE as error:
        return render(request, "reports/visitor.html", {**context, "failed": sentence(error)})
    if not rows:
        raise Http404("No such visitor.")
    made = with_links(request, state, rows, history(state, rows, lines))
    context |= {
        "may_edit": may_edit(request, state.site.pk), "bot": f"{request.path}/bot",
        "visits": made, "person": made[0].person, "first": made[-1], "count": len(made),
        "views": sum(one.views for one in made), "actions": sum(one.actions for one in made),
        "tags": sorted({tag for one in made for tag in one.tags}), "capped": len(rows) == MOST_VISITS,
    }  # fmt: skip
    return render(request, "reports/visitor.html", context)


@site_page
def one_visit(request: HttpRequest, state: State, visit: int) -> HttpResponse:
    """One visit as a timeline."""
    context: dict[str, Any] = {"site": state.site, "state": state, "section": "visitors", "single": True}
    try:
        row = lists.visit(state.site.pk, visit)
        lines = action_rows(state, [row]) if row else []
    except TROUBLE as error:
        return render(request, "reports/visitor.html", {**context, "failed": sentence(error)})
    if not row:
        raise Http404("No such visit.")
    made = with_links(request, state, [row], history(state, [row], lines))
    context |= {"may_edit": may_edit(request, state.site.pk), "bot": f"{request.path}/bot"}
    return render(
        request, "reports/visitor.html", {**context, "visits": made, "person": made[0].person, "tags": made[0].tags}
    )


def history(state: State, rows: list[dict[str, Any]], lines: list[dict[str, Any]]) -> list[people.Visit]:
    """Visits, newest first, each with its lines and the gap to the one before it."""
    zone, site = state.period.info, state.site.pk
    by_visit: dict[str, list[people.Action]] = {}
    for row in lines:
        by_visit.setdefault(str(row["visit"]), []).append(people.action(row, site, zone, state.locale))
    made = [people.visit(row, site, zone, state.locale) for row in rows]
    for one, older in zip(made, [*made[1:], None], strict=True):
        one.lines = spaced(by_visit.get(one.number, []))
        if older is not None:
            apart = (one.began - older.began) / timedelta(seconds=1)
            one.gap = people.waited(apart)
    return made


def with_links(
    request: HttpRequest, state: State, rows: list[dict[str, Any]], made: list[people.Visit]
) -> list[people.Visit]:
    """Each visit with the tracked link that started it, where the reader may see that link."""
    known = arrived.links(request.user, state.site.account, (int(row["link_id"]) for row in rows))
    for one, row in zip(made, rows, strict=True):
        one.led = known.get(int(row["link_id"]))
    return made


def spaced(lines: list[people.Action]) -> list[people.Action]:
    """Lines with the space before each, by the time that passed."""
    found, before = [], None
    for one in lines:
        seconds = (one.at - before).total_seconds() if before else 0
        found.append(replace(one, gap=people.gap(seconds), wait=people.waited(seconds)))
        before = one.at
    return found
