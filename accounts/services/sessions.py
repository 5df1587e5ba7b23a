"""Writes of sessions: the list of a user's log-ins, beside the sessions themselves.

Both tables know a session by the hash of its key (`accounts.security.sessions`).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone as clock

from accounts.audit.recording import record_action
from accounts.models import User
from accounts.security.client_ip import get_client_address
from accounts.security.sessions import hash_session_key

MAX_AGENT_LENGTH = 200  # characters of a user agent


def session_remember(*, request: HttpRequest, user: User) -> None:
    """List the request's session as one of the user's, with address and user agent; those that are over leave it."""
    if not request.session.session_key:
        request.session.save()
    valid = Session.objects.filter(expire_date__gt=clock.now()).values("session_key")
    UserSession.objects.filter(user=user).exclude(session_key__in=valid).delete()
    UserSession.objects.update_or_create(
        session_key=hash_session_key(request.session.session_key or ""),
        defaults={
            "user": user,
            "ip": get_client_address(request),
            "user_agent": request.headers.get("User-Agent", "")[:MAX_AGENT_LENGTH],
            "last_seen_at": clock.now(),
        },
    )


def session_prolong(*, request: HttpRequest, user: User, now: datetime) -> None:
    """Let the session end SESSION_IDLE_DAYS from now; an unlisted one, of an earlier version, is listed."""
    key = hash_session_key(request.session.session_key or "")
    Session.objects.filter(session_key=key).update(expire_date=now + timedelta(days=settings.SESSION_IDLE_DAYS))
    agent = request.headers.get("User-Agent", "")[:MAX_AGENT_LENGTH]
    listed = UserSession.objects.filter(session_key=key)
    if not listed.update(last_seen_at=now, ip=get_client_address(request), user_agent=agent):
        session_remember(request=request, user=user)


@transaction.atomic
def session_end(*, user: User, session_id: int) -> None:
    """End one of the user's sessions; does nothing if there is none with this id."""
    if _end(UserSession.objects.filter(user=user, pk=session_id)):
        record_action("session.ended", user)


@transaction.atomic
def sessions_end(*, user: User, keep: str = "") -> None:
    """End all sessions of a user but the one with the key `keep`."""
    rows = UserSession.objects.filter(user=user)
    if _end(rows.exclude(session_key=hash_session_key(keep)) if keep else rows):
        record_action("session.ended", user)


def _end(rows: QuerySet[UserSession]) -> int:
    keys = list(rows.values_list("session_key", flat=True))
    Session.objects.filter(session_key__in=keys).delete()
    UserSession.objects.filter(session_key__in=keys).delete()
    return len(keys)
