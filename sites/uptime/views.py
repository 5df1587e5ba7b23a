"""Pages of uptime: the monitors of a site, one monitor, and its form."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.forms import add_errors
from sites.models import Site
from sites.selectors import get_site_or_404
from sites.uptime.forms import MonitorForm
from sites.uptime.history import add_costs, compute_daily_uptime
from sites.uptime.models import Monitor
from sites.uptime.services import EDITABLE, monitor_create, monitor_delete, monitor_update
from sites.uptime.status_page import list_latest_incidents, summarize


@login_required
def list_monitors(request: HttpRequest, site_id: int) -> HttpResponse:
    """List the monitors of the site with their last ninety days, and the latest incidents."""
    site = get_site_or_404(request, site_id)
    monitors = list(site.monitors.order_by("name", "pk"))
    context = {
        "site": site,
        "section": "uptime",
        "rows": summarize(monitors, site.timezone),
        "incidents": add_costs(list_latest_incidents(monitors, 20)),
    }
    return render(request, "uptime/monitors.html", context)


@login_required
def show_monitor(request: HttpRequest, site_id: int, monitor_id: int) -> HttpResponse:
    """Show a monitor: availability, response times by day, incidents."""
    site = get_site_or_404(request, site_id)
    monitor = get_object_or_404(Monitor, pk=monitor_id, site=site)
    context = {
        "site": site,
        "section": "uptime",
        "row": summarize([monitor], site.timezone)[0],
        "recent": compute_daily_uptime(monitor, now=timezone.now(), zone=site.timezone, count=14),
        "incidents": add_costs(monitor.incidents.order_by("-start")[:100]),
    }
    return render(request, "uptime/monitor.html", context)


@login_required
def edit_monitor(request: HttpRequest, site_id: int, monitor_id: int | None = None) -> HttpResponse:
    """Show or save the form of a new or an existing monitor."""
    site = get_site_or_404(request, site_id, may="edit")
    existing = get_object_or_404(Monitor, pk=monitor_id, site=site) if monitor_id else None
    defaults = {"url": f"https://{site.domain}/", "name": site.domain}
    form = MonitorForm(request.POST or None, instance=existing, initial=None if existing else defaults)
    if request.method == "POST" and form.is_valid():
        saved = save_monitor(site, existing, form)
        if saved:
            messages.success(request, f"{saved} is checked every {saved.interval} seconds.")
            return redirect("uptime:monitor", site.pk, saved.pk)
    return render(request, "uptime/monitor_form.html", {"site": site, "section": "uptime", "form": form})


def save_monitor(site: Site, existing: Monitor | None, form: MonitorForm) -> Monitor | None:
    """Save the monitor; returns None if the service rejected it, with the errors on the form."""
    changes = {name: form.cleaned_data[name] for name in EDITABLE}
    try:
        if existing:
            return monitor_update(monitor=existing, changes=changes)
        return monitor_create(site=site, **changes)
    except ValidationError as error:
        add_errors(form, error)
        return None


@login_required
@require_POST
def delete_monitor(request: HttpRequest, site_id: int, monitor_id: int) -> HttpResponse:
    """Delete the monitor with its incidents and response times."""
    site = get_site_or_404(request, site_id, may="edit")
    monitor_delete(monitor=get_object_or_404(Monitor, pk=monitor_id, site=site))
    messages.success(request, "The monitor was deleted.")
    return redirect("uptime:list", site.pk)
