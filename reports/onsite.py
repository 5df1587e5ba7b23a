"""What an owner sees on the pages of their own site: who is here now, and the page's heatmap. Answered as scripts.

The tracker's lazy part `widget` asks (`static/tracker/WIRE.md`, 5). Who may ask shows the site's `sitekey`, or the
word the dashboard handed over (`sites.onsite`) and is still allowed to see the site. Cookies are never looked at, so
no other page can borrow a login.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.utils import timezone as clock
from django.views.decorators.http import require_safe

from accounts.keys import same_key
from accounts.models import User
from accounts.security.client_ip import client_key
from reports.engine import Period, Query, ask, heat, lists
from reports.engine.dimensions import dimension
from reports.engine.refusal import QueryRefused
from reports.filter_access import check_goals_and_segments
from reports.limits import take
from reports.pages import people
from reports.pages.heatmaps import outcome_filter
from reports.pages.names import value_name
from reports.pages.state import conditions_of
from sites import known, onsite
from sites.access import site_of
from sites.facts import SiteFacts
from tracking.doors.common import page_url
from tracking.steps.page import read_address
from tracking.store import StoreError

PER_MINUTE = 120  # requests of one address
LISTED, SOURCES = 8, 5
HEAT_PERIOD = "30d"
Answer = Callable[[SiteFacts, QueryDict, datetime], dict[str, Any]]


@require_safe
def onsite_stats(request: HttpRequest, what: str = "") -> HttpResponse:
    """`/ajax/onsitestats/`, `…/visitors`, `…/heatmap`."""
    answer, now = ANSWERS.get(what.strip("/")), clock.now()
    if answer is None:
        raise Http404("No such script.")
    if take("onsite", client_key(request), PER_MINUTE, now).spent:
        return script("/* too many requests */", 429)
    opened = site_shown(request.GET)
    if opened is None:
        return script("/* no such site, or no key to it */", 403)
    facts, user_id = opened
    try:
        check_goals_and_segments(chosen(request.GET), (facts.site_id,), user_id)
        found = answer(facts, request.GET, now)
    except QueryRefused as error:
        found = {"failed": error.sentence}
    except StoreError as error:
        found = {"failed": str(error)}
    text = json.dumps(found, separators=(",", ":"), ensure_ascii=True).replace("<", "\\u003c")
    return script(f"if(window._cgen&&_cgen.onsite){{_cgen.onsite({json.dumps(what.strip('/') or 'stats')},{text})}}")


def script(text: str, status: int = 200) -> HttpResponse:
    response = HttpResponse(text, content_type="application/javascript; charset=utf-8", status=status)
    response["Cache-Control"] = "no-store"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    response["Referrer-Policy"] = "no-referrer"
    return response


def site_shown(given: QueryDict) -> tuple[SiteFacts, int | None] | None:
    """(site, user id) for the key or the token of a user; user id None for a site's key. None if it gives no access."""
    number, key = given.get("site_id", ""), given.get("sitekey", "")
    facts = known.site(int(number)) if number.isascii() and number.isdigit() and len(number) < 19 else None
    if facts is None or not key:
        return None
    if same_key(key, facts.sitekey):
        return facts, None
    number_of_user = onsite.user_of(key, facts.site_id)
    user = User.objects.filter(pk=number_of_user, is_active=True).first() if number_of_user else None
    if user is None:
        return None
    try:
        site_of(user, facts.site_id)
    except Http404:
        return None
    return facts, user.pk


def path_of(facts: SiteFacts, given: QueryDict) -> str:
    """The page asked about, as events and clicks name it."""
    address = page_url(given.get("href", "/")[:8000], given.get("domain", "")[:255] or facts.domain, "")
    chosen = facts.tracker
    return read_address(address, bool(chosen.get("internal_search")), bool(chosen.get("hash_routes"))).path or "/"


