"""The page of what is new in the released versions."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.branding import get_request_brand
from accounts.changelog import has_news, list_releases
from accounts.models import User
from accounts.services import user_changelog_read


@login_required
@never_cache
@require_safe
def show_changelog(request: HttpRequest) -> HttpResponse:
    """Show the changes of all released versions. A brand's host has no such page."""
    if get_request_brand(request).white_label:
        raise Http404("There is no such page.")
    return render(request, "accounts/changelog.html", {"releases": list_releases()})


@login_required
@require_POST
def mark_changelog(request: HttpRequest) -> HttpResponse:
    """Note that the person has read what is new: by a script when the page is shown, or by its button."""
    if has_news(request) and isinstance(request.user, User):
        user_changelog_read(user=request.user, version=list_releases()[0].version)
    if request.headers.get("HX-Request"):
        return render(request, "accounts/_news.html", {"swaps": True})
    return redirect("accounts:changelog")
