"""Who is in the account: members and their roles, guests and what they were given, open invitations."""

from __future__ import annotations

from smtplib import SMTPException
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts import mail
from accounts.access import KINDS, current_account, current_membership, members_of
from accounts.brand import brand_of
from accounts.forms import InviteForm, RoleForm, add_mistakes
from accounts.invitations import DAYS, invitation_create
from accounts.models import Account, Invitation, Membership, Right, Role
from accounts.navigation import account_rows
from accounts.services import member_grants_set, member_remove, member_role_set


def invitation_link(invitation: Invitation) -> str:
    """The address behind which the invitation is accepted, on the account's own host if it has one."""
    assert invitation.account is not None
    return brand_of(invitation.account).base_url + reverse("join", args=[invitation.token])


def mail_invitation(invitation: Invitation, inviter: object) -> bool:
    """Mail the link; False when mail does not work (the link stands on the page all the same)."""
    account = invitation.account
    assert account is not None
    facts = {"account": account, "invitation": invitation, "inviter": str(inviter), "days": DAYS}
    try:
        link = invitation_link(invitation)
        mail.send(to=invitation.email, template="invitation", brand=brand_of(account), link=link, **facts)
    except (OSError, SMTPException):
        return False
    return True


def posted_grants(request: HttpRequest) -> list[tuple[str, int, str]]:
    """(kind, id, right) of the ticked rows: fields are named `grant-<kind>-<id>`, their values are rights."""
    found = []
    for name, right in request.POST.items():
        prefix, _, rest = name.partition("-")
        kind, _, number = rest.rpartition("-")
        if prefix == "grant" and kind in KINDS and number.isascii() and number.isdigit() and right:
            found.append((kind, int(number), str(right)))
    return found


def grant_choices(account: Account, given: dict[tuple[str, int], str]) -> list[dict[str, Any]]:
    """For every registered kind its things, each with the right it is given with ("" = none)."""
    return [
        {
            "label": kind.label,
            "things": [
                {
                    "name": f"grant-{kind.name}-{number}",
                    "label": label,
                    "right": given.get((kind.name, number), ""),
                }
                for number, label in kind.things(account)
            ],
        }
        for kind in KINDS.values()
    ]


@login_required
def team(request: HttpRequest) -> HttpResponse:
    """Members, guests and invitations; the form invites one more."""
    account = current_account(request, may="manage")
    mine = current_membership(request)
    form = InviteForm(request.POST or None, may_own=mine.role == Role.OWNER)
    if request.method == "POST" and form.is_valid():
        try:
            made = invitation_create(account=account, by=mine, grants=posted_grants(request), **form.cleaned_data)
        except ValidationError as error:
            add_mistakes(form, error)
        else:
            sent = mail_invitation(made, request.user)
            messages.success(request, "Invited." if sent else "The mail could not be sent; pass the link on yourself.")
            return redirect("team")
    return render(request, "accounts/team.html", team_context(request, account, form))


def team_context(request: HttpRequest, account: Account, form: InviteForm) -> dict[str, Any]:
    """What the team's page shows."""
    waiting = account.invitations.filter(used=None).order_by("-created")
    return {
        "account": account,
        "form": form,
        "members": members_of(account),
        "waiting": [(invitation, invitation_link(invitation)) for invitation in waiting],
        "kinds": grant_choices(account, {}),
        "rights": Right.choices,
        "settings_nav": account_rows(request, "team"),
        "section": "settings",
    }


def member_for(request: HttpRequest, member_id: int) -> Membership:
    """A membership of the account one manages. Raises Http404 otherwise."""
    account = current_account(request, may="manage")
    found = account.memberships.filter(pk=member_id).select_related("user", "account").first()
    if found is None:
        raise Http404("No such member.")
    return found


@login_required
def member(request: HttpRequest, member_id: int) -> HttpResponse:
    """One member: the role, and for a guest what they were given."""
    found = member_for(request, member_id)
    form = RoleForm(request.POST or None, initial={"role": found.role})
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                member_role_set(membership=found, role=form.cleaned_data["role"], by=current_membership(request))
                member_grants_set(membership=found, grants=posted_grants(request) if found.role == Role.GUEST else [])
        except ValidationError as error:
            found.refresh_from_db(fields=["role"])
            add_mistakes(form, error)
        else:
            messages.success(request, "Saved.")
            return redirect("team")
    given = {(grant.kind, grant.object_id): grant.right for grant in found.grants.all()}
    kinds = grant_choices(found.account, given)
    context = {
        "member": found,
        "form": form,
        "kinds": kinds,
        "rights": Right.choices,
        "settings_nav": account_rows(request, "team"),
        "section": "settings",
    }
    return render(request, "accounts/member.html", context)


@login_required
@require_POST
def remove(request: HttpRequest, member_id: int) -> HttpResponse:
    """Take a person out of the account."""
    try:
        member_remove(membership=member_for(request, member_id), by=current_membership(request))
        messages.success(request, "Removed.")
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("team")


@login_required
@require_POST
def revoke(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """Take an open invitation back."""
    account = current_account(request, may="manage")
    if not account.invitations.filter(pk=invitation_id, used=None).delete()[0]:
        raise Http404("No such invitation.")
    messages.success(request, "The invitation is taken back.")
    return redirect("team")
