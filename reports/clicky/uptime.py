"""The uptime types: how available the watched addresses were, and every incident."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from reports.clicky.asked import Asked
from reports.clicky.dates import Dates
from reports.clicky.outputs import Block, Day, Item, encoded
from reports.clicky.people import dates_zone, moment
from reports.pages.numbers import duration
from sites.uptime.history import spans_between
from sites.uptime.models import Incident, Monitor
from sites.uptime.watched import annotate_recovery

UPTIME = ("uptime", "uptime-list")


def uptime(name: str, asked: Asked) -> Block:
    """The block of one of these types; no items where nothing is watched."""
    make = availability if name == "uptime" else incidents
    return Block(name, [Day(day.label, make(asked, day)) for day in asked.days])


def edges(asked: Asked, dates: Dates) -> list[datetime]:
    period = dates.period()
    return [period.start, min(period.end, asked.now)]


def availability(asked: Asked, dates: Dates) -> list[Item]:
    """One item per monitor: percent available, as text, with its typical answer in milliseconds."""
    start, end = edges(asked, dates)
    if end <= start:
        return []
    found = []
    for monitor in Monitor.objects.filter(site_id=asked.facts.site_id).order_by("name", "pk"):
        span = spans_between(monitor, [start, end])[0]
        if span.availability is not None:
            title, percent = encoded(str(monitor)), f"{span.availability:.2f}"
            found.append({"title": title, "value": percent, "response_time": str(span.p50 or 0), "url": monitor.url})
    return found[asked.offset : asked.offset + asked.limit]


def incidents(asked: Asked, dates: Dates) -> list[Item]:
    """One item per incident that touches the dates, newest first; times as everywhere in this dialect."""
    start, end = edges(asked, dates)
    touching = Q(end__isnull=True) | Q(end__gt=start)
    rows = Incident.objects.filter(touching, monitor__site_id=asked.facts.site_id, start__lt=end)
    newest = annotate_recovery(rows, asked.now).select_related("monitor").order_by("-start")
    page = newest[asked.offset : asked.offset + asked.limit]
    return [incident_item(row, row.recovered, asked) for row in page]


def incident_item(incident: Incident, recovered: bool, asked: Asked) -> Item:
    seconds = int(((incident.end or asked.now) - incident.start).total_seconds())
    return {
        **moment(incident.start, dates_zone(asked)),
        "item": encoded(str(incident.monitor)),
        "status": "down" if incident.end is None else "up" if recovered else "paused",
        "cause": encoded(incident.cause),
        "duration": str(seconds),
        "duration_pretty": duration(seconds),
        "url": incident.monitor.url,
    }
