"""Spy: what happens on a site, as it happens. A list without scripts; with them, a stream of server-sent events."""

from __future__ import annotations

import json
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from asgiref.sync import sync_to_async
from babel import Locale
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_GET

from reports.engine import Period, QueryRefused, filters, lists
from reports.engine.evaluate import check_evaluable, satisfies
from reports.engine.filters import Node
from reports.engine.lookup import FromDatabase, Lookup
from reports.pages import people
from reports.pages.frame import asked_for, bar, site_page
from reports.pages.names import reader_locale
from reports.pages.parts import TROUBLE, sentence
from reports.pages.sheet import online
from reports.pages.state import State, read_state
from sites.access import site_of
from sites.models import Site
from tracking.hit import ACTIONS, Event
from tracking.live_streams import LiveStream, live_response, viewer_of

SHOWN = 60
MAX_WRITTEN = 1000  # messages that are kept for the other streams
KINDS = (*ACTIONS, "goal", "conversion", "refund")
MAX_NAMES = 10_000  # visits whose visitor's name is kept, per site
NAMED_FOR = timedelta(hours=4)  # the longest a visit may pause
_written: OrderedDict[tuple[Any, ...], bytes] = OrderedDict()
_names: dict[int, OrderedDict[int, str]] = {}  # site -> visit -> username, the latest last


@site_page
def spy(request: HttpRequest, state: State) -> HttpResponse:
    """The newest actions of the last days; the page goes on with the stream where it can.

    htmx asks for the number of visitors that are here now, again and again.
    """
    if asked_for(request) == "live":
        context: dict[str, Any] = {"site": state.site, "online": online(state), "renewed": state.href()}
        return render(request, "reports/_live.html", context)
    context = {**bar(request, state), "section": "spy", "stream": state.href(f"/sites/{state.site.pk}/spy/stream")}
    context |= {"renewed": state.href(), "not_live": why_not_live(state)}
    period = Period.parse("7d", state.site.timezone, state.now)
    try:
        found = lists.actions((state.site.pk,), period, state.where(), SHOWN * 3, now=state.now, kinds=(*KINDS, "ping"))
        rows = named(people.with_attention(found)[:SHOWN], state.site.pk, period, state.now)
    except TROUBLE as error:
        return render(request, "reports/spy.html", {**context, "failed": sentence(error)})
    context["lines"] = [people.action(row, state.site.pk, state.period.info, state.locale) for row in rows]
    context["big"] = request.GET.get("big") == "1"
    return render(request, "reports/spy.html", context)


def named(rows: list[dict[str, Any]], site_id: int, period: Period, now: datetime) -> list[dict[str, Any]]:
    """The rows with the names of their visitors: an event that does not carry one has its visit's."""
    nameless = {str(row["visit"]) for row in rows if not row["person"]}
    if not nameless:
        return rows
    where = {"dimension": "visit", "operator": "is", "value": sorted(nameless)}
    persons = lists.visit_persons(site_id, period, where, now=now)
    return [{**row, "person": row["person"] or persons.get(int(row["visit"]), "")} for row in rows]


def live_filter(state: State) -> Node | None:
    """The page's filter, to be held against one event at a time. Raises QueryRefused where that is impossible."""
    tree = filters.parse(state.where())
    resolved = Lookup((state.site.pk,), FromDatabase()).resolved(tree, "where") if tree else None
    check_evaluable(resolved)
    return resolved


def why_not_live(state: State) -> str:
    """Why the page stands still under its filter; empty where it does not."""
    try:
        live_filter(state)
    except QueryRefused as refused:
        return refused.sentence
    return ""


@require_GET
async def stream(request: HttpRequest, site_id: int) -> HttpResponse | StreamingHttpResponse:
    """Every action from now on, as `action` events of HTML and `ping` events of JSON. 400 for an impossible filter."""
    user = await request.auser()
    if not user.is_authenticated:
        return HttpResponseRedirect("/login")
    site = await sync_to_async(site_of)(user, site_id)
    try:
        tree = await sync_to_async(prepare)(request, site)
    except QueryRefused as refused:
        return HttpResponse(f"{refused.sentence}\n", content_type="text/plain; charset=utf-8", status=400)
    locale = reader_locale(request)

    def format_event(shown: Site, event: Event) -> bytes:
        zone, told = ZoneInfo(shown.timezone), with_name(event, shown.pk)
        return written(told, shown.pk, zone, locale) if satisfies(tree, told, zone) else b""

    viewer = viewer_of(request, user, site.account)
    stream = LiveStream(
        viewer, site.pk, site, read_scope=lambda bearer: site_of(bearer, site_id), format_event=format_event
    )
    return live_response(stream)


def prepare(request: HttpRequest, site: Site) -> Node | None:
    """The filter of a stream; the names of those who are on the site are learned on the way. Raises QueryRefused."""
    state = read_state(request, site, timezone.now(), request.path)
    tree = live_filter(state)
    lately = Period(state.now - NAMED_FOR, state.now + timedelta(seconds=1), site.timezone)
    try:
        persons = lists.visit_persons(site.pk, lately, limit=MAX_NAMES, now=state.now)
    except TROUBLE:
        return tree  # names are missing until the visitors say them again
    for visit, name in reversed(persons.items()):
        keep_name(site.pk, visit, name)
    return tree


def keep_name(site_id: int, visit: int, name: str) -> None:
    names = _names.setdefault(site_id, OrderedDict())
    names[visit] = name
    names.move_to_end(visit)
    while len(names) > MAX_NAMES:
        names.popitem(last=False)


def with_name(event: Event, site_id: int) -> dict[str, Any]:
    """The event with the name its visit is known by, and with its time as an instant."""
    visit, name = int(event.get("visit") or 0), str(event.get("person") or "")
    if name:
        keep_name(site_id, visit, name)
    else:
        name = _names[site_id].get(visit, "") if site_id in _names else ""
    return {**event, "person": name, "ts": people.instant(event.get("ts") or timezone.now())}


def written(event: dict[str, Any], site_id: int, zone: ZoneInfo, locale: Locale) -> bytes:
    """The `message` of an event, made once for all who watch the site in one zone and language.

    All streams are written on one thread, which many viewers of a busy site would else take for themselves.
    """
    if not event.get("id"):
        return message(event, site_id, zone, locale)
    key = (site_id, event["id"], event.get("kind"), event.get("view_id"), event.get("engaged"), zone.key, str(locale))
    if key not in _written:
        while len(_written) >= MAX_WRITTEN:
            _written.popitem(last=False)
        _written[key] = message(event, site_id, zone, locale)
    return _written[key]


def message(event: dict[str, Any], site_id: int, zone: ZoneInfo, locale: Locale) -> bytes:
    """One event as a message: a line for an action, seconds for a ping, nothing for the rest."""
    if event.get("kind") == "ping":
        body = {"view": str(event.get("view_id") or 0), "seconds": round(float(event.get("engaged") or 0) / 1000)}
        return f"event: ping\ndata: {json.dumps(body)}\n\n".encode()
    if event.get("kind") not in KINDS:
        return b": other\n\n"
    line = people.action({"ts": timezone.now(), **event}, site_id, zone, locale)
    html = render_to_string("reports/_action.html", {"line": line, "fresh": True, "spy": True})
    text = " ".join(part.strip() for part in html.splitlines())
    return f"event: action\ndata: {text}\n\n".encode()
