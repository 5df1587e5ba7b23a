"""Changes that only owners make, in person: of what decides who can act as somebody else.

Whoever sets the provider of single sign-on decides who logs in as whom, and whoever controls the host of the white
label can read the links and log-ins that lead there. So an owner confirms that it is them, which no program can, and
all owners are told by mail, because an attacker who has got that far owns one session, not all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import cast

from allauth.account.adapter import get_adapter
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts.audit.context import describe_user
from accounts.models import Account, Membership, Role, User
from accounts.permissions import get_current_account, get_current_membership
from accounts.sign_in.confirmation import build_confirmation_url, has_confirmed

OWNERS_ONLY = "Only an owner can change this: it decides who can act as somebody else."
View = Callable[..., HttpResponse]


def is_owner(request: HttpRequest) -> bool:
    """Whether the user owns the account that they work in. Raises Http404 for a user without one."""
    return get_current_membership(request).role == Role.OWNER


def get_owned_account(request: HttpRequest) -> Account:
    """Return the current account, to one of its owners. Raises Http404."""
    account = get_current_account(request, may="manage")
    if not is_owner(request):
        raise Http404(OWNERS_ONLY)
    return account


def list_owners(account: Account) -> list[User]:
    """List the owners of an account who may log in."""
    owners = Membership.objects.accepted().filter(account=account, role=Role.OWNER)
    return list(User.objects.filter(pk__in=owners.values("user"), is_active=True).order_by("name", "pk"))


def redirect_to_confirm(request: HttpRequest, page: str) -> HttpResponse | None:
    """Redirect to the confirmation, and from there to the page of that name; None for who has just confirmed."""
    return None if has_confirmed(request) else redirect(build_confirmation_url(request, reverse(page)))


def require_confirmation(page: str) -> Callable[[View], View]:
    """Let a view write only for an owner who has just confirmed that it is them; others confirm, and return to the page
    of that name."""

    def decorate(view: View) -> View:
        @wraps(view)
        def confirm_and_go_on(request: HttpRequest, **ids: int) -> HttpResponse:
            get_owned_account(request)
            confirmation = redirect_to_confirm(request, page) if request.method == "POST" else None
            return confirmation or view(request, **ids)

        return confirm_and_go_on

    return decorate


def tell_owners(request: HttpRequest, account: Account, template: str, what: str) -> None:
    """Tell all owners by mail (`accounts/mail/<template>.txt`) what was changed, and from where."""
    for owner in list_owners(account):
        context = {"account": account, "user": owner, "by": describe_user(cast(User, request.user)), "what": what}
        get_adapter(request).send_notification_mail(f"accounts/mail/{template}", owner, context)
