"""The page of a user's sessions, which ends one of them or all others."""

from __future__ import annotations

from typing import cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.models import User
from accounts.services.sessions import session_end, sessions_end
from accounts.settings_parts import build_account_navigation
from accounts.sign_in.devices import list_sessions


@login_required
@never_cache
def show_sessions(request: HttpRequest) -> HttpResponse:
    """List where the user is logged in; a POST ends all sessions but this one."""
    user = cast(User, request.user)
    if request.method == "POST":
        sessions_end(user=user, keep=request.session.session_key or "")
        messages.success(request, "You are logged out everywhere else.")
        return redirect("usersessions_list")
    context = {
        "idle_days": settings.SESSION_IDLE_DAYS,
        "sessions": list_sessions(request, user),
        "settings_nav": build_account_navigation(request, "sessions"),
        "section": "settings",
    }
    return render(request, "accounts/security/sessions.html", context)


@login_required
@require_POST
def end_session(request: HttpRequest, session_id: int) -> HttpResponse:
    """End one of the user's sessions; one that has ended meanwhile, or is somebody else's, is left alone."""
    session_end(user=cast(User, request.user), session_id=session_id)
    return redirect("usersessions_list")
