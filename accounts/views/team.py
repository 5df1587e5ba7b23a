"""The team of an account: members and their roles, guests and their grants, open invitations, exposed keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone as clock
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.forms import InviteForm, RoleForm, add_errors
from accounts.invitation_lists import answer_with_invitation, list_invitations
from accounts.models import Account, ExposedKey, Membership, Right, Role
from accounts.permissions import GRANT_KINDS, get_current_account, get_current_membership
from accounts.revocation import exposed_key_dismiss, exposed_key_replace, format_exposed_keys, list_ending_access
from accounts.selectors import list_members
from accounts.services import member_access_set, member_remove
from accounts.services.invitations import invitation_create
from accounts.settings_parts import build_account_navigation

MAX_CHOICES = 200  # objects of one kind on a page
MAX_EXPOSED_KEYS = 100  # exposed keys on a page


def parse_posted_grants(request: HttpRequest) -> list[tuple[str, int, str]]:
    """Parse (kind, id, right) from the form's fields, which are named `grant-<kind>-<id>` and contain rights."""
    grants = []
    for name, right in request.POST.items():
        prefix, _, rest = name.partition("-")
        kind, _, number = rest.rpartition("-")
        if prefix == "grant" and kind in GRANT_KINDS and number.isascii() and number.isdigit() and right:
            grants.append((kind, int(number), str(right)))
    return grants


class GrantChoice(TypedDict):
    """An object, the name of its field in the form, and the right that is granted on it ("" = none)."""

    name: str
    label: str
    right: str


class GrantChoices(TypedDict):
    """The objects of one kind; `more`: there are others, which the search finds."""

    label: str
    objects: list[GrantChoice]
    more: bool


def build_grant_choices(account: Account, rights: dict[tuple[str, int], str], search: str = "") -> list[GrantChoices]:
    """Build the choices of every kind: granted objects, then up to MAX_CHOICES others whose name contains `search`.

    Granted objects are always included, because saving the form
    replaces all grants.
    """
    choices: list[GrantChoices] = []
    for kind in GRANT_KINDS.values():
        granted_rights = {number: right for (name, number), right in rights.items() if name == kind.name}
        offered = kind.search(account, search, MAX_CHOICES + 1)
        rows = [
            *kind.existing(account, granted_rights),
            *(row for row in offered[:MAX_CHOICES] if row[0] not in granted_rights),
        ]
        objects: list[GrantChoice] = [
            {"name": f"grant-{kind.name}-{number}", "label": label, "right": granted_rights.get(number, "")}
            for number, label in rows
        ]
        choices.append({"label": kind.label, "objects": objects, "more": len(offered) > MAX_CHOICES})
    return choices


def build_choices_context(
    request: HttpRequest, account: Account, rights: dict[tuple[str, int], str]
) -> Mapping[str, object]:
    """Build the context of the table of rights. `?q=` searches; the search field appears if not all objects fit."""
    search = request.GET.get("q", "").strip()[:200]
    kinds = build_grant_choices(account, rights, search)
    searchable = bool(search) or any(kind["more"] for kind in kinds)
    return {"kinds": kinds, "rights": Right.choices, "search": search, "searchable": searchable}


def render_team_page(request: HttpRequest, form: InviteForm) -> HttpResponse:
    """Render the team's page."""
    account = get_current_account(request, may="manage")
    acting = get_current_membership(request)
    context = {
        "account": account,
        "form": form,
        "members": list_members(account),
        "invitations": list_invitations(account, clock.now()),
        "exposed_keys": build_exposed_rows(account, acting),
        "more_exposed_keys": max(0, account.exposed_keys.count() - MAX_EXPOSED_KEYS),
        **build_choices_context(request, account, {}),
        "settings_nav": build_account_navigation(request, "team"),
        "section": "settings",
    }
    return render(request, "accounts/team.html", context)


def build_exposed_rows(account: Account, acting: Membership) -> list[dict[str, object]]:
    """Build rows of exposed keys with what they belong to; only owners can replace the account's own key."""
    rows = list(account.exposed_keys.order_by("-since", "person", "kind", "object_id")[:MAX_EXPOSED_KEYS])
    labels = format_exposed_keys(account, rows)
    return [
        {"key": row, "label": label, "replaceable": row.kind != "account" or acting.role == Role.OWNER}
        for row, label in zip(rows, labels, strict=True)
    ]


