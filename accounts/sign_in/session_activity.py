"""Sessions end when they are not used: each use prolongs them."""

from __future__ import annotations

import logging

from django.contrib.auth import SESSION_KEY
from django.core.cache import caches
from django.db import OperationalError, transaction
from django.http import HttpRequest
from django.utils import timezone as clock

from accounts.models import User
from accounts.security.rate_limits import REQUEST_CACHE_NAME
from accounts.security.sessions import hash_session_key
from accounts.services.sessions import session_prolong

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
