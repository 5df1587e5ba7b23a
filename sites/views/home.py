"""The start page and the page of a new site. The list of sites shows figures, so it belongs to the reports."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from accounts.forms import add_errors
from accounts.models import Account
from accounts.permissions import get_current_membership, list_memberships, membership_may
from sites.access import sites_for_actor
from sites.forms import NewSiteForm
from sites.services import site_create


@login_required
def redirect_home(request: HttpRequest) -> HttpResponse:
    """Redirect to the user's only site, else to the list of sites."""
    sites = list(sites_for_actor(request.user)[:2])
    return redirect("dashboard:overview", sites[0].pk) if len(sites) == 1 else redirect("dashboard:sites")


def list_managed_accounts(request: HttpRequest) -> list[Account]:
    """Return the accounts in which the user may create sites, the current one first."""
    memberships = list_memberships(request.user)
    managed = [membership.account for membership in memberships if membership_may(membership, "manage")]
    current = get_current_membership(request).account_id if managed else None
    return sorted(managed, key=lambda account: account.pk != current)


@login_required
def create_site(request: HttpRequest) -> HttpResponse:
    """Show the form of a new site, or create the site and continue with its tracking code."""
    accounts = list_managed_accounts(request)
    if not accounts:
        raise Http404("You manage no account.")
    form = NewSiteForm(request.POST or None, accounts=accounts)
    if request.method == "POST" and form.is_valid():
        try:
            site = site_create(**form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            return redirect("sites:tracking-code", site.pk)
    return render(request, "sites/new.html", {"form": form, "section": "sites"})
