"""What happens when a form needs the user to confirm who they are."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.core.exceptions import ReauthenticationRequired
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect


class ReauthenticationMiddleware:
    """Redirects to the confirmation, and from there to the page of the form, which is empty again.

    allauth's own middleware would store the whole request in the session, with the cookie, to repeat it: then the
    table of sessions would hold keys that log in (`accounts.security.sessions`).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Respond to ReauthenticationRequired; None leaves any other exception to others."""
        if not isinstance(exception, ReauthenticationRequired) or not request.user.is_authenticated:
            return None
        ways = get_adapter().get_reauthentication_methods(request.user)
        return HttpResponseRedirect(f"{ways[0]['url']}?{urlencode({'next': request.path})}") if ways else None
