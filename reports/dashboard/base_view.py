"""What all pages of a site share: access, the state of the URL, caching headers, and htmx requests."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from accounts.permissions import switch_account
from reports.dashboard.state import read_state
from reports.query.errors import QueryRefused
from sites.access import site_for

View = Callable[..., HttpResponse]


def site_page(view: View) -> View:
    """Make `view(request, state, …)` a page of one site for members who may view it.

    A URL that makes no sense is answered with 400 and the reason.
    """

    @require_safe
    @login_required
    @wraps(view)
    def page(request: HttpRequest, site_id: int, *args: Any, **kwargs: Any) -> HttpResponse:
        site = site_for(request, site_id)
        if not htmx_target(request):
            switch_account(request, site.account)
        try:
            state = read_state(request, site, timezone.now(), request.path)
            response = view(request, state, *args, **kwargs)
        except QueryRefused as error:
            context = {"site": site, "sentence": error.sentence, "clean": request.path}
            response = render(request, "reports/refused.html", context, status=400)
        return set_private(response)

    return page


def set_private(response: HttpResponse) -> HttpResponse:
    """Set the headers of a page that depends on the reader and on what htmx requests."""
    patch_vary_headers(response, ["HX-Request", "HX-Target", "Cookie"])
    response.headers.setdefault("Cache-Control", "private, no-store")
    return response


def htmx_target(request: HttpRequest) -> str:
    """Return the id of the element that htmx replaces with the response; empty where a complete page is requested."""
    htmx = getattr(request, "htmx", None)
    return str(htmx.target or "") if htmx and not htmx.history_restore_request else ""
