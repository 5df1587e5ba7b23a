"""What follows a log-in or a new password, whichever page it came from; connected by `apps`."""

from __future__ import annotations

from django.http import HttpRequest

from accounts.models import User
from accounts.services.sessions import session_remember, sessions_end
from accounts.sign_in.session_activity import note_activity


def list_session(sender: object, request: HttpRequest, user: User, **_: object) -> None:
    """List the new session as the user's."""
    session_remember(request=request, user=user)
    note_activity(request)


def end_other_sessions(sender: object, request: HttpRequest, user: User, **_: object) -> None:
    """End the user's other sessions; this one has a new key since the password changed."""
    sessions_end(user=user)
    session_remember(request=request, user=user)


def end_all_sessions(sender: object, user: User, **_: object) -> None:
    """End the user's sessions."""
    sessions_end(user=user)
