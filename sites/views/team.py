"""Who may see one site: the account's members, and the guests it was shared with."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from accounts.access import members_of, membership_for
from accounts.forms import add_mistakes
from accounts.invitations import invitation_create
from accounts.models import Right, Role
from accounts.services import grant_set
from accounts.views.team import mail_invitation
from sites.access import KIND, site_for
from sites.forms import ShareForm
from sites.models import Site
from sites.navigation import settings_context


@login_required
def team(request: HttpRequest, site_id: int) -> HttpResponse:
    """Everybody who may open the site; the form shares it with one more person."""
    site = site_for(request, site_id, may="manage")
    form = ShareForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            messages.success(request, share(request, site, **form.cleaned_data))
        except ValidationError as error:
            add_mistakes(form, error)
        else:
            return redirect("site-team", site_id)
    context = {"form": form, "people": people(site), "rights": Right.choices}
    return render(request, "sites/team.html", {**context, **settings_context(request, site, "team")})


def people(site: Site) -> list[dict[str, object]]:
    """Members with what they may do with this site; guests without a right on it are left out."""
    found = []
    for member in members_of(site.account):
        right = next((g.right for g in member.grants.all() if (g.kind, g.object_id) == (KIND, site.pk)), "")
        if member.role != Role.GUEST or right:
            found.append({"member": member, "right": right, "guest": member.role == Role.GUEST})
    return found


def share(request: HttpRequest, site: Site, email: str, right: str) -> str:
    """Give a guest of the account the right, or invite the person; the sentence to show. Raises ValidationError."""
    address = email.strip().lower()
    member = site.account.memberships.filter(user__email=address).first()
    if member is not None and member.role != Role.GUEST:
        raise ValidationError({"email": "This person sees the whole account already."})
    if member is not None:
        grant_set(membership=member, kind=KIND, object_id=site.pk, right=right)
        return f"{address} may open {site} now."
    mine = membership_for(request.user, site.account)
    assert mine is not None  # site_for said so
    grants = [(KIND, site.pk, right)]
    made = invitation_create(account=site.account, email=address, role=Role.GUEST, by=mine, grants=grants)
    sent = mail_invitation(made, request.user)
    return "Invited." if sent else "The mail could not be sent; the link stands on the account's Team page."


@login_required
@require_POST
def unshare(request: HttpRequest, site_id: int, member_id: int) -> HttpResponse:
    """Take a guest's right on this site away."""
    site = site_for(request, site_id, may="manage")
    member = site.account.memberships.filter(pk=member_id, role=Role.GUEST).first()
    if member is None:
        raise Http404("No such guest.")
    grant_set(membership=member, kind=KIND, object_id=site.pk, right=None)
    messages.success(request, f"{member.user} no longer sees {site}.")
    return redirect("site-team", site_id)
