"""Guests and what they were granted, as a matrix; and the API's toolbox."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.invitations import InvitationMail, mail_invitation, pending_member_invite
from accounts.models import Membership, Right, Role
from accounts.services import grant_set
from accounts.views.secrets import render_secrets
from links import guests as services
from links.api.operations import by_tag
from links.grants import DATAPOINT, GROUP, Sight, rights_by_guest
from links.models import Datapoint, Status
from links.pages.frame import links_page, shown

RIGHTS = {"none": None, "read": Right.READ, "write": Right.WRITE}
MOST_THINGS = 200
OPTIONS = (
    ("hitOptions", "hideReferrer", "Hide where clicks came from"),
    ("conversionOptions", "hideCount", "Hide conversions"),
    ("conversionOptions", "hideValue", "Hide values"),
    ("conversionOptions", "hideComCost", "Hide commissions"),
    ("conversionOptions", "hideParams", "Hide parameters"),
    ("extendedGrants", "allowAllGrants", "Sees and edits all links"),
    ("extendedGrants", "allowGroupCreation", "May make groups"),
)


def things(sight: Sight, search: str) -> list[tuple[str, int, str, str]]:
    """What can be granted, as (kind, number, name, alias): groups first, then links; at most 200 that match."""
    groups = sight.all_groups().filter(deleted=None).order_by("name")
    links = Datapoint.objects.filter(account=sight.account).exclude(status=Status.DELETED).order_by("alias")
    if search:
        groups, links = (
            groups.filter(name__icontains=search),
            links.filter(Q(alias__icontains=search) | Q(title__icontains=search)),
        )
    found = [(GROUP, row.pk, row.name, "") for row in groups[:MOST_THINGS]]
    return found + [(DATAPOINT, row.pk, row.title, f"/{row.alias}") for row in links[: MOST_THINGS - len(found)]]


def guests_of(sight: Sight) -> list[Membership]:
    """The account's guests, those who have not accepted included."""
    rows = Membership.objects.filter(account=sight.account, role=Role.GUEST)
    return list(rows.select_related("user", "account").order_by("pk"))


@links_page("guests", may="manage")
def matrix(request: HttpRequest, sight: Sight) -> HttpResponse:
    """Guests across, groups and links down; every cell a right. Also invites and removes guests."""
    guests = guests_of(sight)
    listed = things(sight, request.GET.get("q", "").strip()[:200])
    sent: InvitationMail | None = None
    if request.method == "POST":
        try:
            sent = write(request, sight, guests, listed)
            if sent is None or not sent.link:
                messages.success(request, sent.message if sent else "Saved.")
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        if sent is None or not sent.link:
            return HttpResponseRedirect(request.get_full_path())
        guests = guests_of(sight)
    rights = rights_by_guest(guests)
    rows = [
        (
            kind,
            name,
            alias,
            [(guest, f"{guest.pk}-{kind}-{number}", rights[guest.pk][kind].get(number, "none")) for guest in guests],
        )
        for kind, number, name, alias in listed
    ]
    options = [
        (
            guest,
            [
                (f"{group}-{name}", label, (guest.options.get(group) or {}).get(name, False))
                for group, name, label in OPTIONS
            ],
        )
        for guest in guests
    ]
    return shown(request, sight, "guests", guests=guests, rows=rows, options=options, rights=RIGHTS, sent=sent)


def write(
    request: HttpRequest, sight: Sight, guests: list[Membership], listed: list[tuple[str, int, str, str]]
) -> InvitationMail | None:
    """Do what the form asks: invite a guest, invite one again, remove one, change options, or change rights.

    Returns the outcome of an invitation's mail, if one was sent. Raises ValidationError.
    """
    given, by_number = request.POST, {str(guest.pk): guest for guest in guests}
    if "email" in given:
        made = services.guest_invite(
            account=sight.account, by=sight.membership, email=given["email"], name=given.get("name", "")
        )[1]
        return mail_invitation(made, request.user)
    if (again := by_number.get(given.get("again", ""))) is not None:
        return mail_invitation(pending_member_invite(membership=again, by=sight.membership), request.user)
    if (leaving := by_number.get(given.get("remove", ""))) is not None:
        services.guest_delete(guest=leaving, by=sight.membership)
    elif (changed := by_number.get(given.get("options", ""))) is not None:
        found: dict[str, Any] = {}
        for group, name, _ in OPTIONS:
            found.setdefault(group, {})[name] = f"{group}-{name}" in given
        services.guest_update(guest=changed, options=found)
    else:
        write_cells(given, guests, listed)
    return None


def write_cells(given: Any, guests: list[Membership], listed: list[tuple[str, int, str, str]]) -> None:
    """Save the rights that were changed in the matrix."""
    rights = rights_by_guest(guests)
    for guest in guests:
        for kind, number, _, _ in listed:
            right = given.get(f"{guest.pk}-{kind}-{number}")
            if right in RIGHTS and rights[guest.pk][kind].get(number, "none") != right:
                grant_set(membership=guest, kind=kind, object_id=number, right=RIGHTS[right])


@require_safe
@never_cache
@links_page("guests", may="manage")
def guest_key(request: HttpRequest, sight: Sight, member_id: int) -> HttpResponse:
    """Show the key of one of the account's guests."""
    guest = get_object_or_404(Membership, account=sight.account, role=Role.GUEST, pk=member_id)
    title = f"Key of {guest.shown_name}"
    return render_secrets(request, title, {"authkey": guest.authkey}, back=reverse("link-guests"))


@require_safe
@links_page("toolbox", may="view")
def toolbox(request: HttpRequest, sight: Sight) -> HttpResponse:
    """Every operation, to be tried with the account's key (owners) or the member's own; it is fetched when needed."""
    owner = sight.membership.role == Role.OWNER
    address = reverse("account-key") if owner else f"{reverse('own-key')}?next={request.path}"
    return shown(request, sight, "toolbox", address=address, owner=owner, by_tag=by_tag())
