"""How devices and places of log-ins are described, and the list of a user's sessions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils import timezone as clock

from accounts.models import User
from accounts.security.sessions import hash_session_key

UNKNOWN_ADDRESS = "0.0.0.0"  # noqa: S104 - of a session of an earlier version that was not used since the upgrade
Describe = Callable[[str], str]
_describers: dict[str, Describe] = {}


def register_descriptions(*, place: Describe, browser: Describe) -> None:
    """Register what describes the place of an address, and a user agent; called from `config.wiring`."""
    _describers.update(place=place, browser=browser)


def describe_place(address: str) -> str:
    """Describe where an address is, such as "Tallinn, Estonia"; "" if nobody knows."""
    return _describers["place"](address)


def describe_browser(user_agent: str) -> str:
    """Describe a user agent, such as "Firefox on Linux"."""
    return _describers["browser"](user_agent) or "Unknown browser"


@dataclass(frozen=True, kw_only=True)
class LoginSession:
    """A session of a user, as the page shows it."""

    pk: int
    browser: str
    place: str
    address: str
    created: datetime
    last_seen: datetime
    is_current: bool


def list_sessions(request: HttpRequest, user: User) -> list[LoginSession]:
    """List the user's sessions, the request's first, then those seen last."""
    valid = Session.objects.filter(expire_date__gt=clock.now()).values("session_key")
    current = hash_session_key(request.session.session_key or "")
    rows = [
        LoginSession(
            pk=row.pk,
            browser=describe_browser(row.user_agent),
            place=describe_place(row.ip),
            address="" if row.ip == UNKNOWN_ADDRESS else row.ip,
            created=row.created_at,
            last_seen=row.last_seen_at,
            is_current=row.session_key == current,
        )
        for row in UserSession.objects.filter(user=user, session_key__in=valid).order_by("-last_seen_at", "-pk")
    ]
    return sorted(rows, key=lambda row: not row.is_current)
