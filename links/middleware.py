"""Middleware: a written link works at once, and some hosts serve only the ClickMeter API."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from accounts.host_names import is_api_host, normalize_host
from links.routing import link_cache


class LinksMiddleware:
    """Serves only the ClickMeter API on hosts named `apiv2.*` and on those that the operator listed. Delays the
    response of a request that wrote links until the redirector serves them.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if is_api_host(normalize_host(request.META.get("HTTP_HOST", ""))):
            request.urlconf = "links.clickmeter.urls"
        response = self.get_response(request)
        link_cache.wait_for_writes()
        return response
