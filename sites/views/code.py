"""The tracking code: the snippet, whether it is installed, and the first live hit."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone as clock
from django.views.decorators.cache import never_cache

from accounts import throttle
from sites.access import site_for
from sites.installation import Finding, check
from sites.live import traffic
from sites.models import Site
from sites.navigation import settings_context
from sites.views.settings import our_host


def snippet(site: Site, host: str) -> str:
    """What a site's owner puts into the page."""
    return (
        f'<script async data-id="{site.pk}" src="//{host}/js"></script>\n'
        f'<noscript><img alt="" width="1" height="1" src="//{host}/{site.pk}ns.gif"></noscript>'
    )


@login_required
@never_cache
def tracking_code(request: HttpRequest, site_id: int) -> HttpResponse:
    """The snippet; a POST checks a page for it."""
    site = site_for(request, site_id, may="edit")
    host = our_host(request, site)
    url = request.POST.get("url", "")
    finding = checked(request, site, url, host) if request.method == "POST" else None
    context: dict[str, Any] = {
        "snippet": snippet(site, host),
        "finding": finding,
        "url": url or f"https://{site.domain}/",
    }
    context["traffic"] = traffic(site.pk, clock.now())
    return render(request, "sites/tracking_code.html", {**context, **settings_context(request, site, "tracking-code")})


def checked(request: HttpRequest, site: Site, url: str, host: str) -> Finding:
    """Check the page, not too often for one person."""
    limit = (throttle.CHECK_USER, str(request.user.pk))
    if wait := throttle.count_attempt(limit):
        return Finding(False, throttle.refusal_message(wait, "checks"))
    return check(site, url, host)


@login_required
@never_cache
def first_hit(request: HttpRequest, site_id: int) -> HttpResponse:
    """Only the part that waits for the first hit; asked again and again while nothing came. A page of its own
    where there is no script."""
    site = site_for(request, site_id, may="edit")
    context = {"traffic": traffic(site.pk, clock.now()), **settings_context(request, site, "tracking-code")}
    template = "sites/_first_hit.html" if request.headers.get("HX-Request") else "sites/first_hit.html"
    return render(request, template, context)
