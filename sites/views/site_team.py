"""Page of the users of one site: the account's members, and the guests it is shared with."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone as clock
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.forms import add_errors
from accounts.invitation_lists import answer_with_invitation, list_invitations
from accounts.models import Invitation, Membership, Right, Role
from accounts.permissions import find_membership
from accounts.selectors import list_members
from accounts.services import grant_set
from accounts.services.invitations import invitation_create, load_open_invitation_grants
from accounts.validators import normalize_address
from sites.forms import SiteShareForm
from sites.models import Site
from sites.selectors import KIND, get_site_or_404
from sites.settings_pages import build_settings_context


@login_required
@never_cache
def list_team(request: HttpRequest, site_id: int) -> HttpResponse:
    """List the users who may open the site; a POST shares it with another person."""
    site = get_site_or_404(request, site_id, may="manage")
    form = SiteShareForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            invitation, sentence = share(request, site, **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            if invitation is not None:
                return answer_with_invitation(request, invitation, request.path)
            messages.success(request, sentence)
            return redirect("sites:team", site_id)
    invitations = [
        row
        for row in list_invitations(site.account, clock.now())
        if (KIND, site.pk) in {(kind, number) for kind, number, _ in row.granted}
    ]
    context = {"form": form, "people": list_users(site), "rights": Right.choices, "invitations": invitations}
    return render(request, "sites/team.html", {**context, **build_settings_context(request, site, "team")})


def list_users(site: Site) -> list[dict[str, object]]:
    """List members with their right on this site, then guests who were invited to it and have not accepted.

    Guests without a right on it are left out.
    """
    memberships: list[Membership] = [
        *list_members(site.account),
        *site.account.memberships.pending().select_related("user"),
    ]
    users: list[dict[str, object]] = []
    for member in memberships:
        right = next((g.right for g in member.grants.all() if (g.kind, g.object_id) == (KIND, site.pk)), "")
        if member.role != Role.GUEST or right:
            users.append({"member": member, "right": right, "guest": member.role == Role.GUEST})
    return users


def share(request: HttpRequest, site: Site, email: str, right: str) -> tuple[Invitation | None, str]:
    """Grant the right to a guest of the account, or invite the person.

    Returns the invitation to mail, or else a sentence for the page. Raises ValidationError.
    """
    address = normalize_address(email)
    member = site.account.memberships.filter(user__email=address).first()
    if member is not None and member.role != Role.GUEST:
        raise ValidationError({"email": "This person sees the whole account already."})
    if site.account.invitations.open().filter(email=address).exclude(role=Role.GUEST).exists():
        raise ValidationError({"email": "This person is invited to the whole account already."})
    if member is not None:
        grant_set(membership=member, kind=KIND, object_id=site.pk, right=right)
        when = "now" if member.accepted else "once they accept their invitation"
        return None, f"{address} may open {site} {when}."
    inviter = find_membership(request.user, site.account)
    assert inviter is not None  # `get_site_or_404` has checked it
    grants = [*load_open_invitation_grants(site.account, address), (KIND, site.pk, right)]  # the last one counts
    return invitation_create(account=site.account, email=address, role=Role.GUEST, by=inviter, grants=grants), ""


@login_required
@require_POST
def remove_guest(request: HttpRequest, site_id: int, member_id: int) -> HttpResponse:
    """Revoke a guest's right on this site."""
    site = get_site_or_404(request, site_id, may="manage")
    member = site.account.memberships.filter(pk=member_id, role=Role.GUEST).first()
    if member is None:
        raise Http404("No such guest.")
    grant_set(membership=member, kind=KIND, object_id=site.pk, right=None)
    messages.success(request, f"{member.display_name} no longer sees {site}.")
    return redirect("sites:team", site_id)
