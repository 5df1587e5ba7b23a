"""The live clickstream: a list without scripts, and a stream of server-sent events with them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_safe

from accounts.permissions import Bearer
from links import link_statistics
from links.permissions import LinkScope, build_link_scope, get_link_scope_or_404
from links.routing import link_cache
from links.web.page_layout import links_page, render_page
from reports.query import Period
from reports.query.analyses import link_hits
from tracking.event import Event
from tracking.live_streams import LiveStream, build_live_response, create_viewer

MAX_ROWS = 100
KIND_NAMES = {"link": "click", "pixel": "view", "spider": "robot", "conversion": "conversion", "refund": "refund"}


@require_safe
@links_page("live")
def show_live_clicks(request: HttpRequest, scope: LinkScope) -> HttpResponse:
    """Render the latest hits and conversions; a script continues the list with the stream."""
    now = timezone.now()
    period = Period(now - timedelta(days=30), now + timedelta(minutes=1), scope.account.timezone)
    kinds = (*link_hits.HIT_KINDS, *link_hits.SALE_KINDS) if scope.sees_conversions else link_hits.HIT_KINDS
    period = link_statistics.limit_period(scope, period)
    rows = link_hits.fetch_hits(
        scope.account.pk, period, where=link_statistics.build_scope_filter(scope) or None, kinds=kinds, limit=MAX_ROWS
    )
    numbers = {row["link_id"] for row in rows}
    names = {row.pk: str(row) for row in scope.datapoints().filter(pk__in=numbers)}
    return render_page(
        request, scope, "live", lines=[build_row(scope, row, names.get(row["link_id"], "")) for row in rows]
    )


def build_row(scope: LinkScope, event: Event, name: str) -> dict[str, object]:
    """Build the row of one hit. Times are in the account's zone."""
    at = event["ts"] if isinstance(event["ts"], datetime) else datetime.fromisoformat(str(event["ts"]))
    local = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(ZoneInfo(scope.account.timezone))
    hidden = scope.get_option("hitOptions", "hideReferrer")
    return {
        "time": local.strftime("%H:%M:%S"), "day": local.strftime("%Y-%m-%d"),
        "what": KIND_NAMES.get(event["kind"], ""),
        "link": name, "href": reverse("links:report", args=[event.get("link_id", 0)]),
        "place": ", ".join(filter(None, (event.get("city"), event.get("country")))),
        "with": " · ".join(filter(None, (event.get("browser"), event.get("os"), event.get("device_type")))),
        "from": "" if hidden else event.get("referrer_domain") or "", "to": event.get("destination") or "",
        "unique": bool(event.get("is_unique")),
    }  # fmt: skip


def is_visible(scope: LinkScope, event: Event) -> bool:
    """Return whether a membership may see a stored event."""
    if event.get("kind") not in KIND_NAMES or (event["kind"] in link_hits.SALE_KINDS and not scope.sees_conversions):
        return False
    return scope.may_on_link(event.get("link_id", 0), event.get("group_id", 0))


@require_GET
async def stream_clicks(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Stream every hit from now on as events of JSON."""
    user = await request.auser()
    if not user.is_authenticated:
        return redirect("account_login")
    request.user = user
    scope = await sync_to_async(get_link_scope_or_404)(request)
    viewer = create_viewer(request, user, scope.account)
    return build_live_response(
        LiveStream(
            viewer,
            scope.account.pk,
            scope,
            view="clicks",
            read_scope=read_current_scope,
            format_event=format_message,
        )
    )


def read_current_scope(bearer: Bearer) -> LinkScope:
    """Read the present scope of an open stream's viewer. Raises Http404 if it is empty."""
    scope = build_link_scope(bearer.membership)
    if not scope.may_anything("view"):
        raise Http404("No such page.")
    return scope


def format_message(scope: LinkScope, event: Event) -> bytes:
    """Format an event as a message; b"" if the membership may not see it."""
    if not is_visible(scope, event):
        return b""
    link = link_cache.find_link(int(event.get("link_id") or 0))
    return b"data: " + json.dumps(build_row(scope, event, link.alias if link else "")).encode() + b"\n\n"
