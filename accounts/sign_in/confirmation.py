"""Asking people to confirm that it is them before they give access to somebody or something.

django-allauth does so for what changes how one logs in, by its decorator. These functions are for pages of ours that
also show other things, or whose form has another address than its page.
"""

from __future__ import annotations

from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.account.decorators import reauthentication_required
from allauth.core.exceptions import ReauthenticationRequired
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from accounts.models import User


@reauthentication_required(app="allauth.account")  # type: ignore[untyped-decorator]
def _check_confirmed(request: HttpRequest) -> None:
    """Do nothing: the decorator raises ReauthenticationRequired."""


def has_confirmed(request: HttpRequest) -> bool:
    """Whether the user confirmed in the last minutes that it is them, by password or second factor."""
    try:
        _check_confirmed(request)
    except ReauthenticationRequired:
        return False
    return True


def build_confirmation_url(request: HttpRequest, back: str) -> str:
    """Build the address of the confirmation, which leads back to a path; for a user who has no way to confirm, the
    address of the page where they get one."""
    ways = [way["url"] for way in get_adapter().get_reauthentication_methods(request.user)]
    address = next(iter([*ways, *list_provider_pages(request.user)]), None)
    return f"{address}?{urlencode({'next': back})}" if address else reverse("mfa_index")


def list_provider_pages(user: User | AnonymousUser) -> list[str]:
    """List the pages on which somebody without a password confirms who they are: by a new log-in at their provider."""
    identities = SocialAccount.objects.filter(user=user).order_by("-last_login")
    return [reverse("sso_continue", args=[provider]) for provider in identities.values_list("provider", flat=True)]


def redirect_to_confirmation(request: HttpRequest) -> HttpResponse | None:
    """Redirect to the confirmation, and from there to the page of the form, which is empty again; None for somebody who
    is not logged in.

    allauth's own middleware would store the whole request in the session, with the cookie, to repeat it: then the
    table of sessions would hold keys that log in (`accounts.security.sessions`).
    """
    return (
        HttpResponseRedirect(build_confirmation_url(request, request.path)) if request.user.is_authenticated else None
    )
