"""The start page, the form of a new site, and what follows it: its tracking code, the check of its installation and the
first hit. The list of sites shows figures, so it belongs to the reports.
"""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone as clock
from django.views.decorators.cache import never_cache

from accounts.forms import add_errors
from accounts.models import Account
from accounts.permissions import check_has_active_account, get_current_membership, list_memberships, membership_may
from accounts.security import rate_limits
from sites.forms import NewSiteForm
from sites.installation_check import Finding, check_installation, read_latest_traffic
from sites.models import Site
from sites.selectors import get_site_or_404, select_sites
from sites.services import site_create
from sites.settings_pages import build_settings_context
from sites.views.site_settings import get_snippet_host


@login_required
def redirect_home(request: HttpRequest) -> HttpResponse:
    """Redirect to the user's only site, else to the list of sites."""
    check_has_active_account(request)
    sites = list(select_sites(request.user)[:2])
    return redirect("dashboard:overview", sites[0].pk) if len(sites) == 1 else redirect("dashboard:sites")


def list_managed_accounts(request: HttpRequest) -> list[Account]:
    """Return the accounts in which the user may create sites, the current one first."""
    memberships = list_memberships(request.user)
    managed = [membership.account for membership in memberships if membership_may(membership, "manage")]
    current = get_current_membership(request).account_id if managed else None
    return sorted(managed, key=lambda account: account.pk != current)


def may_add_sites(request: HttpRequest) -> bool:
    """Return whether there is an account in which the user may create sites. Who manages those of clients manages the
    agency's, so they need not be listed."""
    return any(membership_may(membership, "manage") for membership in list_memberships(request.user, clients=[]))


@login_required
def create_site(request: HttpRequest) -> HttpResponse:
    """Show the form of a new site, or create the site and continue with its tracking code."""
    check_has_active_account(request)
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


def build_snippet(site: Site, host: str) -> str:
    """Build the HTML that a site's owner adds to each page."""
    return (
        f'<script async data-id="{site.pk}" src="//{host}/js"></script>\n'
        f'<noscript><img alt="" width="1" height="1" src="//{host}/{site.pk}ns.gif"></noscript>'
    )


@login_required
@never_cache
def show_tracking_code(request: HttpRequest, site_id: int) -> HttpResponse:
    """Show the snippet; a POST checks whether a page has it."""
    site = get_site_or_404(request, site_id, may="edit")
    host = get_snippet_host(request, site)
    url = request.POST.get("url", "")
    check_result = check_page(request, site, url, host) if request.method == "POST" else None
    context: dict[str, object] = {
        "snippet": build_snippet(site, host),
        "check_result": check_result,
        "url": url or f"https://{site.domain}/",
    }
    context["traffic"] = read_latest_traffic(site.pk, clock.now())
    return render(
        request, "sites/tracking_code.html", {**context, **build_settings_context(request, site, "tracking-code")}
    )


def check_page(request: HttpRequest, site: Site, url: str, host: str) -> Finding:
    """Check a page for the tracking code, within the user's rate limit."""
    limit = (rate_limits.CHECK_USER, str(request.user.pk))
    if wait := rate_limits.count_attempt(limit):
        return Finding(False, rate_limits.format_wait_message(wait, "checks"))
    return check_installation(site, url, host)


@login_required
@never_cache
def show_first_hit(request: HttpRequest, site_id: int) -> HttpResponse:
    """Show whether the first hit has arrived: the part of the page that is polled, or a full page without scripts."""
    site = get_site_or_404(request, site_id, may="edit")
    context = {
        "traffic": read_latest_traffic(site.pk, clock.now()),
        **build_settings_context(request, site, "tracking-code"),
    }
    template = "sites/_first_hit.html" if request.headers.get("HX-Request") else "sites/first_hit.html"
    return render(request, template, context)
