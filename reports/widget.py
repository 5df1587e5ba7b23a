"""The widget for owners on their own pages: visitors online and the page's heatmap. Responses are scripts.

The tracker's lazy part `widget` requests them (`static/tracker/WIRE.md`, 5) with the site's `sitekey`, or with the
token that the dashboard issued to a user (`sites.onsite_tokens`) who may still see the site. Cookies are never read, so
no other page can use somebody's session.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.keys import is_same_key
from accounts.models import User
from accounts.security.client_ip import get_client_key
from accounts.security.rate_limits import RateLimit, count_request
from goals.predicates import Filter, is_one_of
from reports.clicky.stats_request import parse_number
from reports.dashboard.presenters.visits import build_visitor, parse_instant
from reports.dashboard.state import parse_conditions
from reports.dashboard.views.heatmaps import parse_outcome
from reports.filter_access import check_goals_and_segments
from reports.labels import label_value
from reports.query import Period, Query, ask
from reports.query.analyses import heatmaps, visit_lists
from reports.query.dimensions import get_dimension
from reports.query.errors import QueryRefused
from sites import onsite_tokens, site_cache
from sites.selectors import get_site_for_actor
from sites.site_config import SiteConfig
from tracking.endpoints.common import build_page_url
from tracking.pipeline.page import get_page_address
from tracking.store import StoreError
from tracking.web import JAVASCRIPT, write_tracker_call

LIMIT = RateLimit("onsite", 120, 60)  # requests of one client
PAGE_ROWS, MAX_SOURCES = 8, 5
MAX_PAGE = 100
DEFAULT_HEATMAP_PERIOD = "30d"
WidgetData = Callable[[SiteConfig, QueryDict, datetime], dict[str, object]]


@require_safe
def render_widget_data(request: HttpRequest, what: str = "") -> HttpResponse:
    """Answer `/ajax/onsitestats/`, `…/visitors` and `…/heatmap`."""
    build_data, now = WIDGET_DATA.get(what.strip("/")), timezone.now()
    if build_data is None:
        raise Http404("No such script.")
    if count_request(LIMIT, get_client_key(request), now).retry_after:
        return build_script("/* too many requests */", 429)
    access = authorize(request.GET)
    if access is None:
        return build_script("/* no such site, or no key to it */", 403)
    site, user_id = access
    try:
        check_goals_and_segments(parse_filter(request.GET), (site.site_id,), user_id)
        data = build_data(site, request.GET, now)
    except QueryRefused as error:
        data = {"failed": error.sentence}
    except StoreError as error:
        data = {"failed": str(error)}
    return build_script(write_tracker_call("onsite", what.strip("/") or "stats", data))


def build_script(text: str, status: int = 200) -> HttpResponse:
    """Return a script that any site may load."""
    response = HttpResponse(text, content_type=JAVASCRIPT.decode(), status=status)
    response["Cache-Control"] = "no-store"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    response["Referrer-Policy"] = "no-referrer"
    return response


def authorize(params: QueryDict) -> tuple[SiteConfig, int | None] | None:
    """Return (site, user id) for a site's key or a user's token; the user id is None for a key. None: no access."""
    site_id, key = parse_number(params.get("site_id", ""), -1, 18), params.get("sitekey", "")
    site = site_cache.get_site(site_id) if site_id >= 0 else None
    if site is None or site.suspended or not key:
        return None
    if is_same_key(key, site.sitekey):
        return site, None
    user_id = onsite_tokens.read_user_id(key, site.site_id)
    user = User.objects.filter(pk=user_id, is_active=True).first() if user_id else None
    if user is None:
        return None
    try:
        get_site_for_actor(user, site.site_id)
    except Http404:
        return None
    return site, user.pk


def parse_path(site: SiteConfig, params: QueryDict) -> str:
    """Return the path of the page in `href`, written as in events and clicks."""
    address = build_page_url(params.get("href", "/")[:8000], params.get("domain", "")[:255] or site.domain, "")
    return get_page_address(address, site).path or "/"


def build_stats(site: SiteConfig, params: QueryDict, now: datetime) -> dict[str, object]:
    """Return the visitors online on the site and the page, and today's numbers and sources of the page."""
    sites, today = (site.site_id,), Period.parse("today", site.timezone, now)
    page = [is_one_of("page", parse_path(site, params))]
    on_site = ask(Query(sites=sites, period=today, metrics=("online",)), now=now).rows[0]
    on_page = ask(Query(sites=sites, period=today, metrics=("online",), where=page), now=now).rows[0]
    numbers = ask(Query(sites=sites, period=today, metrics=("visitors", "views"), where=page), now=now).rows[0]
    sources = ask(
        Query(sites=sites, period=today, metrics=("visitors",), dimensions=("source",), where=page, limit=MAX_SOURCES),
        now=now,
    ).rows
    return {
        "site": int(on_site["online"] or 0),
        "page": int(on_page["online"] or 0),
        "visitors": int(numbers["visitors"] or 0),
        "views": int(numbers["views"] or 0),
        "sources": [[label_value(get_dimension("source", ""), row["source"]), int(row["visitors"])] for row in sources],
    }


