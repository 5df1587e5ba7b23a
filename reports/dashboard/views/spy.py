"""Spy: the actions on a site as they happen. A list; in browsers with scripts, also a stream of server-sent events."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from asgiref.sync import sync_to_async
from babel import Locale
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from goals.predicates import is_one_of
from reports.dashboard.fragments import QUERY_ERRORS, describe_error
from reports.dashboard.presenters.tables import count_online
from reports.dashboard.presenters.toolbar import build_toolbar
from reports.dashboard.presenters.visits import build_action, merge_pings, parse_instant
from reports.dashboard.report_page import get_htmx_target, site_page
from reports.dashboard.scope import Context, ReportScope
from reports.dashboard.state import ReportState, read_state
from reports.labels import detect_locale
from reports.query import Period, QueryRefused
from reports.query.analyses import visit_lists
from reports.query.evaluate import check_evaluable, satisfies
from reports.query.filters import Node
from reports.query.references import ReferenceResolver, StoredGoals
from sites.models import Site
from sites.selectors import get_site_for_actor
from tracking.event import ACTIONS, Event
from tracking.live_streams import LiveStream, build_live_response, create_viewer, refuse_stream

MAX_ROWS = 60
MAX_CACHED_MESSAGES = 1000
MAX_CACHED_NAMES = 10_000  # visits whose visitor's name is cached, per site
MAX_VISIT_PAUSE = timedelta(hours=4)
KINDS = (*ACTIONS, "goal", "conversion", "refund")
_messages: OrderedDict[tuple[Hashable, ...], bytes] = OrderedDict()
_names: dict[int, OrderedDict[int, str]] = {}  # site -> visit -> username, the latest last


@site_page
def spy(request: HttpRequest, state: ReportState) -> HttpResponse:
    """Display the newest actions of the last days; the page continues with the stream.

    htmx requests the number of visitors who are online, again and again.
    """
    if get_htmx_target(request) == "live":
        context: Context = {"site": state.site, "online": count_online(state), "online_url": state.href()}
        return render(request, "reports/_live.html", context)
    context = {
        **build_toolbar(request, state), "section": "spy",
        "stream": state.href(reverse("dashboard:spy-stream", args=[state.site.pk])),
        "online_url": state.href(), "not_live": explain_no_stream(state),
    }  # fmt: skip
    site_id, period = state.site.pk, Period.parse("7d", state.site.timezone, state.now)
    try:
        kinds = (*KINDS, "ping")
        rows = visit_lists.list_actions(
            (site_id,), period, state.build_filter(), MAX_ROWS * 3, now=state.now, kinds=kinds
        )
        named = add_names(merge_pings(rows)[:MAX_ROWS], site_id, period, state.now)
    except QUERY_ERRORS as error:
        return render(request, "reports/spy.html", {**context, "failed": describe_error(error)})
    context["lines"] = [build_action(row, site_id, state.period.info, state.locale) for row in named]
    context["big"] = request.GET.get("big") == "1"
    return render(request, "reports/spy.html", context)


def add_names(rows: list[Event], site_id: int, period: Period, now: datetime) -> list[Event]:
    """Return the rows with the names of their visitors: an event without a name gets the name of its visit."""
    nameless = {str(row["visit"]) for row in rows if not row["person"]}
    if not nameless:
        return rows
    where = is_one_of("visit", *sorted(nameless))
    persons = visit_lists.fetch_visit_persons(site_id, period, where, now=now)
    return [{**row, "person": row["person"] or persons.get(int(row["visit"]), "")} for row in rows]


def build_live_filter(state: ReportState) -> Node | None:
    """Return the page's filter for evaluation on single events. Raises QueryRefused where that is impossible."""
    tree = state.build_filter()
    resolved = ReferenceResolver((state.site.pk,), StoredGoals()).resolve(tree, "where") if tree else None
    check_evaluable(resolved)
    return resolved


def explain_no_stream(state: ReportState) -> str:
    """Return why the page cannot have a stream with its filter; empty where it can."""
    try:
        build_live_filter(state)
    except QueryRefused as error:
        return error.sentence
    return ""


