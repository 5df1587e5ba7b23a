"""Funnels: the list, one funnel's report with its drop-off, and the form that makes one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.forms import add_mistakes
from goals.funnels import MOST, funnel_delete, funnel_save, step_filter
from goals.models import Funnel
from reports.engine.funnels import funnel as counted
from reports.pages.frame import bar, site_page
from reports.pages.funnel_forms import FunnelForm
from reports.pages.numbers import Shown, shown
from reports.pages.parts import TROUBLE, sentence
from reports.pages.segments import may_edit
from reports.pages.state import State
from sites.access import site_for
from sites.models import Site


@dataclass(frozen=True)
class Step:
    """One step of a report. `share`: percent of the first step; `kept`: percent of the step before."""

    number: int
    name: str
    visitors: Shown
    share: str
    kept: str
    lost: Shown
    lost_percent: str
    width: str


def funnel_of(site: Site, number: int) -> Funnel:
    found = site.funnels.filter(pk=number).first()
    if found is None:
        raise Http404("No such funnel.")
    return found


def names(funnel: Funnel) -> list[str]:
    """What the steps are called."""
    goals = dict(funnel.site.goals.values_list("pk", "name"))
    return [goals.get(step["goal"], "a goal that is gone") if "goal" in step else step["page"] for step in funnel.steps]


def asked(state: State, funnel: Funnel) -> list[int]:
    """Visitors at each step. Raises what the engine raises."""
    steps = [step_filter(step) for step in funnel.steps]
    return counted(state.site.pk, state.period, steps, strict=funnel.strict, where=state.where(), now=state.now)


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%" if whole else "–"


def steps_of(state: State, funnel: Funnel) -> list[Step]:
    reached = asked(state, funnel)
    first, found = reached[0], []
    for index, (name, visitors) in enumerate(zip(names(funnel), reached, strict=True)):
        before = reached[index - 1] if index else visitors
        found.append(
            Step(
                index + 1, name, shown("visitors", visitors, state.locale), percent(visitors, first),
                percent(visitors, before), shown("visitors", before - visitors, state.locale),
                percent(before - visitors, before), f"{100 * visitors / first:.2f}" if first else "0",
            )
        )  # fmt: skip
    return found


@site_page
def funnel_list(request: HttpRequest, state: State) -> HttpResponse:
    """Every funnel with how many began and how many came through."""
    context = {
        **bar(request, state),
        "no_compare": True,
        "section": "goals",
        "sub": "funnels",
        "may_edit": may_edit(request, state.site.pk),
    }
    funnels = list(state.site.funnels.select_related("site").order_by("name"))
    try:
        context["lines"] = [line(state, one) for one in funnels]
    except TROUBLE as error:
        context["failed"] = sentence(error)
    return render(request, "reports/funnels.html", {**context, "funnels": funnels})


def line(state: State, funnel: Funnel) -> dict[str, Any]:
    address = state.href(f"/sites/{state.site.pk}/funnels/{funnel.pk}")
    found: dict[str, Any] = {"funnel": funnel, "steps": names(funnel), "href": address}
    try:
        reached = asked(state, funnel)
    except TROUBLE as error:
        return {**found, "failed": sentence(error)}
    found["began"] = shown("visitors", reached[0], state.locale)
    found["through"] = shown("visitors", reached[-1], state.locale)
    return {**found, "rate": percent(reached[-1], reached[0])}


@site_page
def funnel_report(request: HttpRequest, state: State, funnel_id: int) -> HttpResponse:
    """One funnel, step by step."""
    funnel = funnel_of(state.site, funnel_id)
    context = {
        **bar(request, state), "no_compare": True, "section": "goals", "sub": "funnels", "funnel": funnel,
        "may_edit": may_edit(request, state.site.pk),
        "back": state.href(f"/sites/{state.site.pk}/funnels"),
    }  # fmt: skip
    try:
        context["steps"] = steps = steps_of(state, funnel)
        context["through"] = steps[-1].share
        context["worst"] = worst(steps)
    except TROUBLE as error:
        context["failed"] = sentence(error)
    return render(request, "reports/funnel.html", context)


def worst(steps: list[Step]) -> Step | None:
    """The step before which the largest share was lost."""
    later = [step for step in steps[1:] if step.lost_percent != "–" and step.lost_percent != "0.0%"]
    return max(later, key=lambda step: float(step.lost_percent[:-1]), default=None)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def funnel_edit(request: HttpRequest, site_id: int, funnel_id: int = 0) -> HttpResponse:
    """Make or change a funnel. `?page=…` fills in steps, for whoever comes from a journey."""
    site = site_for(request, site_id, "edit")
    funnel = funnel_of(site, funnel_id) if funnel_id else None
    form = FunnelForm(request.POST or None, site, funnel, request.GET.getlist("page")[:MOST])
    if request.method == "POST" and form.is_valid():
        try:
            made = funnel_save(
                site=site, funnel=funnel, name=form.cleaned_data["name"], steps=form.steps(),
                strict=form.cleaned_data["strict"],
            )  # fmt: skip
            messages.success(request, f"Funnel “{made}” is saved.", extra_tags="good")
            return HttpResponseRedirect(f"/sites/{site_id}/funnels/{made.pk}")
        except ValidationError as error:
            add_mistakes(form, error)
    context = {"site": site, "funnel": funnel, "form": form, "section": "goals"}
    return render(request, "reports/funnel_form.html", context)


@require_POST
@login_required
def funnel_remove(request: HttpRequest, site_id: int, funnel_id: int) -> HttpResponse:
    """Forget a funnel."""
    funnel = funnel_of(site_for(request, site_id, "edit"), funnel_id)
    funnel_delete(funnel=funnel)
    messages.success(request, f"Funnel “{funnel}” is gone; what happened stays.", extra_tags="good")
    return HttpResponseRedirect(f"/sites/{site_id}/funnels")
