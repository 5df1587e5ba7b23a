"""What all pages of a report share: the scope and the state of the URL, caching headers, and htmx requests."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.permissions import switch_account
from reports.dashboard.scope import ReportScope
from reports.dashboard.state import read_state
from reports.query.errors import QueryRefused
from sites.selectors import get_site_or_404

View = Callable[..., HttpResponse]


def report_page(read_scope: Callable[..., ReportScope], *url_names: str, login: bool = True) -> Callable[[View], View]:
    """Return the decorator that makes `view(request, state, …)` a page of the scope that `read_scope` finds.

    `url_names`: the parts of the address that `read_scope` takes; the view takes the others.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def page(request: HttpRequest, **kwargs: object) -> HttpResponse:
            scope = read_scope(request, *(kwargs.pop(name) for name in url_names))
            return serve_page(request, scope, view, request.path, **kwargs)

        return require_safe(login_required(page) if login else page)

    return decorate


def serve_page(request: HttpRequest, scope: ReportScope, view: View, path: str, **kwargs: object) -> HttpResponse:
    """Return the response of `view` to the state of the URL; 400 and the reason for a URL that makes no sense.

    `path`: the address that the page's links to itself have.
    """
    try:
        response = view(request, read_state(request, scope, timezone.now(), path), **kwargs)
    except QueryRefused as error:
        context = {**scope.build_context(), "sentence": error.sentence, "reset_url": path}
        response = render(request, scope.templates["invalid_query"], context, status=400)
    return scope.set_headers(response)


def read_site_scope(request: HttpRequest, site_id: int) -> ReportScope:
    """Return the scope of one site for those who may view it; a page of it makes its account the current one."""
    site = get_site_or_404(request, site_id)
    if not get_htmx_target(request):
        switch_account(request, site.account)
    return ReportScope(site=site)


site_page = report_page(read_site_scope, "site_id")


def get_htmx_target(request: HttpRequest) -> str:
    """Return the id of the element that htmx replaces with the response; empty where a complete page is requested."""
    htmx = getattr(request, "htmx", None)
    return str(htmx.target or "") if htmx and not htmx.history_restore_request else ""
