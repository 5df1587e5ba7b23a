"""The public status page, and the ninety days of a monitor, which the pages of uptime show as well."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from sites.models import Site
from sites.uptime.certificates import count_days_left
from sites.uptime.history import UptimeFigures, compute_availability, compute_uptime_of_each, find_day_edges
from sites.uptime.models import Incident, Monitor

LEVELS = ((100.0, "good"), (99.0, "impaired"), (0.0, "bad"))  # (minimum availability, CSS class)
CERTIFICATE_WARNING_DAYS = 30
BAR_PITCH = 6  # in units of the drawing; the bar itself is 4 wide


def build_bar(index: int, span: UptimeFigures) -> dict[str, object]:
    """Build the bar of one of the ninety days: its position, colour and text."""
    position = {"x": index * BAR_PITCH, "span": span}
    availability = span.availability
    if availability is None:
        return {**position, "level": "none", "text": "not checked"}
    level = next(level for minimum, level in LEVELS if availability >= minimum)
    return {**position, "level": level, "text": f"{availability:.2f} %, typically {span.p50 or 0} ms"}


def describe_certificate(monitor: Monitor) -> dict[str, object] | None:
    """Return when the certificate of the monitor's address expires and how many days are left; None without one."""
    if monitor.tls_expires is None:
        return None
    days = count_days_left(monitor.tls_expires, timezone.now())
    return {"expires": monitor.tls_expires, "days": days, "soon": days <= CERTIFICATE_WARNING_DAYS}


def summarize(monitors: Sequence[Monitor], zone: str) -> list[dict[str, object]]:
    """Build the context of each monitor with its ninety days and their availability in percent."""
    spans = compute_uptime_of_each(monitors, find_day_edges(timezone.now(), zone))
    return [build_summary(monitor, spans[monitor.pk]) for monitor in monitors]


def build_summary(monitor: Monitor, spans: list[UptimeFigures]) -> dict[str, object]:
    checked = [span for span in spans if span.checks]
    return {
        "monitor": monitor,
        "bars": [build_bar(index, span) for index, span in enumerate(spans)],
        "availability": compute_availability(spans),
        "certificate": describe_certificate(monitor),
        "latest": checked[-1] if checked else None,
    }


def list_latest_incidents(monitors: Sequence[Monitor], count: int) -> QuerySet[Incident]:
    """Return the latest incidents of these monitors together."""
    incidents = Incident.objects.filter(monitor__in=monitors).select_related("monitor")
    return incidents.order_by("-start", "monitor__name", "monitor")[:count]


def show_status_page(request: HttpRequest, site_id: int) -> HttpResponse:
    """Show the public status page with the monitors that are public. Raises Http404 if there are none."""
    site = Site.objects.filter(pk=site_id, deleted=None).first()
    monitors = list(site.monitors.filter(public=True).order_by("name", "pk")) if site else []
    if not site or not monitors:
        raise Http404("No status page here.")
    context = {
        "page_site": site,
        "rows": summarize(monitors, site.timezone),
        "down": [monitor for monitor in monitors if monitor.enabled and monitor.state == "down"],
        "watched": any(monitor.enabled and monitor.state != "unknown" for monitor in monitors),
        "unchecked": any(monitor.enabled and monitor.state == "unknown" for monitor in monitors),
        "incidents": list_latest_incidents(monitors, 10),
    }
    return render(request, "uptime/status_page.html", context)
