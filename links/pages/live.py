"""The clickstream as it happens: a list without scripts, and a stream of server-sent events with them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_safe

from accounts.access import Bearer
from links import grants, known, stats
from links.grants import Sight, sight_of
from links.pages.frame import links_page, shown
from reports.engine import Period, hits
from tracking.live_streams import LiveStream, live_response, viewer_of

SHOWN = 100
WORDS = {"link": "click", "pixel": "view", "spider": "robot", "conversion": "conversion", "refund": "refund"}


@require_safe
@links_page("live")
def live(request: HttpRequest, sight: Sight) -> HttpResponse:
    """The latest hits and conversions; the page goes on with the stream where it can."""
    now = timezone.now()
    period = Period(now - timedelta(days=30), now + timedelta(minutes=1), sight.account.timezone)
    kinds = (*hits.HITS, *hits.SALES) if sight.sees_conversions else hits.HITS
    period = stats.seen_period(sight, period)
    rows = hits.hits(sight.account.pk, period, where=stats.seen_by(sight) or None, kinds=kinds, limit=SHOWN)
    numbers = {row["link_id"] for row in rows}
    names = {row.pk: str(row) for row in sight.datapoints().filter(pk__in=numbers)}
    return shown(request, sight, "live", lines=[line(sight, row, names.get(row["link_id"], "")) for row in rows])


def line(sight: Sight, event: dict[str, Any], name: str) -> dict[str, Any]:
    """One hit, in words. Times are the account's."""
    at = event["ts"] if isinstance(event["ts"], datetime) else datetime.fromisoformat(str(event["ts"]))
    local = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(ZoneInfo(sight.account.timezone))
    hidden = sight.option("hitOptions", "hideReferrer")
    return {
        "time": local.strftime("%H:%M:%S"), "day": local.strftime("%Y-%m-%d"), "what": WORDS.get(event["kind"], ""),
        "link": name, "href": f"/links/{event.get('link_id', 0)}",
        "place": ", ".join(filter(None, (event.get("city"), event.get("country")))),
        "with": " · ".join(filter(None, (event.get("browser"), event.get("os"), event.get("device_type")))),
        "from": "" if hidden else event.get("referrer_domain") or "", "to": event.get("destination") or "",
        "unique": bool(event.get("is_unique")),
    }  # fmt: skip


def visible(sight: Sight, event: dict[str, Any]) -> bool:
    """Whether a stored event is one of those this membership sees."""
    if event.get("kind") not in WORDS or (event["kind"] in hits.SALES and not sight.sees_conversions):
        return False
    return sight.whole or event.get("link_id") in sight.links or event.get("group_id") in sight.groups


@require_GET
async def stream(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Every hit from now on, as events of JSON."""
    user = await request.auser()
    if not user.is_authenticated:
        return HttpResponseRedirect("/login")
    request.user = user
    seen = await sync_to_async(sight_of)(request)
    viewer = viewer_of(request, user, seen.account)
    return live_response(LiveStream(viewer, seen.account.pk, seen, read_scope=current_sight, format_event=message))


def current_sight(bearer: Bearer) -> Sight:
    """What the viewer of an open stream sees now. Raises Http404 if that is nothing."""
    found = grants.sight(bearer.membership)
    if not (found.whole or found.groups or found.links):
        raise Http404("No such page.")
    return found


def message(sight: Sight, event: dict[str, Any]) -> bytes:
    """Format an event as a message; b"" if the membership may not see it."""
    if not visible(sight, event):
        return b""
    link = known.link(int(event.get("link_id") or 0))
    return b"data: " + json.dumps(line(sight, event, link.alias if link else "")).encode() + b"\n\n"
