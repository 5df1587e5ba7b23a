"""Goals: the list with their numbers, and the form that edits one and tries it on the visits of the last week."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from goals.models import Goal
from goals.predicates import build_predicate
from goals.services import goal_create, goal_delete, goal_update
from reports.dashboard.fragments import QUERY_ERRORS, describe_error
from reports.dashboard.goals.forms import GoalForm
from reports.dashboard.presenters.toolbar import build_toolbar
from reports.dashboard.report_page import site_page
from reports.dashboard.scope import Context
from reports.dashboard.state import ReportState
from reports.formatting import FormattedValue, format_metric
from reports.labels import detect_locale
from reports.query import Period, Query, ask
from sites.models import Site
from sites.selectors import get_site_or_404, may_on_site

GOAL_METRICS = ("visitors", "conversions", "conversion_rate", "revenue")
MAX_TRIAL_PAGES = 10


@dataclass(frozen=True)
class GoalSummary:
    """A goal of the list with its numbers; no numbers where it is inactive."""

    goal: Goal
    cells: list[FormattedValue]
    href: str


def find_goal(site: Site, goal_id: int) -> Goal:
    """Return a goal of the site. Raises Http404 if it has none of that id."""
    goal = site.goals.filter(pk=goal_id).first()
    if goal is None:
        raise Http404("No such goal.")
    return goal


@site_page
def goal_list(request: HttpRequest, state: ReportState) -> HttpResponse:
    """Display all goals with their numbers in the period."""
    rows = list(state.site.goals.order_by("name"))
    context = {
        **build_toolbar(request, state), "section": "goals", "may_edit": may_on_site(request.user, state.site, "edit"),
        "goals": rows,
    }  # fmt: skip
    try:
        context["lines"] = [build_row(state, goal) for goal in rows]
    except QUERY_ERRORS as error:
        context["failed"] = describe_error(error)
    return render(request, "goals/goals.html", context)


def build_row(state: ReportState, goal: Goal) -> GoalSummary:
    """Query and format the numbers of a goal. Raises QueryRefused, StoreError."""
    if not goal.active:
        return GoalSummary(goal, [], "")
    query = state.build_query(GOAL_METRICS, compare=state.compare, extra_filters=({"goal": goal.pk},))
    result = ask(query, now=state.now)
    row, before = result.rows[0], result.comparison if isinstance(result.comparison, dict) else {}
    currency = result.meta.currency
    cells = [format_metric(name, row.get(name), state.locale, before.get(name), currency) for name in GOAL_METRICS]
    return GoalSummary(goal, cells, state.href(reverse("dashboard:goal-report", args=[state.site.pk, goal.pk])))


@require_http_methods(["GET", "POST"])
@login_required
def goal_edit(request: HttpRequest, site_id: int, goal_id: int = 0) -> HttpResponse:
    """Create or change a goal. "Try it" displays what it would have counted in the last seven days."""
    site = get_site_or_404(request, site_id, "edit")
    goal = find_goal(site, goal_id) if goal_id else None
    form = GoalForm(request.POST or None, instance=goal)
    context: Context = {"site": site, "goal": goal, "form": form, "section": "goals"}
    if request.method == "POST" and form.is_valid():
        if "try" in request.POST:
            context["trial"] = run_trial(request, site, form.build_draft(site))
        elif save_goal(site, goal, form):
            messages.success(request, f"Goal “{form.cleaned_data['name']}” is saved.", extra_tags="good")
            return redirect("dashboard:goals", site_id)
    return render(request, "goals/goal_form.html", context)


def save_goal(site: Site, goal: Goal | None, form: GoalForm) -> bool:
    """Create or update the goal and return whether it is valid; if not, the errors are added to the form."""
    fields = dict(form.cleaned_data)
    try:
        if goal is None:
            goal_create(site=site, **fields)
        else:
            goal_update(goal=goal, **fields)
    except ValidationError as error:
        for name, sentences in error.message_dict.items():
            form.add_error(name if name in form.fields else None, sentences)
        return False
    return True


def run_trial(request: HttpRequest, site: Site, goal: Goal) -> Context:
    """Return what the goal would have counted: visitors, visits and pages, or the reason why that is unknown."""
    now, locale = timezone.now(), detect_locale(request)
    period, sites = Period.parse("7d", site.timezone, now), (site.pk,)
    try:
        where = build_predicate(goal)
        total = ask(Query(sites=sites, period=period, metrics=("visitors", "visits"), where=where), now=now).rows[0]
        pages = ask(
            Query(
                sites=sites,
                period=period,
                metrics=("visitors",),
                dimensions=("page",),
                where=where,
                limit=MAX_TRIAL_PAGES,
            ),
            now=now,
        ).rows
    except QUERY_ERRORS as error:
        return {"failed": describe_error(error)}
    return {
        "visitors": format_metric("visitors", total["visitors"], locale),
        "visits": format_metric("visits", total["visits"], locale),
        "pages": [(row["page"], format_metric("visitors", row["visitors"], locale)) for row in pages],
    }


@require_POST
@login_required
def goal_remove(request: HttpRequest, site_id: int, goal_id: int) -> HttpResponse:
    """Delete a goal; its events are not changed."""
    goal = find_goal(get_site_or_404(request, site_id, "edit"), goal_id)
    goal_delete(goal=goal)
    messages.success(request, f"Goal “{goal.name}” was deleted; its events were kept.", extra_tags="good")
    return redirect("dashboard:goals", site_id)
