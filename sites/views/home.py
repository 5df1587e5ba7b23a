"""Where one begins, and a new site. The list of sites has numbers and stands with the reports."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from accounts.access import current_membership, membership_may, memberships_of
from accounts.forms import add_mistakes
from accounts.models import Account
from sites.access import sites_of
from sites.forms import NewSiteForm
from sites.services import site_create


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """To the only site one has, else to the list."""
    mine = list(sites_of(request.user)[:2])
    return redirect(f"/sites/{mine[0].pk}/" if len(mine) == 1 else "/sites")


def own_accounts(request: HttpRequest) -> list[Account]:
    """The accounts in which the person may make sites, the current one first."""
    managed = [found.account for found in memberships_of(request.user) if membership_may(found, "manage")]
    current = current_membership(request).account_id if managed else None
    return sorted(managed, key=lambda account: account.pk != current)


@login_required
def site_new(request: HttpRequest) -> HttpResponse:
    """A new site; then its tracking code."""
    accounts = own_accounts(request)
    if not accounts:
        raise Http404("You manage no account.")
    form = NewSiteForm(request.POST or None, accounts=accounts)
    if request.method == "POST" and form.is_valid():
        try:
            site = site_create(**form.cleaned_data)
        except ValidationError as error:
            add_mistakes(form, error)
        else:
            return redirect("site-tracking-code", site.pk)
    return render(request, "sites/new.html", {"form": form, "section": "sites"})
