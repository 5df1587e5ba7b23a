"""What pages of several apps show of invitations: lists of those that are open, and what each gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from accounts.mail import format_inviter
from accounts.models import Account, Invitation, Membership, Right, Role
from accounts.permissions import GRANT_KINDS, get_acting_user
from accounts.services.invitation_mails import mail_invitation

MAX_ROWS = 200  # invitations on a page
ROLE_MEANINGS = {
    Role.OWNER: "everything, with the account's key and its other owners",
    Role.ADMIN: "all sites, links and people of the account",
    Role.EDITOR: "all sites and links of the account, to look at and to change",
    Role.VIEWER: "all sites and links of the account, to look at",
}
RIGHT_MEANINGS = {Right.READ: "to look at", Right.WRITE: "to look at and to change"}
Granted = tuple[str, int, str]  # (kind, id, right)
OPTION_DESCRIBERS: list[Callable[[Mapping[str, Any], set[str]], list[str]]] = []


def register_option_describer(describe: Callable[[Mapping[str, Any], set[str]], list[str]]) -> None:
    """Register what describes a guest's options, given the kinds of objects granted; called from `config.wiring`."""
    OPTION_DESCRIBERS.append(describe)


@dataclass(frozen=True, kw_only=True)
class InvitationRow:
    """A person who was invited and has not joined, and what they get when they do.

    `invitation` is None for a guest who has a key of their own and whose invitation ended: they can be invited again.
    """

    email: str
    role: str
    access: list[str]
    granted: list[Granted]
    invitation: Invitation | None
    guest: Membership | None
    is_expired: bool

    @property
    def inviter(self) -> str:
        """The name of who sent it; "" for the account's key."""
        sender = self.invitation.invited_by if self.invitation is not None else None
        return str(sender) if sender is not None else ""


def list_invitations(account: Account, now: datetime) -> list[InvitationRow]:
    """List the open invitations of an account, newest first, then pending guests without one; at most MAX_ROWS."""
    rows = account.invitations.open().select_related("invited_by", "membership__user")
    invitations = list(rows.prefetch_related("membership__grants").order_by("-created", "-pk")[:MAX_ROWS])
    linked = account.invitations.open().exclude(membership=None).values("membership")
    guests = account.memberships.pending().exclude(pk__in=linked).select_related("user").prefetch_related("grants")
    pairs: list[tuple[Invitation | None, Membership | None]] = [(row, row.membership) for row in invitations]
    pairs += [(None, guest) for guest in guests.order_by("pk")[: MAX_ROWS - len(invitations)]]
    granted = [list_granted(invitation, guest) for invitation, guest in pairs]
    labels = load_labels(account, [grant for grants in granted for grant in grants])
    return [
        build_row(invitation, guest, grants, labels, now)
        for (invitation, guest), grants in zip(pairs, granted, strict=True)
    ]


def build_row(
    invitation: Invitation | None,
    guest: Membership | None,
    granted: list[Granted],
    labels: Mapping[tuple[str, int], str],
    now: datetime,
) -> InvitationRow:
    """Build the row of an invitation, or of a pending guest without one."""
    source = invitation or guest
    assert source is not None
    return InvitationRow(
        email=invitation.email if invitation is not None else guest.user.email if guest is not None else "",
        role=source.get_role_display(),
        access=describe_access(source.role, guest, granted, labels),
        granted=granted,
        invitation=invitation,
        guest=guest,
        is_expired=invitation is not None and invitation.expires <= now,
    )


def list_granted(invitation: Invitation | None, guest: Membership | None) -> list[Granted]:
    """List what an invitation and the pending guest whom it invites are granted; of two rights, the higher one."""
    rows: dict[tuple[str, int], str] = {}
    grants = [(grant.kind, grant.object_id, grant.right) for grant in guest.grants.all()] if guest is not None else []
    for kind, number, right in [*grants, *(invitation.grants if invitation is not None else [])]:
        if rows.get((kind, number)) != Right.WRITE:
            rows[kind, number] = right
    return [(kind, number, right) for (kind, number), right in rows.items()]


def load_labels(account: Account, grants: Iterable[Granted]) -> dict[tuple[str, int], str]:
    """Load the labels of the objects that still exist, by kind and id; one query for each kind."""
    ids: dict[str, set[int]] = {}
    for kind, number, _ in grants:
        ids.setdefault(kind, set()).add(number)
    return {
        (kind, number): f"{GRANT_KINDS[kind].label} {label}"
        for kind, numbers in ids.items()
        if kind in GRANT_KINDS
        for number, label in GRANT_KINDS[kind].existing(account, numbers)
    }


def describe_access(
    role: str, guest: Membership | None, granted: Sequence[Granted], labels: Mapping[tuple[str, int], str]
) -> list[str]:
    """Describe what somebody gets who accepts: "Site example.com, to look at"."""
    if role != Role.GUEST:
        return [ROLE_MEANINGS[Role(role)]]
    lines = [
        f"{labels[kind, number]}, {RIGHT_MEANINGS[Right(right)]}"
        for kind, number, right in granted
        if (kind, number) in labels
    ]
    kinds = {kind for kind, number, _ in granted if (kind, number) in labels}
    options = guest.options if guest is not None else {}
    return [*lines, *(line for describe in OPTION_DESCRIBERS for line in describe(options, kinds))]


def describe_invitation(invitation: Invitation) -> list[str]:
    """Describe what the invited person gets, on the page on which they accept."""
    guest, account = invitation.membership, invitation.account
    assert account is not None
    granted = list_granted(invitation, guest)
    return describe_access(invitation.role, guest, granted, load_labels(account, granted))


def format_sender(invitation: Invitation) -> str:
    """Format who invites: the person, or the account if a program did with its key."""
    return format_inviter(invitation.invited_by or invitation.account) or "Somebody"


def answer_with_invitation(request: HttpRequest, invitation: Invitation, back: str) -> HttpResponse:
    """Mail an invitation that just got its link. If no mail could be sent, the answer is a page with the link.

    The view must be marked `never_cache`.
    """
    sent = mail_invitation(invitation, get_acting_user(request.user))
    if sent.link:
        return render_link(request, invitation, sent.link, sent.message, back)
    (messages.success if sent.mailed else messages.error)(request, sent.message)
    return redirect(back)


def render_link(request: HttpRequest, invitation: Invitation, link: str, text: str, back: str) -> HttpResponse:
    """Render the page that shows a link once, for the inviter to pass on."""
    context = {"invitation": invitation, "link": link, "text": text, "back": back}
    return render(request, "accounts/invitation_link.html", context)
