"""Heatmaps: the pages people click on, one page's picture of clicks and scroll reach, and what a site records."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from goals.querysets import goals_of
from reports.engine import heat
from reports.engine.refusal import QueryRefused
from reports.pages import heat_picture, people
from reports.pages.frame import bar, site_page
from reports.pages.heat_forms import HeatForm
from reports.pages.parts import TROUBLE, sentence
from reports.pages.segments import may_edit
from reports.pages.state import State
from sites import onsite
from sites.access import site_for
from sites.hosts import HostMatcher
from sites.models import Site
from sites.navigation import settings_context
from sites.services import site_update

HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?")
PAGE = 50
SHOWN_ELEMENTS = 25
WIDTHS = (("", "Every width"), ("phone", "Phones"), ("tablet", "Tablets"), ("desktop", "Desktops"))
KINDS = {"rage": "Rage: clicked again and again", "dead": "Dead: nothing happened"}


@site_page
def heatmap_list(request: HttpRequest, state: State) -> HttpResponse:
    """The pages with clicks in the period, the most clicked first."""
    offset = int(state.option("from", "0")) if state.option("from", "0").isdecimal() else 0
    context: dict[str, Any] = {
        **bar(request, state), "no_compare": True,
        "section": "heatmaps", "search": state.option("q"),
        "may_edit": may_edit(request, state.site.pk),
        "hidden_search": [pair for pair in state.pairs() if pair[0] not in ("q", "from")],
    }  # fmt: skip
    try:
        rows = heat.pages(asked(state, ""), state.option("q"), PAGE + 1, min(offset, 100_000))
    except TROUBLE as error:
        return render(request, "reports/heatmaps.html", {**context, "failed": sentence(error)})
    context["rows"] = [{**row, "href": one_page(state, row["path"])} for row in rows[:PAGE]]
    context["next"] = state.shown_with({"from": str(offset + PAGE)}).href() if len(rows) > PAGE else ""
    return render(request, "reports/heatmaps.html", context)


@site_page
def heatmap(request: HttpRequest, state: State) -> HttpResponse:
    """One page: its picture, its elements, and the visits whose clicks went wrong."""
    path = state.option("at", "/")
    context: dict[str, Any] = {
        **bar(request, state), "no_compare": True,
        "section": "heatmaps", "page": path, "outcome": state.option("outcome"),
        "back": state.shown_with({"at": "", "width": "", "outcome": ""}).href(f"/sites/{state.site.pk}/heatmaps"),
        "widths": [(label, state.shown_with({"width": name}).href(), name == state.option("width"))
                   for name, label in WIDTHS],
        "outcomes": outcomes(state.site),
        "hidden_outcome": [pair for pair in state.pairs() if pair[0] != "outcome"],
    }  # fmt: skip
    try:
        context |= picture(request, state, asked(state, path))
    except TROUBLE as error:
        context["failed"] = sentence(error)
    return render(request, "reports/heatmap.html", context)


def picture(request: HttpRequest, state: State, of: heat.Heat) -> dict[str, Any]:
    """What the store knows of the page, drawn."""
    totals, elements = heat.totals(of), heat.elements(of)
    most = max((int(row["clicks"]) for row in elements), default=1)
    zone = state.period.info
    return {
        "totals": totals,
        "drawing": heat_picture.draw(totals, heat.cells(of), heat.reach(of), of.width),
        "elements": [{**row, "share": f"{100 * row['clicks'] / most:.1f}"} for row in elements[:SHOWN_ELEMENTS]],
        "wrong": [
            {**row, "words": KINDS[row["kind"]], "name": people.nickname(row["visitor"]),
             "when": people.instant(row["at"]).astimezone(zone)}
            for row in heat.wrong(of)
        ],
        "overlay": overlay(request, state, heat.host(of)),
    }  # fmt: skip


def asked(state: State, path: str) -> heat.Heat:
    """The question of a state about a page ("" = all pages)."""
    width = state.option("width") if state.option("width") in heat.WIDTHS else ""
    where = state.where(*outcome_filter(state.option("outcome"))) or None
    return heat.heat(state.site.pk, state.period, path, where, width, now=state.now)


def outcome_filter(outcome: str) -> list[Any]:
    """Visits that reached a goal (`reached:3`) or did not (`missed:3`); nothing for nothing. Raises QueryRefused."""
    if not outcome:
        return []
    word, _, number = outcome.partition(":")
    if word not in ("reached", "missed") or not (number.isascii() and number.isdigit() and len(number) < 16):
        raise QueryRefused("The outcome of a visit is written reached:<goal> or missed:<goal>.", "outcome")
    reached = {"visited": {"goal": int(number)}}
    return [reached if word == "reached" else {"not": reached}]


def outcomes(site: Site) -> list[tuple[str, str]]:
    """What a visit may have come to, in words."""
    goals = [(goal.pk, goal.name) for goal in goals_of([site.pk]) if goal.active]
    return [
        (f"{word}:{number}", f"{label} “{name}”")
        for number, name in goals
        for word, label in (("reached", "Reached"), ("missed", "Did not reach"))
    ]


def one_page(state: State, path: str) -> str:
    return state.shown_with({"at": path, "q": "", "from": ""}).href(f"/sites/{state.site.pk}/heatmaps/page")


def overlay(request: HttpRequest, state: State, host: str) -> str:
    """The page itself with the word that lets it show its clicks; empty where it is no address.

    A stranger may have told us the host: only one that is the site's own gets the word.
    """
    site, path = state.site, state.option("at", "/")
    own = HostMatcher(site.domain, tuple(site.allowed_hosts), False)
    if not HOST.fullmatch(host) or not own.accepts_host(host):
        host = site.domain
    if not path.startswith("/"):
        return ""
    chosen = [pair for pair in state.pairs() if pair[0] not in ("at", "width", "compare", "q", "from")]
    words = urlencode([("period", state.text), *(pair for pair in chosen if pair[0] != "period")])
    word = onsite.token(site.pk, request.user.pk or 0)
    return f"{request.scheme}://{host}{quote(path, safe='/?&=%:+,;@!$*()~.-')}#_heatmap={word}&{words}"


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def heatmap_settings(request: HttpRequest, site_id: int) -> HttpResponse:
    """How many visitors are recorded, and on which pages nobody."""
    site = site_for(request, site_id, may="edit")
    form = HeatForm.of(site, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        site_update(site=site, tracker={**site.tracker, **form.chosen()})
        messages.success(request, "Saved. Pages learn it with the next view.")
        return redirect("heatmap-settings", site.pk)
    context = {**settings_context(request, site, "heatmaps"), "form": form}
    return render(request, "reports/heat_settings.html", context)
