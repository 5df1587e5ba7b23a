"""Many sites as one: the same sheet, asked of all one may see, or of those chosen (`?only=101000001&only=…`)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from reports.engine import Query, Result
from reports.engine.query import MOST_SITES
from reports.engine.refusal import QueryRefused
from reports.pages.explain import explanation
from reports.pages.frame import asked_for, plain_bar
from reports.pages.layouts import one_panel, part_of, sheet_of
from reports.pages.numbers import Shown, shown
from reports.pages.parts import Part
from reports.pages.picture import picture
from reports.pages.sheet import share_text
from reports.pages.state import State, read_state
from reports.panels import PANELS, Panel
from sites.access import sites_of
from sites.models import Site

ROOT = "/sites/all"
BY_SITE = ("visitors", "visits", "views")
MOST_LISTED = 200
NUMBER = re.compile(r"[1-9][0-9]{0,17}")


def panels_of_many() -> dict[str, Panel]:
    """The overview's panels, with hosts before pages: the same path means another page on another site."""
    pages = PANELS["pages"]
    tabs = sorted(pages.tabs, key=lambda tab: tab.name != "hosts")
    return {**PANELS, "pages": replace(pages, tabs=tuple(tabs))}


def many(request: HttpRequest) -> tuple[list[Site], list[Site]]:
    """(the sites asked about, all one may choose from). Http404 for a chosen one that one may not see.

    Both are the first MOST_SITES by name; those chosen may be any others.
    """
    visible = sites_of(request.user)
    mine, chosen = list(visible[:MOST_SITES]), set(request.GET.getlist("only"))
    found = [site for site in mine if str(site.pk) in chosen]
    others = [text for text in chosen - {str(site.pk) for site in found} if NUMBER.fullmatch(text)]
    found += visible.filter(pk__in=sorted(map(int, others))[:MOST_SITES]) if others else []
    if len(found) != len(chosen):
        raise Http404("No such site.")
    return found[:MOST_SITES] or mine, mine


def state_of_many(request: HttpRequest, sites: list[Site]) -> State:
    """The state of the URL for these sites. Their days are those of the zone most of them keep."""
    zone = Counter(site.timezone for site in sites).most_common(1)[0][0]
    lead = next(site for site in sites if site.timezone == zone)
    state = read_state(request, lead, timezone.now(), ROOT, among=tuple(site.pk for site in sites))
    return replace(state, segment=0, root=ROOT, picked=bool(request.GET.getlist("only")))


def answered(response: HttpResponse) -> HttpResponse:
    patch_vary_headers(response, ["HX-Request", "HX-Target", "Cookie"])
    response.headers.setdefault("Cache-Control", "private, no-store")
    return response


def refused(request: HttpRequest, error: QueryRefused) -> HttpResponse:
    return render(request, "reports/refused.html", {"sentence": error.sentence, "clean": ROOT}, status=400)


def bar_of_many(state: State, sites: list[Site], mine: list[Site], live: bool = True) -> dict[str, Any]:
    """Context of the bar: which sites, and without segments, which belong to one site."""
    chosen = set(state.among) if state.picked else set()
    zones = {site.timezone for site in sites}
    return {
        **plain_bar(state, live), "site": None, "shared": True, "section": "sites", "title": "All sites",
        "asked": sites,
        "choice": [(site, site.pk in chosen) for site in mine], "most": MOST_SITES * (len(mine) >= MOST_SITES),
        "other_zones": len(zones) - 1,
        "hidden_choice": [pair for pair in state.pairs() if pair[0] != "only"],
    }  # fmt: skip


@require_safe
@login_required
def rollup(request: HttpRequest) -> HttpResponse:
    """The sheet of many sites; only the sheet or a panel where htmx asks for that."""
    sites, mine = many(request)
    if not sites:
        return HttpResponseRedirect("/sites")
    try:
        state = state_of_many(request, sites)
        registry, beside = panels_of_many(), {"by_site": by_site_part(state, sites)}
        if (part := part_of(request, state, "overview", registry, beside, shared=True)) is not None:
            return answered(part)
        bar = bar_of_many(state, sites, mine, live=False)
        context = {**bar, **sheet_of(request, state, "overview", registry, beside)}
    except QueryRefused as error:
        return answered(refused(request, error))
    whole = asked_for(request) != "sheet"
    return answered(render(request, "reports/rollup.html" if whole else "reports/_rollup.html", context))


@require_safe
@login_required
def rollup_panel(request: HttpRequest, name: str, tab: str) -> HttpResponse:
    """One of its panels."""
    sites, mine = many(request)
    if not sites:
        raise Http404("No sites.")
    try:
        state = state_of_many(request, sites)
        part = one_panel(state, name, tab, asked_for(request), panels_of_many())
    except QueryRefused as error:
        return answered(refused(request, error))
    if asked_for(request):
        return answered(render(request, "reports/_panel.html", {"panel": part}))
    return answered(render(request, "reports/panel.html", {**bar_of_many(state, sites, mine), "panel": part}))


def of_many(page: Callable[[HttpRequest, State], HttpResponse]) -> Callable[..., HttpResponse]:
    """A page that any state can have, for many sites."""

    @require_safe
    @login_required
    @wraps(page)
    def view(request: HttpRequest) -> HttpResponse:
        sites, _ = many(request)
        if not sites:
            raise Http404("No sites.")
        try:
            return answered(page(request, state_of_many(request, sites)))
        except QueryRefused as error:
            return answered(refused(request, error))

    return view


@of_many
def rollup_explain(request: HttpRequest, state: State) -> HttpResponse:
    """Where a number of many sites comes from."""
    return explanation(request, state)


@of_many
def rollup_picture(request: HttpRequest, state: State) -> HttpResponse:
    """The graph of many sites as a file."""
    return picture(request, state, f"{len(state.among)} site{'s' if len(state.among) > 1 else ''}")


@dataclass(frozen=True)
class Share:
    """One site's part of the whole."""

    site: Site
    href: str
    cells: list[Shown]
    share: str  # of the largest, 0 to 100
    percent: str


@dataclass(frozen=True)
class Shares:
    """The table of sites, or the sentence why there is none."""

    rows: list[Share] = field(default_factory=list)
    failed: str = ""


def by_site_part(state: State, sites: list[Site]) -> Part[Shares]:
    """The table of sites, the most visited first: one question for all of them."""

    def questions() -> list[Query]:
        return [state.query(BY_SITE, ("site",), limit=MOST_LISTED, compare=state.compare)]

    return Part(questions, lambda answers: shares(state, sites, answers[0]), lambda why: Shares(failed=why))


def shares(state: State, sites: list[Site], result: Result) -> Shares:
    before = result.comparison if isinstance(result.comparison, list) else []
    told = {str(row["site"]): (row, before[index] if before else {}) for index, row in enumerate(result.rows)}
    largest = max((row["visitors"] or 0 for row in result.rows), default=0) or 1
    whole = sum(row["visitors"] or 0 for row in result.rows)
    found = []
    for site in sites:
        row, old = told.get(str(site.pk), ({}, {}))
        visitors = row.get("visitors") or 0
        cells = [shown(name, row.get(name) or 0, state.locale, old.get(name)) for name in BY_SITE]
        alone = replace(state, root="", among=(), picked=False).shown_with({"of": ""}).href(f"/sites/{site.pk}/")
        found.append((visitors, Share(site, alone, cells, f"{visitors / largest * 100:.1f}",
                                      share_text(visitors / whole * 100 if whole else None))))  # fmt: skip
    found.sort(key=lambda pair: -pair[0])
    return Shares([share for _, share in found[:MOST_LISTED]])
