"""Links that people and programs kept: `/stats/visitors?site_id=…&ip_address=…` leads to our page of the same.

People who are not logged in are asked to by the page that the link leads to. Only a link with a date reads the site
here, for its time zone, and only for people who may see the site.
"""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone as clock
from django.views.decorators.http import require_safe

from reports.clicky import dates
from reports.clicky.errors import ClickyError
from reports.clicky.filters import path_of
from reports.clicky.words import country_code
from reports.engine.period import zone_names
from sites.access import site_for

# Their page -> our section. What is not here leads to the overview, where everything starts.
SECTIONS = {
    "": "", "home": "", "visitors": "visitors", "visitors-actions": "visitors", "actions": "visitors",
    "visitors-online": "spy", "spy": "spy", "bigscreen": "", "goals": "goals", "goals-setup": "goals",
    "pages": "content", "pages-entrance": "content", "pages-exit": "content", "downloads": "content",
    "content": "content", "links": "sources", "links-domains": "sources", "searches": "sources",
    "traffic-sources": "sources", "campaigns": "sources", "links-outbound": "content", "events": "content",
    "clicks": "content", "heatmaps": "heatmaps", "uptime": "uptime", "links-recent": "sources", "wp-iframe": "",
}  # fmt: skip
FILTERS = {
    "ip_address": "ip", "uid": "visitor_id", "session_id": "visit", "href": "page", "country": "country",
    "city": "city", "browser": "browser", "os": "os", "campaign": "utm_campaign", "domain": "referrer_domain",
    "search": "search_term", "landing": "entry_page", "exit": "exit_page",
}  # fmt: skip
PATHS = ("page", "entry_page", "exit_page")


@require_safe
def stats(request: HttpRequest, page: str = "") -> HttpResponse:
    """`/stats/<page>?site_id=…`; without a site, the list of sites."""
    site_id = request.GET.get("site_id", "")
    if not site_id:
        return HttpResponseRedirect("/sites")
    if not (site_id.isascii() and site_id.isdigit() and len(site_id) < 19):
        raise Http404("No such site.")
    if request.GET.get("date") and not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    section = SECTIONS.get(page.strip("/").lower(), "")
    query = urlencode([*period(request, int(site_id)), *filters(request)])
    return HttpResponseRedirect(f"/sites/{int(site_id)}/{section}" + (f"?{query}" if query else ""))


def period(request: HttpRequest, site_id: int) -> list[tuple[str, str]]:
    """The days of `date`, if it is given and valid. Raises Http404 for a site that the user may not see."""
    given = request.GET.get("date", "")
    if not given:
        return []
    zone = site_for(request, site_id).timezone
    try:
        found = dates.parse(given, zone if zone in zone_names() else "UTC", clock.now())
    except ClickyError:
        return []
    return [("period", f"{found.first}..{found.last}")]


def filters(request: HttpRequest) -> list[tuple[str, str]]:
    found = []
    for theirs, ours in FILTERS.items():
        if value := request.GET.get(theirs, "")[:500]:
            value = path_of(value) if ours in PATHS else country_code(value) if ours == "country" else value
            found.append((ours, value))
    return found


@require_safe
def preferences(request: HttpRequest, page: str = "") -> HttpResponse:
    """`/user/preferences/site?site_id=…`: the site's settings."""
    site_id = request.GET.get("site_id", "")
    if site_id.isascii() and site_id.isdigit() and len(site_id) < 19:
        return HttpResponseRedirect(f"/sites/{int(site_id)}/settings")
    return HttpResponseRedirect("/sites")


@require_safe
def site(request: HttpRequest, site_id: int) -> HttpResponse:
    """`/<site_id>`: where the badge leads."""
    return HttpResponseRedirect(f"/sites/{site_id}/")
