"""The uptime types: the availability of the site's monitors, and their incidents."""

from __future__ import annotations

from functools import partial

from django.db.models import Q

from reports.clicky.dates import Dates
from reports.clicky.outputs import Item, encode_html
from reports.clicky.stats_request import StatsRequest
from reports.clicky.stats_type import PagedType
from reports.clicky.visit_lists import TIMES, format_time
from reports.formatting import format_duration
from sites.uptime.history import compute_uptime_of_each
from sites.uptime.models import Incident, Monitor
from sites.uptime.watched_time import annotate_recovery


def build_availability_items(request: StatsRequest, dates: Dates) -> list[Item]:
    """Build one item per monitor: the available percent and the median response time in milliseconds, as text."""
    period = dates.to_period()
    end = min(period.end, request.now)
    if end <= period.start:
        return []
    monitors = list(Monitor.objects.filter(site_id=request.site.site_id).order_by("name", "pk"))
    spans = compute_uptime_of_each(monitors, [period.start, end])
    watched = [(monitor, span) for monitor in monitors for span in spans[monitor.pk] if span.availability is not None]
    return [
        {
            "title": encode_html(str(monitor)),
            "value": f"{span.availability:.2f}",
            "response_time": str(span.p50 or 0),
            "url": monitor.url,
        }
        for monitor, span in request.select_page(watched)
    ]


def build_incident_items(request: StatsRequest, dates: Dates) -> list[Item]:
    """Build one item per incident that overlaps the dates, newest first."""
    period = dates.to_period()
    end, overlaps = min(period.end, request.now), Q(end__isnull=True) | Q(end__gt=period.start)
    incidents = Incident.objects.filter(overlaps, monitor__site_id=request.site.site_id, start__lt=end)
    newest = annotate_recovery(incidents, request.now).select_related("monitor").order_by("-start")
    page = newest[request.offset : request.offset + request.limit]
    return [build_incident_item(incident, incident.recovered, request) for incident in page]


def build_incident_item(incident: Incident, recovered: bool, request: StatsRequest) -> Item:
    seconds = int(((incident.end or request.now) - incident.start).total_seconds())
    return {
        **format_time(incident.start, request),
        "item": encode_html(str(incident.monitor)),
        "status": "down" if incident.end is None else "up" if recovered else "paused",
        "cause": encode_html(incident.cause),
        "duration": str(seconds),
        "duration_pretty": format_duration(seconds),
        "url": incident.monitor.url,
    }


UptimeType = partial(PagedType, group="Availability")
UPTIME_TYPES = (
    UptimeType("uptime", build_availability_items, example={
        "title": "Shop", "value": "99.98", "response_time": "210", "url": "https://example.com/",
    }),
    UptimeType("uptime-list", build_incident_items, example={
        **TIMES, "item": "Shop", "status": "up", "cause": "HTTP 502", "duration": "190", "duration_pretty": "3m 10s",
        "url": "https://example.com/",
    }),
)  # fmt: skip
