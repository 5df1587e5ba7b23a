"""The middleware that makes a written link work at once."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from links.routing import link_cache


class ServedLinksMiddleware:
    """Delays the response of a request that wrote links until the redirector serves them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        link_cache.forget_writes()
        response = self.get_response(request)
        link_cache.wait_for_writes()
        return response