@login_required
@never_cache
def manage_team(request: HttpRequest) -> HttpResponse:
    """List members, guests and invitations; the form invites a person."""
    account = get_current_account(request, may="manage")
    acting = get_current_membership(request)
    form = InviteForm(request.POST or None, may_own=acting.role == Role.OWNER)
    if request.method == "POST" and form.is_valid():
        try:
            invitation = invitation_create(
                account=account, by=acting, grants=parse_posted_grants(request), **form.cleaned_data
            )
        except ValidationError as error:
            add_errors(form, error)
        else:
            return answer_with_invitation(request, invitation, reverse("accounts:team"))
    return render_team_page(request, form)


def get_member(request: HttpRequest, member_id: int) -> Membership:
    """Return a membership, accepted or pending, of the account that the user manages. Raises Http404."""
    account = get_current_account(request, may="manage")
    membership: Membership | None = account.memberships.filter(pk=member_id).select_related("user", "account").first()
    if membership is None:
        raise Http404("No such member.")
    return membership


@login_required
@never_cache
def edit_member(request: HttpRequest, member_id: int) -> HttpResponse:
    """Edit a member: the role, and for a guest the grants."""
    membership = get_member(request, member_id)
    if membership.accepted is None:
        raise Http404("No such member.")
    form = RoleForm(request.POST or None, initial={"role": membership.role})
    if request.method == "POST" and form.is_valid():
        role = form.cleaned_data["role"]
        grants = parse_posted_grants(request) if role == Role.GUEST else []
        try:
            member_access_set(membership=membership, role=role, grants=grants, by=get_current_membership(request))
        except ValidationError as error:
            membership.refresh_from_db()
            add_errors(form, error)
        else:
            messages.success(request, "Saved.")
            return redirect("accounts:team")
    rights = {(grant.kind, grant.object_id): grant.right for grant in membership.grants.all()}
    context = {
        "member": membership,
        "form": form,
        "ending_access": list_ending_access(membership),
        **build_choices_context(request, membership.account, rights),
        "settings_nav": build_account_navigation(request, "team"),
        "section": "settings",
    }
    return render(request, "accounts/member.html", context)


@login_required
@require_POST
def remove_member(request: HttpRequest, member_id: int) -> HttpResponse:
    """Remove a member, or a pending member with the invitation, from the account."""
    try:
        membership = get_member(request, member_id)
        member_remove(membership=membership, by=get_current_membership(request))
        message = f"{membership.user.email} is removed." if membership.accepted else "The invitation was revoked."
        messages.success(request, message)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("accounts:team")


def redirect_with_error(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Redirect to the team's page, which shows the error."""
    messages.error(request, " ".join(error.messages))
    return redirect("accounts:team")


def get_exposed_key(request: HttpRequest, exposed_id: int) -> ExposedKey:
    """Return an exposed key of the account that the user manages. Raises Http404."""
    account = get_current_account(request, may="manage")
    exposed_key: ExposedKey | None = account.exposed_keys.filter(pk=exposed_id).select_related("account").first()
    if exposed_key is None:
        raise Http404("No such key.")
    return exposed_key


@login_required
@require_POST
def replace_exposed_key(request: HttpRequest, exposed_id: int) -> HttpResponse:
    """Replace an exposed key."""
    try:
        exposed_key_replace(exposed=get_exposed_key(request, exposed_id), by=get_current_membership(request))
    except ValidationError as error:
        return redirect_with_error(request, error)
    messages.success(request, "Replaced. Programs with the old key no longer work.")
    return redirect("accounts:team")


@login_required
@require_POST
def dismiss_exposed_key(request: HttpRequest, exposed_id: int) -> HttpResponse:
    """Remove an exposed key from the list without replacing it."""
    exposed_key_dismiss(exposed=get_exposed_key(request, exposed_id))
    messages.success(request, "The key was not replaced.")
    return redirect("accounts:team")
