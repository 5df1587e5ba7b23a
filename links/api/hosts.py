"""Hosts that speak only ClickMeter: every name that begins with `apiv2.`, and those the operator listed."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from sites.hosts import host_name


def is_clickmeter(host: str) -> bool:
    """Whether the root of this host is the API's."""
    name = host_name(host)
    return name.startswith("apiv2.") or name in {host_name(one) for one in settings.CLICKMETER_HOSTS}


class ClickmeterHosts:
    """Middleware: on such a host the API's addresses are the only ones."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if is_clickmeter(request.META.get("HTTP_HOST", "")):
            request.urlconf = "links.api.urls"
        return self.get_response(request)
