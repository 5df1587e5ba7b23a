"""Spy: what happens on a site, as it happens. A list without scripts; with them, a stream of server-sent events."""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Any
from zoneinfo import ZoneInfo

from asgiref.sync import sync_to_async
from babel import Locale
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_GET

from reports.engine import Period, lists
from reports.pages import people
from reports.pages.frame import bar, site_page
from reports.pages.names import reader_locale
from reports.pages.parts import TROUBLE, sentence
from reports.pages.state import Condition, State, conditions_of
from sites.access import site_of
from sites.models import Site
from tracking.hit import ACTIONS, Event
from tracking.live_streams import LiveStream, live_response, viewer_of

SHOWN = 60
MAX_WRITTEN = 1000  # messages that are kept for the other streams
KINDS = (*ACTIONS, "goal", "conversion", "refund")
# What the stream can filter by: a dimension and the event's column
COLUMNS = {
    "page": "path", "title": "title", "host": "host", "country": "country", "region": "region", "city": "city",
    "source": "source", "channel": "channel", "referrer": "referrer", "referrer_domain": "referrer_domain",
    "browser": "browser", "os": "os", "device": "device_type", "language": "language", "kind": "kind", "event": "name",
    "name": "name", "person": "person", "ip": "ip", "organization": "organization", "utm_source": "utm_source",
    "utm_medium": "utm_medium", "utm_campaign": "utm_campaign", "screen": "screen", "target": "target", "text": "text",
}  # fmt: skip
_written: OrderedDict[tuple[Any, ...], bytes] = OrderedDict()


@site_page
def spy(request: HttpRequest, state: State) -> HttpResponse:
    """The newest actions of the last day; the page goes on with the stream where it can."""
    context = {**bar(request, state), "section": "spy", "stream": state.href(f"/sites/{state.site.pk}/spy/stream")}
    period = Period.parse("7d", state.site.timezone, state.now)
    try:
        found = lists.actions((state.site.pk,), period, state.where(), SHOWN * 3, now=state.now, kinds=(*KINDS, "ping"))
        rows = people.with_attention(found)[:SHOWN]
    except TROUBLE as error:
        return render(request, "reports/spy.html", {**context, "failed": sentence(error)})
    context["lines"] = [people.action(row, state.site.pk, state.period.info, state.locale) for row in rows]
    context["big"] = request.GET.get("big") == "1"
    return render(request, "reports/spy.html", context)


@require_GET
async def stream(request: HttpRequest, site_id: int) -> HttpResponse | StreamingHttpResponse:
    """Every action from now on, as `action` events of HTML and `ping` events of JSON."""
    user = await request.auser()
    if not user.is_authenticated:
        return HttpResponseRedirect("/login")
    site = await sync_to_async(site_of)(user, site_id)
    conditions, locale = conditions_of(request.GET), reader_locale(request)

    def format_event(shown: Site, event: Event) -> bytes:
        return written(event, shown.pk, ZoneInfo(shown.timezone), locale) if passes(event, conditions) else b""

    viewer = viewer_of(request, user, site.account)
    stream = LiveStream(
        viewer, site.pk, site, read_scope=lambda bearer: site_of(bearer, site_id), format_event=format_event
    )
    return live_response(stream)


def passes(event: dict[str, Any], conditions: tuple[Condition, ...]) -> bool:
    """Whether the event satisfies every condition that a single event can answer."""
    return all(
        satisfies(str(event.get(COLUMNS[one.dimension]) or ""), one) for one in conditions if one.dimension in COLUMNS
    )


def satisfies(value: str, one: Condition) -> bool:
    folded = value.lower()
    checks = {
        "is": lambda: value in one.values,
        "is_not": lambda: value not in one.values,
        "contains": lambda: any(part.lower() in folded for part in one.values),
        "not_contains": lambda: not any(part.lower() in folded for part in one.values),
        "starts_with": lambda: any(folded.startswith(part.lower()) for part in one.values),
        "ends_with": lambda: any(folded.endswith(part.lower()) for part in one.values),
    }
    return checks[one.operator]() if one.operator in checks else True


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
    html = render_to_string("reports/_action.html", {"line": line, "fresh": True})
    text = " ".join(part.strip() for part in html.splitlines())
    return f"event: action\ndata: {text}\n\n".encode()
