"""What every Django request has to do with links."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from links import known


class ServedLinksMiddleware:
    """Answers a request that wrote about links when the redirector knows it, so that a new link works at once."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        known.forget_writes()
        response = self.get_response(request)
        known.wait_for_writes()
        return response
