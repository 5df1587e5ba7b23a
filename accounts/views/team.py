"""Who is in the account: members and their roles, guests and what they were given, open invitations, exposed keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone as clock
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.access import KINDS, current_account, current_membership, members_of
from accounts.forms import InviteForm, RoleForm, add_mistakes
from accounts.invitations import (
    InvitationMail,
    invitation_create,
    invitation_renew,
    invitation_revoke,
    link_lifetime,
    mail_invitation,
    pending_member_invite,
)
from accounts.models import Account, ExposedKey, Invitation, Membership, Right, Role
from accounts.navigation import account_rows
from accounts.revocation import exposed_key_dismiss, exposed_key_labels, exposed_key_replace, list_ending_access
from accounts.services import member_access_set, member_remove

MAX_CHOICES = 200  # objects of one kind on a page
MAX_EXPOSED = 100  # exposed keys on a page


def posted_grants(request: HttpRequest) -> list[tuple[str, int, str]]:
    """(kind, id, right) of the ticked rows: fields are named `grant-<kind>-<id>`, their values are rights."""
    found = []
    for name, right in request.POST.items():
        prefix, _, rest = name.partition("-")
        kind, _, number = rest.rpartition("-")
        if prefix == "grant" and kind in KINDS and number.isascii() and number.isdigit() and right:
            found.append((kind, int(number), str(right)))
    return found


def grant_choices(account: Account, given: dict[tuple[str, int], str], search: str = "") -> list[dict[str, Any]]:
    """For every kind the objects that are granted, then up to MAX_CHOICES others whose name contains `search`.

    Each has the right that is granted on it ("" = none). Granted objects are always included, because saving the form
    replaces all grants.
    """
    choices = []
    for kind in KINDS.values():
        granted = {number: right for (name, number), right in given.items() if name == kind.name}
        offered = kind.search(account, search, MAX_CHOICES + 1)
        rows = [*kind.existing(account, granted), *(row for row in offered[:MAX_CHOICES] if row[0] not in granted)]
        objects = [
            {"name": f"grant-{kind.name}-{number}", "label": label, "right": granted.get(number, "")}
            for number, label in rows
        ]
        choices.append({"label": kind.label, "objects": objects, "more": len(offered) > MAX_CHOICES})
    return choices


def choices_context(request: HttpRequest, account: Account, given: dict[tuple[str, int], str]) -> dict[str, Any]:
    """Context of the table of rights. `?q=` searches; the search field is shown if there is more than a page shows."""
    search = request.GET.get("q", "").strip()[:200]
    kinds = grant_choices(account, given, search)
    searchable = bool(search) or any(kind["more"] for kind in kinds)
    return {"kinds": kinds, "rights": Right.choices, "search": search, "searchable": searchable}


def team_page(request: HttpRequest, form: InviteForm | None = None, sent: InvitationMail | None = None) -> HttpResponse:
    """The team's page; `sent` is the outcome of an invitation that was just created."""
    account = current_account(request, may="manage")
    mine = current_membership(request)
    context = {
        "account": account,
        "form": form or InviteForm(may_own=mine.role == Role.OWNER),
        "sent": sent,
        "members": members_of(account),
        "pending": pending_rows(account, clock.now()),
        "exposed": exposed_rows(account, mine),
        "exposed_more": max(0, account.exposed_keys.count() - MAX_EXPOSED),
        **choices_context(request, account, {}),
        "settings_nav": account_rows(request, "team"),
        "section": "settings",
    }
    return render(request, "accounts/team.html", context)


def pending_rows(account: Account, now: datetime) -> list[dict[str, Any]]:
    """Open invitations, then pending members without one. The rows contain no invitation links."""
    rows = [
        {
            "email": one.email,
            "role": one.get_role_display(),
            "note": "the link has expired" if one.created < now - link_lifetime(one) else "",
            "send_label": "Send again",
            "send_again_url": reverse("invitation-renew", args=[one.pk]),
            "take_back_url": reverse("invitation-revoke", args=[one.pk]),
        }
        for one in account.invitations.open().order_by("-created")
    ]
    linked = account.invitations.open().exclude(membership=None)
    without_invitation = account.memberships.pending().exclude(pk__in=linked.values("membership"))
    rows += [
        {
            "email": one.user.email,
            "role": one.get_role_display(),
            "note": "no invitation sent yet",
            "send_label": "Send an invitation",
            "send_again_url": reverse("member-invite", args=[one.pk]),
            "take_back_url": reverse("member-remove", args=[one.pk]),
        }
        for one in without_invitation.select_related("user").order_by("pk")
    ]
    return rows


def exposed_rows(account: Account, mine: Membership) -> list[dict[str, Any]]:
    """Exposed keys with what they belong to; only owners can replace the account's own key."""
    rows = list(account.exposed_keys.order_by("-since", "person", "kind", "object_id")[:MAX_EXPOSED])
    labels = exposed_key_labels(account, rows)
    return [
        {"key": row, "label": label, "replaceable": row.kind != "account" or mine.role == Role.OWNER}
        for row, label in zip(rows, labels, strict=True)
    ]


