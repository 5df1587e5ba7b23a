"""Pages about the tracking code: the snippet, the installation check, and the first hit."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone as clock
from django.views.decorators.cache import never_cache

from accounts.security import rate_limits
from sites.access import site_for
from sites.installation_check import Finding, check_installation, read_latest_traffic
from sites.models import Site
from sites.settings_pages import build_settings_context
from sites.views.settings import snippet_host


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
    site = site_for(request, site_id, may="edit")
    host = snippet_host(request, site)
    url = request.POST.get("url", "")
    check_result = check_page(request, site, url, host) if request.method == "POST" else None
    context: dict[str, Any] = {
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
    site = site_for(request, site_id, may="edit")
    context = {
        "traffic": read_latest_traffic(site.pk, clock.now()),
        **build_settings_context(request, site, "tracking-code"),
    }
    template = "sites/_first_hit.html" if request.headers.get("HX-Request") else "sites/first_hit.html"
    return render(request, template, context)
