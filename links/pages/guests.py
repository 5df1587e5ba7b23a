"""Guests and what they were granted, as a matrix; and the API's toolbox."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_safe

from accounts.models import Membership, Right, Role
from accounts.services import grant_set
from links import guests as services
from links.api.operations import by_tag
from links.grants import DATAPOINT, GROUP, Sight, rights_of_guests
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
    ("extendedGrants", "allowAllGrants", "Sees and edits everything"),
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


@links_page("guests", may="manage")
def matrix(request: HttpRequest, sight: Sight) -> HttpResponse:
    """Guests across, groups and links down; every cell a right. Also makes and removes guests."""
    guests = list(
        Membership.objects.filter(account=sight.account, role=Role.GUEST).select_related("user").order_by("pk")
    )
    listed = things(sight, request.GET.get("q", "").strip())
    if request.method == "POST":
        try:
            write(request.POST, sight, guests, listed)
            messages.success(request, "Saved.")
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        return HttpResponseRedirect(request.get_full_path())
    rights = rights_of_guests(guests)
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
    return shown(request, sight, "guests", guests=guests, rows=rows, options=options, rights=RIGHTS)


def write(given: Any, sight: Sight, guests: list[Membership], listed: list[tuple[str, int, str, str]]) -> None:
    """One of: a new guest, one less, one's options, or the cells of the matrix."""
    by_number = {str(guest.pk): guest for guest in guests}
    if "email" in given:
        services.guest_create(account=sight.account, email=given["email"], name=given.get("name", ""))
    elif given.get("remove") in by_number:
        services.guest_delete(guest=by_number[given["remove"]])
    elif given.get("options") in by_number:
        found: dict[str, Any] = {}
        for group, name, _ in OPTIONS:
            found.setdefault(group, {})[name] = f"{group}-{name}" in given
        services.guest_update(guest=by_number[given["options"]], options=found)
    else:
        rights = rights_of_guests(guests)
        for guest in guests:
            for kind, number, _, _ in listed:
                right = given.get(f"{guest.pk}-{kind}-{number}")
                if right in RIGHTS and rights[guest.pk][kind].get(number, "none") != right:
                    grant_set(membership=guest, kind=kind, object_id=number, right=RIGHTS[right])


@require_safe
@links_page("toolbox", may="view")
def toolbox(request: HttpRequest, sight: Sight) -> HttpResponse:
    """Every operation, to be tried with one's own key."""
    key = sight.membership.authkey if sight.guest else sight.account.authkey if sight.master else ""
    return shown(request, sight, "toolbox", key=key, by_tag=by_tag())