@login_required
@never_cache
def team(request: HttpRequest) -> HttpResponse:
    """Members, guests and invitations; the form invites one more person."""
    account = current_account(request, may="manage")
    mine = current_membership(request)
    form = InviteForm(request.POST or None, may_own=mine.role == Role.OWNER)
    if request.method == "POST" and form.is_valid():
        try:
            made = invitation_create(account=account, by=mine, grants=posted_grants(request), **form.cleaned_data)
        except ValidationError as error:
            add_mistakes(form, error)
        else:
            return send_invitation(request, made)
    return team_page(request, form)


def send_invitation(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    """Mail an invitation that was just created. If no mail could be sent, the page shows the link, this once."""
    sent = mail_invitation(invitation, request.user)
    if sent.link:
        return team_page(request, sent=sent)
    (messages.success if sent.mailed else messages.error)(request, sent.message)
    return redirect("team")


def member_for(request: HttpRequest, member_id: int) -> Membership:
    """A membership, pending ones included, of the account one manages. Raises Http404 otherwise."""
    account = current_account(request, may="manage")
    found: Membership | None = account.memberships.filter(pk=member_id).select_related("user", "account").first()
    if found is None:
        raise Http404("No such member.")
    return found


@login_required
@never_cache
def member(request: HttpRequest, member_id: int) -> HttpResponse:
    """One member: the role, and for a guest what they were given."""
    found = member_for(request, member_id)
    if found.accepted is None:
        raise Http404("No such member.")
    form = RoleForm(request.POST or None, initial={"role": found.role})
    if request.method == "POST" and form.is_valid():
        role = form.cleaned_data["role"]
        grants = posted_grants(request) if role == Role.GUEST else []
        try:
            member_access_set(membership=found, role=role, grants=grants, by=current_membership(request))
        except ValidationError as error:
            found.refresh_from_db()
            add_mistakes(form, error)
        else:
            messages.success(request, "Saved.")
            return redirect("team")
    given = {(grant.kind, grant.object_id): grant.right for grant in found.grants.all()}
    context = {
        "member": found,
        "form": form,
        "ending": list_ending_access(found),
        **choices_context(request, found.account, given),
        "settings_nav": account_rows(request, "team"),
        "section": "settings",
    }
    return render(request, "accounts/member.html", context)


@login_required
@require_POST
def remove(request: HttpRequest, member_id: int) -> HttpResponse:
    """Take a person out of the account."""
    try:
        found = member_for(request, member_id)
        member_remove(membership=found, by=current_membership(request))
        gone = f"{found.user.email} is removed." if found.accepted else "The invitation is taken back."
        messages.success(request, gone)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("team")


@login_required
@require_POST
@never_cache
def invite_again(request: HttpRequest, pending_id: int) -> HttpResponse:
    """Send an invitation to a pending member."""
    found = member_for(request, pending_id)
    if found.accepted is not None:
        raise Http404("No such invitation.")
    try:
        return send_invitation(request, pending_member_invite(membership=found, by=current_membership(request)))
    except ValidationError as error:
        return show_refusal(request, error)


def show_refusal(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Say on the team's page why an action was refused."""
    messages.error(request, " ".join(error.messages))
    return redirect("team")


def invitation_for(request: HttpRequest, invitation_id: int) -> Invitation:
    """An open invitation into the account one manages. Raises Http404 otherwise."""
    account = current_account(request, may="manage")
    rows = account.invitations.open().filter(pk=invitation_id)
    found: Invitation | None = rows.select_related("account", "membership").first()
    if found is None:
        raise Http404("No such invitation.")
    return found


@login_required
@require_POST
@never_cache
def renew(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """Send an invitation again, with a new link."""
    try:
        found = invitation_for(request, invitation_id)
        return send_invitation(request, invitation_renew(invitation=found, by=current_membership(request)))
    except ValidationError as error:
        return show_refusal(request, error)


@login_required
@require_POST
def revoke(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """Take an open invitation back; the pending guest it belongs to is removed with it."""
    found = invitation_for(request, invitation_id)
    if found.membership is not None and found.membership.accepted is None:
        member_remove(membership=found.membership, by=current_membership(request))
    else:
        invitation_revoke(invitation=found, now=clock.now())
    messages.success(request, "The invitation is taken back.")
    return redirect("team")


def exposed_key_for(request: HttpRequest, exposed_id: int) -> ExposedKey:
    """An exposed key of the account one manages. Raises Http404 otherwise."""
    account = current_account(request, may="manage")
    found: ExposedKey | None = account.exposed_keys.filter(pk=exposed_id).select_related("account").first()
    if found is None:
        raise Http404("No such key.")
    return found


@login_required
@require_POST
def key_replace(request: HttpRequest, exposed_id: int) -> HttpResponse:
    """Replace an exposed key."""
    try:
        exposed_key_replace(exposed=exposed_key_for(request, exposed_id), by=current_membership(request))
    except ValidationError as error:
        return show_refusal(request, error)
    messages.success(request, "Replaced. Programs with the old key no longer work.")
    return redirect("team")


@login_required
@require_POST
def key_dismiss(request: HttpRequest, exposed_id: int) -> HttpResponse:
    """Take an exposed key off the list without replacing it."""
    exposed_key_dismiss(exposed=exposed_key_for(request, exposed_id))
    messages.success(request, "The key stays as it is.")
    return redirect("team")
