"""Guests and their grants as a matrix, and the API toolbox."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone as clock
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.audit.repetition import record_shown
from accounts.invitation_lists import InvitationRow, answer_with_invitation, list_invitations
from accounts.models import Invitation, Membership, Right, Role
from accounts.services import grant_set
from accounts.settings_parts import render_secrets
from links.clickmeter.operations import group_by_tag
from links.models import Status
from links.permissions import DATAPOINT, GROUP, LinkScope, load_rights_by_guest
from links.services import guests as services
from links.web.page_layout import links_page, render_page

RIGHTS = {"none": None, "read": Right.READ, "write": Right.WRITE}
MAX_OBJECTS = 200
GUEST_OPTIONS = (
    ("hitOptions", "hideReferrer", "Hide where clicks came from"),
    ("conversionOptions", "hideCount", "Hide conversions"),
    ("conversionOptions", "hideValue", "Hide values"),
    ("conversionOptions", "hideComCost", "Hide commissions"),
    ("conversionOptions", "hideParams", "Hide parameters"),
    ("extendedGrants", "allowAllGrants", "Sees and edits all links"),
    ("extendedGrants", "allowGroupCreation", "May create groups"),
)


def list_grantable_objects(scope: LinkScope, search: str) -> list[tuple[str, int, str, str]]:
    """List what can be granted, as (kind, id, name, alias): groups first, then links; at most 200 that match."""
    groups = scope.groups().filter(deleted=None).order_by("name")
    links = scope.datapoints().exclude(status=Status.DELETED).order_by("alias")
    if search:
        groups, links = (
            groups.filter(name__icontains=search),
            links.filter(Q(alias__icontains=search) | Q(title__icontains=search)),
        )
    objects = [(GROUP, row.pk, row.name, "") for row in groups[:MAX_OBJECTS]]
    return objects + [(DATAPOINT, row.pk, row.title, f"/{row.alias}") for row in links[: MAX_OBJECTS - len(objects)]]


def list_guests(scope: LinkScope) -> list[Membership]:
    """List the account's guests, including those who have not accepted."""
    rows = Membership.objects.filter(account=scope.account, role=Role.GUEST)
    return list(rows.select_related("user", "account").order_by("pk"))


@links_page("guests", may="manage")
def show_grants(request: HttpRequest, scope: LinkScope) -> HttpResponse:
    """Render the matrix: guests across, groups and links down, a right in each cell. Also invites and removes
    guests."""
    guests = list_guests(scope)
    objects = list_grantable_objects(scope, request.GET.get("q", "").strip()[:200])
    if request.method == "POST":
        try:
            invitation = apply_form(request, scope, guests, objects)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
            return HttpResponseRedirect(request.get_full_path())
        if invitation is not None:
            return answer_with_invitation(request, invitation, request.get_full_path())
        messages.success(request, "Saved.")
        return HttpResponseRedirect(request.get_full_path())
    rights = load_rights_by_guest(guests)
    rows = [
        (
            kind,
            name,
            alias,
            [(guest, f"{guest.pk}-{kind}-{number}", rights[guest.pk][kind].get(number, "none")) for guest in guests],
        )
        for kind, number, name, alias in objects
    ]
    options = [
        (
            guest,
            [
                (f"{group}-{name}", label, (guest.options.get(group) or {}).get(name, False))
                for group, name, label in GUEST_OPTIONS
            ],
        )
        for guest in guests
    ]
    invitations = list_links_invitations(scope)
    return render_page(
        request, scope, "guests", guests=guests, rows=rows, options=options, rights=RIGHTS, invitations=invitations
    )


def list_links_invitations(scope: LinkScope) -> list[InvitationRow]:
    """List the people who were invited to links and have not joined."""
    rows = list_invitations(scope.account, clock.now())
    return [row for row in rows if row.guest is not None or {kind for kind, _, _ in row.granted} & {GROUP, DATAPOINT}]


def apply_form(
    request: HttpRequest, scope: LinkScope, guests: list[Membership], objects: list[tuple[str, int, str, str]]
) -> Invitation | None:
    """Do what the form asks: invite a guest, remove one, change options, or change rights.

    Returns an invitation that is to be mailed, if there is one. Raises ValidationError.
    """
    data, by_number = request.POST, {str(guest.pk): guest for guest in guests}
    if "email" in data:
        return services.guest_invite(
            account=scope.account, by=scope.membership, email=data["email"], name=data.get("name", "")
        )[1]
    if (leaving := by_number.get(data.get("remove", ""))) is not None:
        services.guest_delete(guest=leaving, by=scope.membership)
    elif (changed := by_number.get(data.get("options", ""))) is not None:
        options: dict[str, dict[str, bool]] = {}
        for group, name, _ in GUEST_OPTIONS:
            options.setdefault(group, {})[name] = f"{group}-{name}" in data
        services.guest_update(guest=changed, options=options)
    else:
        save_rights(data, guests, objects)
    return None


def save_rights(data: QueryDict, guests: list[Membership], objects: list[tuple[str, int, str, str]]) -> None:
    """Save the rights that were changed in the matrix."""
    rights = load_rights_by_guest(guests)
    for guest in guests:
        for kind, number, _, _ in objects:
            right = data.get(f"{guest.pk}-{kind}-{number}")
            if right in RIGHTS and rights[guest.pk][kind].get(number, "none") != right:
                grant_set(membership=guest, kind=kind, object_id=number, right=RIGHTS[right])


@require_safe
@never_cache
@links_page("guests", may="manage")
def show_guest_key(request: HttpRequest, scope: LinkScope, member_id: int) -> HttpResponse:
    """Show the key of one of the account's guests."""
    guest = get_object_or_404(Membership, account=scope.account, role=Role.GUEST, pk=member_id)
    record_shown("own_key.shown", guest, guest.authkey, label=guest.display_name)
    title = f"Key of {guest.display_name}"
    return render_secrets(request, title, {"authkey": guest.authkey}, back=reverse("links:guests"))


@require_safe
@links_page("toolbox", may="view")
def show_toolbox(request: HttpRequest, scope: LinkScope) -> HttpResponse:
    """Render every operation, to be tried with the account's key (owners) or the member's own; it is fetched when
    needed."""
    owner = scope.membership.role == Role.OWNER
    address = reverse("accounts:account-key") if owner else f"{reverse('accounts:own-key')}?next={request.path}"
    return render_page(request, scope, "toolbox", address=address, owner=owner, by_tag=group_by_tag())
