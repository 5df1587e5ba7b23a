"""Who may see one site: the account's members, and the guests it was shared with."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.access import members_of, membership_for
from accounts.forms import add_mistakes
from accounts.invitations import (
    InvitationMail,
    grants_of_open_invitation,
    invitation_create,
    mail_invitation,
)
from accounts.models import Membership, Right, Role
from accounts.services import grant_set
from sites.access import KIND, site_for
from sites.forms import ShareForm
from sites.models import Site
from sites.navigation import settings_context


@login_required
@never_cache
def team(request: HttpRequest, site_id: int) -> HttpResponse:
    """Everybody who may open the site; the form shares it with one more person."""
    site = site_for(request, site_id, may="manage")
    form = ShareForm(request.POST or None)
    sent: InvitationMail | None = None
    if request.method == "POST" and form.is_valid():
        try:
            sent, sentence = share(request, site, **form.cleaned_data)
        except ValidationError as error:
            add_mistakes(form, error)
        else:
            if sent is None or not sent.link:
                (messages.error if sent and not sent.mailed else messages.success)(request, sentence)
                return redirect("site-team", site_id)
            form = ShareForm()
    context = {"form": form, "people": people(site), "rights": Right.choices, "sent": sent}
    return render(request, "sites/team.html", {**context, **settings_context(request, site, "team")})


def people(site: Site) -> list[dict[str, object]]:
    """Members with what they may do with this site, then guests who were invited to it and have not accepted.

    Guests without a right on it are left out.
    """
    rows: list[Membership] = [*members_of(site.account), *site.account.memberships.pending().select_related("user")]
    found: list[dict[str, object]] = []
    for member in rows:
        right = next((g.right for g in member.grants.all() if (g.kind, g.object_id) == (KIND, site.pk)), "")
        if member.role != Role.GUEST or right:
            found.append({"member": member, "right": right, "guest": member.role == Role.GUEST})
    return found


def share(request: HttpRequest, site: Site, email: str, right: str) -> tuple[InvitationMail | None, str]:
    """Give a guest of the account the right, or invite the person: (the mail, if one was due; the sentence to show).

    Raises ValidationError.
    """
    address = email.strip().lower()
    member = site.account.memberships.filter(user__email=address).first()
    if member is not None and member.role != Role.GUEST:
        raise ValidationError({"email": "This person sees the whole account already."})
    if site.account.invitations.open().filter(email=address).exclude(role=Role.GUEST).exists():
        raise ValidationError({"email": "This person is invited to the whole account already."})
    if member is not None:
        grant_set(membership=member, kind=KIND, object_id=site.pk, right=right)
        when = "now" if member.accepted else "once they accept their invitation"
        return None, f"{address} may open {site} {when}."
    mine = membership_for(request.user, site.account)
    assert mine is not None  # site_for said so
    grants = [*grants_of_open_invitation(site.account, address), (KIND, site.pk, right)]  # the last one counts
    made = invitation_create(account=site.account, email=address, role=Role.GUEST, by=mine, grants=grants)
    sent = mail_invitation(made, request.user)
    return sent, sent.message


@login_required
@require_POST
def unshare(request: HttpRequest, site_id: int, member_id: int) -> HttpResponse:
    """Take a guest's right on this site away."""
    site = site_for(request, site_id, may="manage")
    member = site.account.memberships.filter(pk=member_id, role=Role.GUEST).first()
    if member is None:
        raise Http404("No such guest.")
    grant_set(membership=member, kind=KIND, object_id=site.pk, right=None)
    messages.success(request, f"{member.shown_name} no longer sees {site}.")
    return redirect("site-team", site_id)
