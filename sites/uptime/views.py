"""Pages of uptime: all monitors of a site, one monitor, its form, and the public status page."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.forms import add_mistakes
from sites.access import site_for
from sites.models import Site
from sites.uptime.certificates import days_left
from sites.uptime.costs import with_costs
from sites.uptime.forms import MonitorForm
from sites.uptime.history import Span, availability_of, days
from sites.uptime.models import Monitor
from sites.uptime.services import EDITABLE, monitor_create, monitor_update

LEVELS = ((100.0, "good"), (99.0, "dented"), (0.0, "bad"))
CERTIFICATE_SOON = 30  # days
BAR_PITCH = 6  # of the drawing's units, 4 of them the bar


def bar(index: int, span: Span) -> dict[str, Any]:
    """One day of the ninety: where it stands, how it is coloured and what it says."""
    place = {"x": index * BAR_PITCH, "span": span}
    availability = span.availability
    if availability is None:
        return {**place, "level": "none", "text": "not checked"}
    level = next(word for floor, word in LEVELS if availability >= floor)
    return {**place, "level": level, "text": f"{availability:.2f} %, typically {span.p50 or 0} ms"}


def certificate(monitor: Monitor) -> dict[str, Any] | None:
    """When the first certificate expires that the monitor's address needs, and how many days are left."""
    if monitor.tls_expires is None:
        return None
    left = days_left(monitor.tls_expires, timezone.now())
    return {"expires": monitor.tls_expires, "days": left, "soon": left <= CERTIFICATE_SOON}


def summary(monitor: Monitor, zone: str) -> dict[str, Any]:
    """A monitor with its ninety days and their availability in percent."""
    spans = days(monitor, now=timezone.now(), zone=zone)
    checked = [span for span in spans if span.checks]
    return {
        "monitor": monitor,
        "bars": [bar(index, span) for index, span in enumerate(spans)],
        "availability": availability_of(spans),
        "certificate": certificate(monitor),
        "latest": checked[-1] if checked else None,
    }


@login_required
def uptime(request: HttpRequest, site_id: int) -> HttpResponse:
    """Every monitor of the site with its last ninety days, and the latest incidents."""
    site = site_for(request, site_id)
    monitors = list(site.monitors.order_by("name", "pk"))
    incidents = [i for monitor in monitors for i in monitor.incidents.order_by("-start")[:20]]
    context = {
        "site": site,
        "section": "uptime",
        "rows": [summary(monitor, site.timezone) for monitor in monitors],
        "incidents": with_costs(sorted(incidents, key=lambda incident: incident.start, reverse=True)[:20]),
    }
    return render(request, "sites/uptime.html", context)


@login_required
def monitor(request: HttpRequest, site_id: int, monitor_id: int) -> HttpResponse:
    """One monitor: availability, response times by day, every incident."""
    site = site_for(request, site_id)
    found = get_object_or_404(Monitor, pk=monitor_id, site=site)
    context = {
        "site": site,
        "section": "uptime",
        "row": summary(found, site.timezone),
        "recent": days(found, now=timezone.now(), zone=site.timezone, count=14),
        "incidents": with_costs(found.incidents.order_by("-start")[:100]),
    }
    return render(request, "sites/uptime_monitor.html", context)


@login_required
def monitor_edit(request: HttpRequest, site_id: int, monitor_id: int | None = None) -> HttpResponse:
    """The form of a new or an existing monitor."""
    site = site_for(request, site_id, may="edit")
    existing = get_object_or_404(Monitor, pk=monitor_id, site=site) if monitor_id else None
    start = {"url": f"https://{site.domain}/", "name": site.domain}
    form = MonitorForm(request.POST or None, instance=existing, initial=None if existing else start)
    if request.method == "POST" and form.is_valid():
        saved = save(site, existing, form)
        if saved:
            messages.success(request, f"{saved} is watched every {saved.interval} seconds.")
            return redirect("uptime-monitor", site.pk, saved.pk)
    return render(request, "sites/uptime_form.html", {"site": site, "section": "uptime", "form": form})


def save(site: Site, existing: Monitor | None, form: MonitorForm) -> Monitor | None:
    """The saved monitor; None when the service refused, with its sentences on the form."""
    changes = {name: form.cleaned_data[name] for name in EDITABLE}
    try:
        if existing:
            return monitor_update(monitor=existing, changes=changes)
        return monitor_create(site=site, **changes)
    except ValidationError as error:
        add_mistakes(form, error)
        return None


@login_required
@require_POST
def monitor_delete(request: HttpRequest, site_id: int, monitor_id: int) -> HttpResponse:
    """Stop watching; incidents and response times go with the monitor."""
    site = site_for(request, site_id, may="edit")
    get_object_or_404(Monitor, pk=monitor_id, site=site).delete()
    messages.success(request, "The monitor was deleted.")
    return redirect("uptime", site.pk)


def status(request: HttpRequest, site_id: int) -> HttpResponse:
    """The public status page: only monitors that were made public; 404 where there are none."""
    site = Site.objects.filter(pk=site_id, deleted=None).first()
    monitors = list(site.monitors.filter(public=True).order_by("name", "pk")) if site else []
    if not site or not monitors:
        raise Http404("No status page here.")
    incidents = [i for found in monitors for i in found.incidents.order_by("-start")[:10]]
    context = {
        "page_site": site,
        "rows": [summary(found, site.timezone) for found in monitors],
        "down": [found for found in monitors if found.enabled and found.state == "down"],
        "watched": any(found.enabled and found.state != "unknown" for found in monitors),
        "unchecked": any(found.enabled and found.state == "unknown" for found in monitors),
        "incidents": sorted(incidents, key=lambda incident: incident.start, reverse=True)[:10],
    }
    return render(request, "sites/status.html", context)
