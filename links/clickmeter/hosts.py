"""Hosts that serve only the ClickMeter API: names that begin with `apiv2.`, and those listed by the operator."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from accounts.custom_domains.reserved import is_api_host
from accounts.host_names import normalize_host


class ClickmeterHosts:
    """Middleware that serves only the API's URLs on such a host."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if is_api_host(normalize_host(request.META.get("HTTP_HOST", ""))):
            request.urlconf = "links.clickmeter.urls"
        return self.get_response(request)
