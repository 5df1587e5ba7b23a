"""The page of all open invitations, and what can be done with each: send it again, copy its link, revoke it."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone as clock
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.invitation_lists import MAX_ROWS, answer_with_invitation, list_invitations, render_link
from accounts.models import Invitation, SignUp
from accounts.permissions import get_current_account, get_current_membership
from accounts.selectors import get_sign_up
from accounts.services.invitation_mails import build_join_link
from accounts.services.invitations import (
    invitation_create,
    invitation_link_create,
    invitation_resend,
    invitation_revoke,
)
from accounts.settings_parts import build_account_navigation

LINK_MESSAGE = "This link works once. The links that were mailed or shown before no longer work."


@login_required
@never_cache
@require_safe
def show_invitations(request: HttpRequest) -> HttpResponse:
    """List everybody who was invited into the account, to sites or to links, and has not joined."""
    account = get_current_account(request, may="manage")
    context = {
        "account": account,
        "invitations": list_invitations(account, clock.now()),
        "max_rows": MAX_ROWS,
        "is_closed": get_sign_up() == SignUp.CLOSED,
        "settings_nav": build_account_navigation(request, "invitations"),
        "section": "settings",
    }
    return render(request, "accounts/invitations.html", context)


def get_back_url(request: HttpRequest) -> str:
    """Return the page on this host whose list the button was in, else the page of all invitations."""
    address = request.POST.get("next", "")
    is_here = url_has_allowed_host_and_scheme(address, {request.get_host()}, request.is_secure())
    return address if is_here else reverse("accounts:invitations")


def get_invitation(request: HttpRequest, invitation_id: int) -> Invitation:
    """Return an open invitation into the account that the user manages. Raises Http404."""
    account = get_current_account(request, may="manage")
    rows = account.invitations.open().filter(pk=invitation_id)
    invitation: Invitation | None = rows.select_related("account", "membership__user", "membership__account").first()
    if invitation is None:
        raise Http404("No such invitation.")
    return invitation


def redirect_with_error(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Redirect to the list, which shows the error."""
    messages.error(request, " ".join(error.messages))
    return redirect(get_back_url(request))


@login_required
@require_POST
@never_cache
def resend_invitation(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """Mail an invitation again, with a new link."""
    invitation = get_invitation(request, invitation_id)
    try:
        invitation_resend(invitation=invitation, by=get_current_membership(request))
    except ValidationError as error:
        return redirect_with_error(request, error)
    return answer_with_invitation(request, invitation, get_back_url(request))


@login_required
@require_POST
@never_cache
def show_invitation_link(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """Show a new link of an invitation once, to be passed on; no mail is sent."""
    invitation = get_invitation(request, invitation_id)
    try:
        invitation_link_create(invitation=invitation, by=get_current_membership(request))
    except ValidationError as error:
        return redirect_with_error(request, error)
    return render_link(request, invitation, build_join_link(invitation), LINK_MESSAGE, get_back_url(request))


@login_required
@require_POST
def revoke_invitation(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """Revoke an open invitation; the pending guest it belongs to is removed with it."""
    invitation = get_invitation(request, invitation_id)
    try:
        invitation_revoke(invitation=invitation, now=clock.now(), by=get_current_membership(request))
    except ValidationError as error:
        return redirect_with_error(request, error)
    messages.success(request, "The invitation was revoked.")
    return redirect(get_back_url(request))


@login_required
@require_POST
@never_cache
def invite_guest(request: HttpRequest, pending_id: int) -> HttpResponse:
    """Invite a guest again who has a key of their own, has not joined, and has no open invitation."""
    account = get_current_account(request, may="manage")
    guest = account.memberships.pending().filter(pk=pending_id).select_related("user").first()
    if guest is None:
        raise Http404("No such guest.")
    by = get_current_membership(request)
    try:
        invitation = invitation_create(account=account, email=guest.user.email, role=guest.role, by=by)
    except ValidationError as error:
        return redirect_with_error(request, error)
    return answer_with_invitation(request, invitation, get_back_url(request))
