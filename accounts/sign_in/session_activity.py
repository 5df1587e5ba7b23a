"""What middleware does for sign-in: sessions end when they are not used, changes of it are confirmed, and a user knows
through which account's provider they came."""

from __future__ import annotations

import logging

from django.contrib.auth import SESSION_KEY
from django.core.cache import caches
from django.db import OperationalError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone as clock

from accounts.models import User
from accounts.security.rate_limits import REQUEST_CACHE_NAME
from accounts.security.sessions import hash_session_key
from accounts.services.sessions import session_prolong
from accounts.sign_in.confirmation import build_confirmation_url
from accounts.sso.rules import SSO_ACCOUNT


def redirect_to_confirmation(request: HttpRequest) -> HttpResponse | None:
    """Redirect to the confirmation, and from there to the page of the form, which is empty again; None for somebody who
    is not logged in.

    allauth's own middleware would store the whole request in the session, with the cookie, to repeat it: then the
    table of sessions would hold keys that log in (`accounts.security.sessions`).
    """
    return (
        HttpResponseRedirect(build_confirmation_url(request, request.path)) if request.user.is_authenticated else None
    )


def note_provider_account(request: HttpRequest) -> None:
    """Note on `request.user` through which account's provider they logged in."""
    account_id = request.session.get(SSO_ACCOUNT)
    if account_id and isinstance(request.user, User):
        setattr(request.user, SSO_ACCOUNT, account_id)


log = logging.getLogger(__name__)
ACTIVITY_SECONDS = 300  # a session is prolonged this often, so that not every request writes


def note_activity(request: HttpRequest) -> bool:
    """Note that the session is used; return False if that was noted less than ACTIVITY_SECONDS ago."""
    return bool(caches[REQUEST_CACHE_NAME].add(name_activity(request), 1, ACTIVITY_SECONDS))


def forget_activity(request: HttpRequest) -> None:
    """Let the session's next request note its activity."""
    caches[REQUEST_CACHE_NAME].delete(name_activity(request))


def name_activity(request: HttpRequest) -> str:
    """Name the entry of the session's activity in the cache."""
    return f"session-active:{hash_session_key(request.session.session_key or '')}"


def prolong_used_session(request: HttpRequest) -> None:
    """Prolong the session that the request has used, if it is a person's."""
    if request.session.get(SESSION_KEY) and isinstance(request.user, User) and note_activity(request):
        prolong_session(request, request.user)


def prolong_session(request: HttpRequest, user: User) -> None:
    """Prolong the session. While the database accepts no writes the page is answered all the same."""
    try:
        with transaction.atomic():
            session_prolong(request=request, user=user, now=clock.now())
    except OperationalError as error:
        log.warning("A session was not prolonged, its next request tries again: %s", error)
        forget_activity(request)
