"""What all pages of a site share: who may see it, what the URL asks for, and the bar above the numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from accounts.access import work_in
from goals.querysets import segments_seen_by
from reports.engine.refusal import QueryRefused
from reports.engine.registry import DIMENSIONS
from reports.pages.chips import OPERATOR_WORDS, chips
from reports.pages.sheet import online
from reports.pages.state import COMPARISONS, PERIODS, State, read_state
from sites.access import site_for
from sites.models import Site

Page = Callable[..., HttpResponse]


def site_page(view: Page) -> Page:
    """A page of one site, for those who may view it: `view(request, state, …)`. Nonsense in the URL is told."""

    @require_safe
    @login_required
    @wraps(view)
    def page(request: HttpRequest, site_id: int, *args: Any, **named: Any) -> HttpResponse:
        site = site_for(request, site_id)
        if not asked_for(request):
            work_in(request, site.account)
        try:
            state = read_state(request, site, timezone.now(), request.path)
            response = view(request, state, *args, **named)
        except QueryRefused as error:
            response = refused(request, site, error)
        patch_vary_headers(response, ["HX-Request", "HX-Target", "Cookie"])
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    return page


def refused(request: HttpRequest, site: Site, error: QueryRefused) -> HttpResponse:
    context = {"site": site, "sentence": error.sentence, "clean": request.path}
    return render(request, "reports/refused.html", context, status=400)


def asked_for(request: HttpRequest) -> str:
    """The id of the part htmx wants; empty for a whole page."""
    htmx = getattr(request, "htmx", None)
    return str(htmx.target or "") if htmx and not htmx.history_restore_request else ""


def bar(request: HttpRequest, state: State, live: bool = True) -> dict[str, Any]:
    """Context of the bar: who is here now, chips, segments, period, comparison. Not `live`: that number comes later."""
    return {**plain_bar(state, live), "chips": chips(state, request.user), "segments": segments_of(request, state)}


def plain_bar(state: State, live: bool = True) -> dict[str, Any]:
    """What of the bar does not depend on who looks."""
    return {
        "site": state.site,
        "state": state,
        "online": online(state) if live else None,
        "chips": chips(state, None),
        "clear": state.cleared().href(),
        "periods": [(label, state.in_period(name).href(), name == state.text, key) for name, label, key in PERIODS],
        "comparisons": comparisons(state),
        "filters": [
            row
            for row in DIMENSIONS.values()
            if row.audience == "site" and row.family in ("visit", "entry", "event") and row.breakdown
        ],
        "operators": OPERATOR_WORDS.items(),
        "hidden": [pair for pair in state.pairs() if pair[0] not in ("period", "from")],
        "kept": [pair for pair in state.pairs() if pair[0] != "compare"],
        "earlier": state.moved(-1).href() if state.text != "all" else "",
        "later": state.moved(1).href() if state.period.end <= state.now else "",
    }


def comparisons(state: State) -> list[tuple[str, str, bool]]:
    return [(label, replace(state, comparison=name).href(), name == state.comparison) for name, label in COMPARISONS]


def segments_of(request: HttpRequest, state: State) -> list[tuple[Any, str, bool]]:
    return [
        (one, replace(state, segment=one.pk).href(), one.pk == state.segment)
        for one in segments_seen_by(state.site, request.user)
    ]