def build_visitors(site: SiteConfig, params: QueryDict, now: datetime) -> dict[str, object]:
    """Return the visitors online, PAGE_ROWS at a time (`page`); with `sub=page` only those on this page."""
    page = min(MAX_PAGE, max(1, parse_number(params.get("page", "1"), 1, 3)))
    rows = visit_lists.list_online_visits(site.site_id, now)
    if params.get("sub") == "page":
        path = parse_path(site, params)
        rows = [row for row in rows if row["exit_page"] == path]
    visible = rows[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
    visits = [build_visit(row, site, now) for row in visible]
    return {"number": page, "more": len(rows) > page * PAGE_ROWS, "visits": visits}


def build_visit(row: visit_lists.Visit, site: SiteConfig, now: datetime) -> dict[str, object]:
    """Return one visit of the list."""
    visitor = build_visitor(row, site.site_id)
    seconds = max(0, round((now - parse_instant(row["visit_start"])).total_seconds()))
    return {
        "name": visitor.name, "place": visitor.place, "source": visitor.source, "page": row["exit_page"],
        "views": row["views"], "seconds": seconds, "href": visitor.visit_href,
    }  # fmt: skip


def build_heatmap(site: SiteConfig, params: QueryDict, now: datetime) -> dict[str, object]:
    """Return the clicks on the page for the overlay, of windows as wide as this one (`w`) and the filtered visits."""
    period = params.get("date") or params.get("period") or DEFAULT_HEATMAP_PERIOD
    pixels = parse_number(params.get("w", ""), -1, 5)
    width = heatmaps.find_width_name(pixels) if pixels >= 0 else ""
    query = heatmaps.build_heatmap(
        site.site_id, Period.parse(period, site.timezone, now), parse_path(site, params),
        parse_filter(params) or None, width, now=now,
    )  # fmt: skip
    totals, points = heatmaps.fetch_totals(query), heatmaps.fetch_points(query)
    elements = list(dict.fromkeys(row["element"] for row in points))
    indexes = {element: index for index, element in enumerate(elements)}
    return {
        "clicks": totals.clicks,
        "visits": totals.visits,
        "rage": totals.rage,
        "dead": totals.dead,
        "views": totals.views,
        "reach": [round(share, 4) for share in heatmaps.fetch_scroll_depths(query)],
        "width": width,
        "elements": elements,
        "points": [
            [indexes[row["element"]], row["ox"], row["oy"], row["across"], row["down"], row["clicks"]] for row in points
        ],
    }


def parse_filter(params: QueryDict) -> list[Filter]:
    """Return the filter of the visits: the dashboard's filters, segment and outcome, Clicky's `sub` and `subitem`."""
    where: list[Filter] = [condition.to_json() for condition in parse_conditions(params)]
    segment = parse_number(params.get("segment", ""), -1, 15)
    if segment >= 0:
        where.append({"segment": segment})
    dimension, value = params.get("sub", ""), params.get("subitem", "")
    if dimension and value:
        where.append(is_one_of(dimension, value))
    return where + parse_outcome(params.get("outcome", ""))


WIDGET_DATA: dict[str, WidgetData] = {"": build_stats, "visitors": build_visitors, "heatmap": build_heatmap}
