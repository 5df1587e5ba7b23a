"""Funnels: the list, the report of one funnel with its drop-off, and the form that edits one."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from accounts.forms import add_errors
from goals.models import Funnel
from goals.predicates import build_step_filter
from goals.services import MAX_STEPS, funnel_delete, funnel_save
from reports.dashboard.fragments import QUERY_ERRORS, describe_error
from reports.dashboard.goals.forms import FunnelForm
from reports.dashboard.presenters.toolbar import build_toolbar
from reports.dashboard.report_page import site_page
from reports.dashboard.scope import Context
from reports.dashboard.state import ReportState
from reports.formatting import NO_VALUE, FormattedValue, format_metric, format_percent
from reports.query.analyses.funnels import count_funnel as query_funnel
from sites.models import Site
from sites.selectors import get_site_or_404, may_on_site


@dataclass(frozen=True, kw_only=True)
class FunnelStep:
    """One step of a report. `share`: percent of the first step; `continued`: percent of the step before."""

    number: int
    name: str
    visitors: FormattedValue
    share: str
    continued: str
    lost: FormattedValue
    lost_percent: str
    width: str


def find_funnel(site: Site, funnel_id: int) -> Funnel:
    """Return a funnel of the site. Raises Http404 if it has none of that id."""
    funnel = site.funnels.filter(pk=funnel_id).first()
    if funnel is None:
        raise Http404("No such funnel.")
    return funnel


def list_step_names(funnel: Funnel) -> list[str]:
    """Return the names of the steps: of goals their name, of pages their path."""
    goals = dict(funnel.site.goals.values_list("pk", "name"))
    return [goals.get(step["goal"], "a deleted goal") if "goal" in step else step["page"] for step in funnel.steps]


def count_visitors(state: ReportState, funnel: Funnel) -> list[int]:
    """Return the visitors who reached each step. Raises QueryRefused, StoreError."""
    steps = [build_step_filter(step) for step in funnel.steps]
    where = state.build_filter()
    return query_funnel(state.site.pk, state.period, steps, strict=funnel.strict, where=where, now=state.now)


def build_steps(state: ReportState, funnel: Funnel) -> list[FunnelStep]:
    """Return the steps of the report. Raises QueryRefused, StoreError."""
    counts = count_visitors(state, funnel)
    first, steps = counts[0], []
    for index, (name, visitors) in enumerate(zip(list_step_names(funnel), counts, strict=True)):
        before = counts[index - 1] if index else visitors
        steps.append(
            FunnelStep(
                number=index + 1,
                name=name,
                visitors=format_metric("visitors", visitors, state.locale),
                share=format_percent(visitors, first),
                continued=format_percent(visitors, before),
                lost=format_metric("visitors", before - visitors, state.locale),
                lost_percent=format_percent(before - visitors, before),
                width=f"{100 * visitors / first:.2f}" if first else "0",
            )
        )
    return steps


@site_page
def funnel_list(request: HttpRequest, state: ReportState) -> HttpResponse:
    """Display all funnels, each with how many visitors began and completed it."""
    rows = list(state.site.funnels.select_related("site").order_by("name"))
    context = {
        **build_toolbar(request, state),
        "without_comparison": True,
        "section": "goals",
        "sub": "funnels",
        "may_edit": may_on_site(request.user, state.site, "edit"),
        "funnels": rows,
        "lines": [build_row(state, funnel) for funnel in rows],
    }
    return render(request, "goals/funnels.html", context)


def build_row(state: ReportState, funnel: Funnel) -> Context:
    """Return the row of a funnel in the list; with a reason instead of numbers where it cannot be queried."""
    address = state.href(reverse("dashboard:funnel", args=[state.site.pk, funnel.pk]))
    row: Context = {"funnel": funnel, "steps": list_step_names(funnel), "href": address}
    try:
        counts = count_visitors(state, funnel)
    except QUERY_ERRORS as error:
        return {**row, "failed": describe_error(error)}
    row["began"] = format_metric("visitors", counts[0], state.locale)
    row["completed"] = format_metric("visitors", counts[-1], state.locale)
    return {**row, "rate": format_percent(counts[-1], counts[0])}


@site_page
def funnel_report(request: HttpRequest, state: ReportState, funnel_id: int) -> HttpResponse:
    """Display one funnel, step by step."""
    funnel = find_funnel(state.site, funnel_id)
    context = {
        **build_toolbar(request, state), "without_comparison": True, "section": "goals", "sub": "funnels",
        "funnel": funnel,
        "may_edit": may_on_site(request.user, state.site, "edit"),
        "back": state.href(reverse("dashboard:funnels", args=[state.site.pk])),
    }  # fmt: skip
    try:
        context["steps"] = steps = build_steps(state, funnel)
        context["completion_rate"] = steps[-1].share
        context["largest_drop_off"] = find_largest_drop_off(steps)
    except QUERY_ERRORS as error:
        context["failed"] = describe_error(error)
    return render(request, "goals/funnel.html", context)


def find_largest_drop_off(steps: list[FunnelStep]) -> FunnelStep | None:
    """Return the step before which the largest share was lost; None where nobody was."""
    lossy = [step for step in steps[1:] if step.lost_percent not in (NO_VALUE, "0.0%")]
    return max(lossy, key=lambda step: float(step.lost_percent[:-1]), default=None)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def funnel_edit(request: HttpRequest, site_id: int, funnel_id: int = 0) -> HttpResponse:
    """Create or change a funnel. `?page=…` fills in steps, for links from a journey."""
    site = get_site_or_404(request, site_id, "edit")
    funnel = find_funnel(site, funnel_id) if funnel_id else None
    form = FunnelForm(request.POST or None, site, funnel, request.GET.getlist("page")[:MAX_STEPS])
    if request.method == "POST" and form.is_valid():
        try:
            saved = funnel_save(
                site=site, funnel=funnel, name=form.cleaned_data["name"], steps=form.steps(),
                strict=form.cleaned_data["strict"],
            )  # fmt: skip
            messages.success(request, f"Funnel “{saved}” is saved.", extra_tags="good")
            return redirect("dashboard:funnel", site_id, saved.pk)
        except ValidationError as error:
            add_errors(form, error)
    context = {"site": site, "funnel": funnel, "form": form, "section": "goals"}
    return render(request, "goals/funnel_form.html", context)


@require_POST
@login_required
def funnel_remove(request: HttpRequest, site_id: int, funnel_id: int) -> HttpResponse:
    """Delete a funnel; its events are not changed."""
    funnel = find_funnel(get_site_or_404(request, site_id, "edit"), funnel_id)
    funnel_delete(funnel=funnel)
    messages.success(request, f"Funnel “{funnel}” was deleted; its events were kept.", extra_tags="good")
    return redirect("dashboard:funnels", site_id)
