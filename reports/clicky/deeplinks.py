"""Links that people and programs kept: `/stats/visitors?site_id=…&ip_address=…` leads to our page of the same.

People who are not logged in are asked to by the page that the link leads to. Only a link with a date reads the site
here, for its time zone, and only for people who may see the site.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.utils import timezone as clock
from django.views.decorators.http import require_safe

from reports.clicky import dates
from reports.clicky.asked import site_of
from reports.clicky.errors import ClickyError
from reports.clicky.filters import path_of
from reports.clicky.words import browser_parts, country_code, is_unknown, place_parts
from reports.engine.period import zone_names
from reports.share import views as share_views
from reports.share.services import key_token
from sites.access import site_for
from sites.models import Site

# Their page -> our section. What is not here leads to the overview, where everything starts.
SECTIONS = {
    "": "", "home": "", "visitors": "visitors", "visitors-actions": "visitors", "actions": "visitors",
    "visitors-online": "spy", "spy": "spy", "bigscreen": "", "goals": "goals", "goals-setup": "goals",
    "pages": "content", "pages-entrance": "content", "pages-exit": "content", "downloads": "content",
    "content": "content", "links": "sources", "links-domains": "sources", "searches": "sources",
    "traffic-sources": "sources", "campaigns": "sources", "links-outbound": "content", "events": "content",
    "clicks": "content", "heatmaps": "heatmaps", "uptime": "uptime", "links-recent": "sources",
}  # fmt: skip
Filters = list[tuple[str, str]]


def page(dimension: str) -> Callable[[str], Filters]:
    return lambda value: [(dimension, path_of(value))]


def plain(dimension: str) -> Callable[[str], Filters]:
    return lambda value: [(dimension, "" if is_unknown(value) else value)]


def browser(value: str) -> Filters:
    """`Google Chrome 120`: its name and its version."""
    name, version = browser_parts(value)
    return [*plain("browser")(name), *([("browser_version", version)] if version else [])]


def system(value: str) -> Filters:
    """`Windows 10`: likewise."""
    name, _, version = value.rpartition(" ")
    return [("os", name), ("os_version", version)] if name and version[:1].isdigit() else plain("os")(value)


def city(value: str) -> Filters:
    """`Austin, Texas, USA`: city, region and country."""
    if is_unknown(value):
        return [("city", "")]
    parts = zip(("city", "region", "country"), place_parts(value), strict=True)
    return [(name, part) for name, part in parts if part]


# Their filter -> ours, as dimension and value
FILTERS: dict[str, Callable[[str], Filters]] = {
    "ip_address": plain("ip"), "uid": plain("visitor_id"), "session_id": plain("visit"), "href": page("page"),
    "country": lambda value: [("country", country_code(value))], "city": city, "browser": browser, "os": system,
    "campaign": plain("utm_campaign"), "domain": plain("referrer_domain"), "search": plain("search_term"),
    "landing": page("entry_page"), "exit": page("exit_page"),
}  # fmt: skip


@require_safe
def framed_overview(request: HttpRequest) -> HttpResponse:
    """`/stats/wp-iframe?site_id=&sitekey=`: the overview in a frame of another site, such as WordPress's own pages.

    The key in the address is all that is needed, so no cookie is read. Without a key it is a link like the others.
    A wrong key is refused, with 403, in a page that may be framed too, so that the reader sees why.
    """
    if "sitekey" not in request.GET and "sitekey_admin" not in request.GET:
        return stats(request)
    try:
        facts = site_of(request.GET)
        site = Site.objects.get(pk=facts.site_id, deleted=None)
    except (ClickyError, Site.DoesNotExist):
        response = share_views.answered(render(request, "share/wrong_key.html", {"framed": True}, status=403))
        response.xframe_options_exempt = True
        return response
    request.GET = QueryDict(urlencode(days_of(request.GET.get("date", ""), site)))
    return share_views.embed(request, key_token(site))


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
    return days_of(given, site_for(request, site_id)) if given else []


def days_of(given: str, site: Site) -> list[tuple[str, str]]:
    """The dashboard's parameter for days as Clicky writes them; none if they are not given or not valid."""
    if not given:
        return []
    zone = site.timezone
    try:
        found = dates.parse(given, zone if zone in zone_names() else "UTC", clock.now())
    except ClickyError:
        return []
    return [("period", f"{found.first}..{found.last}")]


def filters(request: HttpRequest) -> Filters:
    """The dashboard's parameters for Clicky's filters in the words of its API."""
    named = ((make, request.GET.get(name, "")[:500]) for name, make in FILTERS.items())
    return [pair for make, value in named if value for pair in make(value)]


@require_safe
def preferences(request: HttpRequest, page: str = "") -> HttpResponse:
    """`/user/preferences/site?site_id=…`: the site's settings."""
    site_id = request.GET.get("site_id", "")
    if site_id.isascii() and site_id.isdigit() and len(site_id) < 19:
        return HttpResponseRedirect(f"/sites/{int(site_id)}/settings")
    return HttpResponseRedirect("/sites")


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


@require_safe
def site_home(request: HttpRequest, site_id: int) -> HttpResponse:
    """`/<site_id>`: where the badge leads."""
    return HttpResponseRedirect(f"/sites/{site_id}/")