def stats(facts: SiteFacts, given: QueryDict, now: datetime) -> dict[str, Any]:
    """Visitors on the site and on the page now; today's numbers and sources of the page."""
    today, page = Period.parse("today", facts.timezone, now), page_filter(path_of(facts, given))
    site = ask(Query((facts.site_id,), today, ("online",)), now=now).rows[0]
    here = ask(Query((facts.site_id,), today, ("online",), where=page), now=now).rows[0]
    numbers = ask(Query((facts.site_id,), today, ("visitors", "views"), where=page), now=now).rows[0]
    sources = ask(Query((facts.site_id,), today, ("visitors",), ("source",), where=page, limit=SOURCES), now=now).rows
    return {
        "site": int(site["online"] or 0),
        "page": int(here["online"] or 0),
        "visitors": int(numbers["visitors"] or 0),
        "views": int(numbers["views"] or 0),
        "sources": [[value_name(dimension("source", ""), row["source"]), int(row["visitors"])] for row in sources],
    }


def page_filter(path: str) -> list[dict[str, Any]]:
    return [{"dimension": "page", "operator": "is", "value": [path]}]


def visitors(facts: SiteFacts, given: QueryDict, now: datetime) -> dict[str, Any]:
    """Who is here now, LISTED at a time (`page`); with `sub=page` only those whose last page is this one."""
    text = given.get("page", "1")
    page = min(100, max(1, int(text))) if text.isascii() and text.isdigit() and len(text) < 4 else 1
    rows = lists.online(facts.site_id, now)
    if given.get("sub") == "page":
        path = path_of(facts, given)
        rows = [row for row in rows if row["exit_page"] == path]
    shown = rows[(page - 1) * LISTED : page * LISTED]
    return {"number": page, "more": len(rows) > page * LISTED, "visits": [visit(row, facts, now) for row in shown]}


def visit(row: dict[str, Any], facts: SiteFacts, now: datetime) -> dict[str, Any]:
    who = people.person(row, facts.site_id)
    seconds = max(0, round((now - people.instant(row["visit_start"])).total_seconds()))
    return {
        "name": who.name, "place": who.place, "source": who.source, "page": row["exit_page"], "views": row["views"],
        "seconds": seconds, "href": who.visit_href,
    }  # fmt: skip


def heatmap(facts: SiteFacts, given: QueryDict, now: datetime) -> dict[str, Any]:
    """The page's spots for the overlay, for windows as wide as this one (`w`) and the visits that were chosen."""
    text = given.get("date") or given.get("period") or HEAT_PERIOD
    width = given.get("w", "")
    word = heat.width_of(int(width)) if width.isascii() and width.isdigit() and len(width) < 6 else ""
    of = heat.heat(
        facts.site_id, Period.parse(text, facts.timezone, now), path_of(facts, given), chosen(given) or None, word,
        now=now,
    )  # fmt: skip
    totals, points = heat.totals(of), heat.points(of)
    names = list(dict.fromkeys(row["element"] for row in points))
    number = {name: i for i, name in enumerate(names)}
    return {
        "clicks": totals.clicks, "visits": totals.visits, "rage": totals.rage, "dead": totals.dead,
        "views": totals.views, "reach": [round(share, 4) for share in heat.reach(of)], "width": word,
        "elements": names,
        "points": [[number[row["element"]], row["ox"], row["oy"], row["across"], row["down"], row["clicks"]]
                   for row in points],
    }  # fmt: skip


def chosen(given: QueryDict) -> list[Any]:
    """Which visits: the dashboard's filters, segment and outcome, and Clicky's `sub` with its `subitem`."""
    found: list[Any] = [one.json() for one in conditions_of(given)]
    segment = given.get("segment", "")
    if segment.isascii() and segment.isdigit() and len(segment) < 16:
        found.append({"segment": int(segment)})
    if given.get("sub") and given.get("subitem"):
        found.append({"dimension": given["sub"], "operator": "is", "value": [given["subitem"]]})
    return found + outcome_filter(given.get("outcome", ""))


ANSWERS: dict[str, Answer] = {"": stats, "visitors": visitors, "heatmap": heatmap}
