"""Middleware of sign-in: confirmations before changes of it, and sessions that end when they are not used."""

from __future__ import annotations

import logging
from collections.abc import Callable
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.core.exceptions import ReauthenticationRequired
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.db import OperationalError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone as clock

from accounts.models import User
from accounts.security.sessions import hash_session_key
from accounts.services.sessions import session_prolong
from accounts.sso.rules import SSO_ACCOUNT


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
        ways = [way["url"] for way in get_adapter().get_reauthentication_methods(request.user)]
        address = next(iter([*ways, *list_provider_pages(request.user)]), "")
        return HttpResponseRedirect(f"{address}?{urlencode({'next': request.path})}") if address else None


def list_provider_pages(user: User | AnonymousUser) -> list[str]:
    """List the pages on which somebody without a password confirms who they are: by a new log-in at their provider."""
    identities = SocialAccount.objects.filter(user=user).order_by("-last_login")
    return [reverse("sso_continue", args=[provider]) for provider in identities.values_list("provider", flat=True)]


log = logging.getLogger(__name__)
ACTIVITY_SECONDS = 300  # a session is prolonged this often, so that not every request writes


def note_activity(request: HttpRequest) -> bool:
    """Note that the session is used; return False if that was noted less than ACTIVITY_SECONDS ago."""
    return bool(cache.add(name_activity(request), 1, ACTIVITY_SECONDS))


def forget_activity(request: HttpRequest) -> None:
    """Let the session's next request note its activity."""
    cache.delete(name_activity(request))


def name_activity(request: HttpRequest) -> str:
    """Name the entry of the session's activity in the cache."""
    return f"session-active:{hash_session_key(request.session.session_key or '')}"


class SessionActivityMiddleware:
    """Prolongs sessions that are used; requests that do not read their session are ignored."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        is_logged_in = request.session.accessed and request.session.get(SESSION_KEY)
        if is_logged_in and isinstance(request.user, User) and note_activity(request):
            prolong_session(request, request.user)
        return response


def prolong_session(request: HttpRequest, user: User) -> None:
    """Prolong the session. While the database accepts no writes the page is answered all the same."""
    try:
        with transaction.atomic():
            session_prolong(request=request, user=user, now=clock.now())
    except OperationalError as error:
        log.warning("A session was not prolonged, its next request tries again: %s", error)
        forget_activity(request)


class SsoSessionMiddleware:
    """Notes on `request.user` through which account's provider they logged in. Only requests with a session cookie are
    looked at, so that others do not depend on it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        account_id = settings.SESSION_COOKIE_NAME in request.COOKIES and request.session.get(SSO_ACCOUNT)
        if account_id and isinstance(request.user, User):
            setattr(request.user, SSO_ACCOUNT, account_id)
        return self.get_response(request)