@require_GET
async def stream(request: HttpRequest, site_id: int) -> HttpResponse | StreamingHttpResponse:
    """Send every action from now on: `action` events of HTML and `ping` events of JSON.

    400 for a filter that cannot be evaluated on single events; 429 if too many are open.
    """
    user = await request.auser()
    if not user.is_authenticated:
        return redirect("account_login")
    site = await sync_to_async(get_site_for_actor)(user, site_id)
    viewer = create_viewer(request, user, site.account)
    if (refusal := refuse_stream(viewer)) is not None:
        return refusal
    try:
        tree = await sync_to_async(prepare_stream)(request, site)
    except QueryRefused as error:
        return HttpResponse(f"{error.sentence}\n", content_type="text/plain; charset=utf-8", status=400)
    locale = detect_locale(request)

    def format_event(current_site: Site, event: Event) -> bytes:
        zone, named = ZoneInfo(current_site.timezone), add_name(event, current_site.pk)
        return render_cached(named, current_site.pk, zone, locale) if satisfies(tree, named, zone) else b""

    stream = LiveStream(
        viewer,
        site.pk,
        site,
        view="spy",
        read_scope=lambda bearer: get_site_for_actor(bearer, site_id),
        format_event=format_event,
    )
    return build_live_response(stream)


def prepare_stream(request: HttpRequest, site: Site) -> Node | None:
    """Return the filter of a stream, and cache the names of recent visitors. Raises QueryRefused."""
    state = read_state(request, ReportScope(site=site), timezone.now(), request.path)
    tree = build_live_filter(state)
    recent = Period(state.now - MAX_VISIT_PAUSE, state.now + timedelta(seconds=1), site.timezone)
    try:
        persons = visit_lists.fetch_visit_persons(site.pk, recent, limit=MAX_CACHED_NAMES, now=state.now)
    except QUERY_ERRORS:
        return tree  # the names appear with the visitors' next events that carry them
    for visit, name in reversed(persons.items()):
        cache_name(site.pk, visit, name)
    return tree


def cache_name(site_id: int, visit: int, name: str) -> None:
    """Cache the name of a visit's visitor."""
    names = _names.setdefault(site_id, OrderedDict())
    names[visit] = name
    names.move_to_end(visit)
    while len(names) > MAX_CACHED_NAMES:
        names.popitem(last=False)


def add_name(event: Event, site_id: int) -> Event:
    """Return the event with the name of its visit's visitor, and with its time as a datetime."""
    visit, name = int(event.get("visit") or 0), str(event.get("person") or "")
    if name:
        cache_name(site_id, visit, name)
    else:
        name = _names[site_id].get(visit, "") if site_id in _names else ""
    return {**event, "person": name, "ts": parse_instant(event.get("ts") or timezone.now())}


def render_cached(event: Event, site_id: int, zone: ZoneInfo, locale: Locale) -> bytes:
    """Return the message of an event, rendered once for all streams of the site with this zone and locale.

    One thread writes all streams; rendering for each of many viewers would block it.
    """
    if not event.get("id"):
        return render_message(event, site_id, zone, locale)
    key = (site_id, event["id"], event.get("kind"), event.get("view_id"), event.get("engaged"), zone.key, str(locale))
    if key not in _messages:
        while len(_messages) >= MAX_CACHED_MESSAGES:
            _messages.popitem(last=False)
        _messages[key] = render_message(event, site_id, zone, locale)
    return _messages[key]


def render_message(event: Event, site_id: int, zone: ZoneInfo, locale: Locale) -> bytes:
    """Return an event as a server-sent event: a row for an action, seconds for a ping, a comment for others."""
    if event.get("kind") == "ping":
        body = {"view": str(event.get("view_id") or 0), "seconds": round(float(event.get("engaged") or 0) / 1000)}
        return f"event: ping\ndata: {json.dumps(body)}\n\n".encode()
    if event.get("kind") not in KINDS:
        return b": other\n\n"
    line = build_action({"ts": timezone.now(), **event}, site_id, zone, locale)
    html = render_to_string("reports/_action.html", {"line": line, "fresh": True, "spy": True})
    text = " ".join(part.strip() for part in html.splitlines())
    return f"event: action\ndata: {text}\n\n".encode()
