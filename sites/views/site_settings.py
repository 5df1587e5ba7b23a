"""Pages of a site's settings that are forms over its fields."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from accounts.branding import find_script_host
from accounts.forms import add_errors
from accounts.models import HostClaim, Purpose
from accounts.selectors import find_claim
from accounts.settings_parts import check_host_now
from sites.forms import CountingForm, ExclusionsForm, GeneralForm, PrivacyForm, ProxyForm, SiteForm, TrackerForm
from sites.models import Site
from sites.selectors import get_site_or_404, may_on_site
from sites.services import site_delete, site_update
from sites.settings_pages import build_settings_context

FORMS: dict[str, type[SiteForm]] = {
    "general": GeneralForm,
    "tracker": TrackerForm,
    "privacy": PrivacyForm,
    "exclusions": ExclusionsForm,
    "counting": CountingForm,
    "proxy": ProxyForm,
}


@login_required
def redirect_to_first_page(request: HttpRequest, site_id: int) -> HttpResponse:
    """Redirect to the first of the settings pages."""
    get_site_or_404(request, site_id, may="edit")
    return redirect("sites:general", site_id)


@login_required
def edit_settings(request: HttpRequest, site_id: int, slug: str) -> HttpResponse:
    """Show or save one of the forms."""
    site = get_site_or_404(request, site_id, may="edit")
    form = FORMS[slug].from_site(site, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            site_update(site=site, **form.build_changes(site))
        except ValidationError as error:
            site.refresh_from_db()
            add_errors(form, error)
        else:
            messages.success(request, "Saved. Changes take effect within two seconds.")
            return redirect(request.path)
    context = {
        "form": form,
        "may_delete": may_on_site(request.user, site, "manage"),
        "our_host": get_snippet_host(request, site),
        "claim": find_domain_claim(site),
    }
    return render(request, f"sites/{slug}.html", {**context, **build_settings_context(request, site, slug)})


def get_snippet_host(request: HttpRequest, site: Site) -> str:
    """Return the host in the site's snippet: the account's own one if it has one, else the host of this request."""
    return find_script_host(site.account) or request.get_host()


def find_domain_claim(site: Site) -> HostClaim | None:
    """Return the claim on the site's domain; None for a name that is not public."""
    return find_claim(site.account, site.domain, Purpose.SITE)


@login_required
@require_POST
def check_domain(request: HttpRequest, site_id: int) -> HttpResponse:
    """Look now for the DNS record that verifies the site's domain."""
    claim = find_domain_claim(get_site_or_404(request, site_id, may="edit"))
    if claim is not None:
        check_host_now(request, claim)
    return redirect("sites:general", site_id)


@login_required
@require_POST
def delete_site(request: HttpRequest, site_id: int) -> HttpResponse:
    """Delete the site if its domain was typed as a confirmation."""
    site = get_site_or_404(request, site_id, may="manage")
    if request.POST.get("domain", "").strip().lower() != site.domain:
        messages.error(request, "Type the site's domain to delete it.")
        return redirect("sites:general", site_id)
    site_delete(site=site)
    messages.success(request, f"{site} is deleted. Its hits are rejected from now on.")
    return redirect("dashboard:sites")
