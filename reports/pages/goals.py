"""Goals: what they brought, and making one, tested on last week's real visits before it is saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from goals.models import Goal
from goals.predicates import predicate
from goals.services import goal_create, goal_delete, goal_update
from reports.engine import Period, Query, ask
from reports.pages.frame import bar, site_page
from reports.pages.goal_forms import GoalForm
from reports.pages.names import reader_locale
from reports.pages.numbers import Shown, shown
from reports.pages.parts import TROUBLE, sentence
from reports.pages.segments import may_edit
from reports.pages.state import State
from sites.access import site_for
from sites.models import Site

METRICS = ("visitors", "conversions", "conversion_rate", "revenue")
TRIED = 10


@dataclass(frozen=True)
class Line:
    goal: Goal
    cells: list[Shown]
    href: str


@site_page
def goal_list(request: HttpRequest, state: State) -> HttpResponse:
    """Every goal with its numbers in the period."""
    goals = list(state.site.goals.order_by("name"))
    context = {**bar(request, state), "section": "goals", "may_edit": may_edit(request, state.site.pk), "goals": goals}
    try:
        context["lines"] = [line(state, goal) for goal in goals]
    except TROUBLE as error:
        context["failed"] = sentence(error)
    return render(request, "reports/goals.html", context)


def line(state: State, goal: Goal) -> Line:
    if not goal.active:
        return Line(goal, [], "")
    query = state.query(METRICS, compare=state.compare, also=({"goal": goal.pk},))
    result = ask(query, now=state.now)
    before = result.comparison if isinstance(result.comparison, dict) else {}
    cells = [
        shown(name, result.rows[0].get(name), state.locale, before.get(name), result.meta.currency) for name in METRICS
    ]
    return Line(goal, cells, state.href(f"/sites/{state.site.pk}/goals/{goal.pk}/report"))


@require_http_methods(["GET", "POST"])
@login_required
def goal_edit(request: HttpRequest, site_id: int, goal_id: int = 0) -> HttpResponse:
    """Make or change a goal. "Try it" shows what it would have counted in the last seven days."""
    site = site_for(request, site_id, "edit")
    goal = None
    if goal_id and (goal := site.goals.filter(pk=goal_id).first()) is None:
        raise Http404("No such goal.")
    form = GoalForm(request.POST or None, instance=goal)
    context: dict[str, Any] = {"site": site, "goal": goal, "form": form, "section": "goals"}
    if request.method == "POST" and form.is_valid():
        if "try" in request.POST:
            context["trial"] = trial(request, site, form.draft(site))
        elif saved(site, goal, form):
            messages.success(request, f"Goal “{form.cleaned_data['name']}” is saved.", extra_tags="good")
            return HttpResponseRedirect(f"/sites/{site_id}/goals")
    return render(request, "reports/goal_form.html", context)


def saved(site: Site, goal: Goal | None, form: GoalForm) -> bool:
    """Whether the service took the goal; what it said against it stands in the form."""
    fields = dict(form.cleaned_data)
    try:
        if goal is None:
            goal_create(site=site, **fields)
        else:
            goal_update(goal=goal, **fields)
    except ValidationError as error:
        for name, told in error.message_dict.items():
            form.add_error(name if name in form.fields else None, told)
        return False
    return True


def trial(request: HttpRequest, site: Site, goal: Goal) -> dict[str, Any]:
    """What the goal would have counted: visitors, visits and the pages, with the sentence if it cannot be asked."""
    now, locale = timezone.now(), reader_locale(request)
    period = Period.parse("7d", site.timezone, now)
    try:
        where = predicate(goal)
        total = ask(Query((site.pk,), period, ("visitors", "visits"), where=where), now=now).rows[0]
        pages = ask(Query((site.pk,), period, ("visitors",), ("page",), where=where, limit=TRIED), now=now).rows
    except TROUBLE as error:
        return {"failed": sentence(error)}
    return {
        "visitors": shown("visitors", total["visitors"], locale),
        "visits": shown("visits", total["visits"], locale),
        "pages": [(row["page"], shown("visitors", row["visitors"], locale)) for row in pages],
    }


@require_POST
@login_required
def goal_remove(request: HttpRequest, site_id: int, goal_id: int) -> HttpResponse:
    """Forget a goal; what happened stays."""
    site = site_for(request, site_id, "edit")
    goal = site.goals.filter(pk=goal_id).first()
    if goal is None:
        raise Http404("No such goal.")
    goal_delete(goal=goal)
    messages.success(request, f"Goal “{goal.name}” is gone; its events stay.", extra_tags="good")
    return HttpResponseRedirect(f"/sites/{site_id}/goals")
