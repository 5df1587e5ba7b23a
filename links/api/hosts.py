"""Hosts that speak only ClickMeter: every name that begins with `apiv2.`, and those the operator listed."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from accounts.custom_domains.reserved import is_api_host
from accounts.host_names import host_name


class ClickmeterHosts:
    """Middleware: on such a host the API's addresses are the only ones."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if is_api_host(host_name(request.META.get("HTTP_HOST", ""))):
            request.urlconf = "links.api.urls"
        return self.get_response(request)
