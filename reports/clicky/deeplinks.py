"""Old links into Clicky: `/stats/visitors?site_id=…&ip_address=…` redirects to our page of the same content.

The page that the link leads to asks for a log-in. Only a link with a date loads the site here, for its time zone, and
only for users who may see the site.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils import timezone as clock
from django.views.decorators.http import require_safe

from reports.clicky.dates import find_known_zone, parse_dates
from reports.clicky.errors import ClickyError
from reports.clicky.filters import extract_path
from reports.clicky.stats_request import is_site_id
from reports.clicky.terms import find_product, is_unknown, parse_country, parse_place
from reports.query import QueryRefused
from sites.models import Site
from sites.selectors import get_site_or_404

# Clicky's page -> our section; all other pages lead to the overview
SECTIONS = {
    "visitors": "visitors", "visitors-actions": "visitors", "actions": "visitors",
    "visitors-online": "spy", "spy": "spy", "goals": "goals", "goals-setup": "goals",
    "pages": "content", "pages-entrance": "content", "pages-exit": "content", "downloads": "content",
    "content": "content", "links": "sources", "links-domains": "sources", "searches": "sources",
    "traffic-sources": "sources", "campaigns": "sources", "links-outbound": "content", "events": "content",
    "clicks": "content", "heatmaps": "heatmaps", "uptime": "uptime", "links-recent": "sources",
}  # fmt: skip
MAX_VALUE_LENGTH = 500
FilterParameters = list[tuple[str, str]]


def map_page(dimension: str, value: str) -> FilterParameters:
    return [(dimension, extract_path(value))]


def map_text(dimension: str, value: str) -> FilterParameters:
    return [(dimension, "" if is_unknown(value) else value)]


def map_country(dimension: str, value: str) -> FilterParameters:
    """Return the country's code; nothing for a country that does not exist."""
    try:
        return [(dimension, parse_country(value))]
    except QueryRefused:
        return []


def map_version(dimension: str, value: str) -> FilterParameters:
    """Split `Google Chrome 120` or `Windows 10` into name and version."""
    name, _, version = value.rpartition(" ")
    if name and version[:1].isdigit():
        return [(dimension, find_product(name)), (f"{dimension}_version", version)]
    return map_text(dimension, find_product(value))


def map_city(dimension: str, value: str) -> FilterParameters:
    """Split `Austin, Texas, USA` into city, region and country."""
    if is_unknown(value):
        return [(dimension, "")]
    parts = zip((dimension, "region", "country"), parse_place(value), strict=True)
    return [(name, part) for name, part in parts if part]


# Clicky's filter -> what returns the dashboard's parameters, and the dimension that it is about
FILTER_MAPPINGS: dict[str, tuple[Callable[[str, str], FilterParameters], str]] = {
    "ip_address": (map_text, "ip"), "uid": (map_text, "visitor_id"), "session_id": (map_text, "visit"),
    "href": (map_page, "page"), "landing": (map_page, "entry_page"), "exit": (map_page, "exit_page"),
    "country": (map_country, "country"), "city": (map_city, "city"), "browser": (map_version, "browser"),
    "os": (map_version, "os"), "campaign": (map_text, "utm_campaign"), "domain": (map_text, "referrer_domain"),
    "search": (map_text, "search_term"),
}  # fmt: skip


@require_safe
def stats(request: HttpRequest, page: str = "") -> HttpResponse:
    """Redirect `/stats/<page>?site_id=…` to our page; without a site, to the list of sites."""
    site_id = request.GET.get("site_id", "")
    if not site_id:
        return redirect("dashboard:sites")
    if not is_site_id(site_id):
        raise Http404("No such site.")
    if request.GET.get("date") and not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    date, section = request.GET.get("date", ""), SECTIONS.get(page.strip("/").lower(), "")
    period = build_period_parameter(date, get_site_or_404(request, int(site_id))) if date else []
    filters = [
        pair
        for name, (map_filter, dimension) in FILTER_MAPPINGS.items()
        if (value := request.GET.get(name, "")[:MAX_VALUE_LENGTH])
        for pair in map_filter(dimension, value)
    ]
    query = urlencode([*period, *filters])
    return HttpResponseRedirect(f"/sites/{int(site_id)}/{section}" + (f"?{query}" if query else ""))


def build_period_parameter(date: str, site: Site) -> FilterParameters:
    """Return the dashboard's parameter for a Clicky date; none for an empty or invalid date."""
    try:
        days = parse_dates(date, find_known_zone(site.timezone), clock.now())
    except ClickyError:
        return []
    return [("period", f"{days.first}..{days.last}")]


@require_safe
def preferences(request: HttpRequest, page: str = "") -> HttpResponse:
    """Redirect `/user/preferences/site?site_id=…` to the site's settings."""
    site_id = request.GET.get("site_id", "")
    if is_site_id(site_id):
        return redirect("sites:settings", int(site_id))
    return redirect("dashboard:sites")


@require_safe
def flag(request: HttpRequest, country: str) -> HttpResponse:
    """Answer `/media/flags/<country code>.gif`, which pages of other sites embed; `xx` is an unknown country."""
    try:
        image = (settings.BASE_DIR / "static" / "flags" / f"{country.lower()}.gif").read_bytes()
    except FileNotFoundError:
        return HttpResponse("There is no such flag.", content_type="text/plain; charset=utf-8", status=404)
    response = HttpResponse(image, content_type="image/gif")
    response["Cache-Control"] = "public, max-age=86400"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
