"""Writes of notes, and what is to be marked on a graph."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from accounts.models import User
from reports.notes.models import Note
from reports.prices.services import costs
from sites.models import Incident, Site

MOST = 100  # marks on one graph


@dataclass(frozen=True)
class Mark:
    """Something that happened at `at`: a note, or an incident of a watched address."""

    at: datetime
    text: str
    kind: str


@transaction.atomic
def note_add(*, site: Site, at: datetime, text: str, user: User | None = None) -> Note:
    """A new note. Raises ValidationError, a dict by field."""
    note = Note(site=site, at=at, text=text.strip(), created_by=user)
    note.full_clean()
    note.save()
    return note


@transaction.atomic
def note_delete(*, note: Note) -> None:
    note.delete()


def marks(site: Site, start: datetime, end: datetime) -> list[Mark]:
    """Notes and incidents that began between two instants, the latest hundred of each, in order of time."""
    notes = Note.objects.filter(site=site, at__gte=start, at__lt=end).order_by("-at")[:MOST]
    down = Incident.objects.filter(monitor__site=site, start__gte=start, start__lt=end)
    incidents = list(down.select_related("monitor").order_by("-start")[:MOST])
    prices = costs(incidents)
    found = [Mark(note.at, note.text, "note") for note in notes]
    for one in incidents:
        price = f" ({prices[one.pk].short})" if one.pk in prices else ""
        found.append(Mark(one.start, lasted(one) + price, "incident"))
    return sorted(found, key=lambda mark: mark.at)


def lasted(incident: Incident) -> str:
    """What an incident is called beside a number of visitors."""
    if incident.end is None:
        return f"{incident.monitor} is down: {incident.cause}"
    minutes = max(1, round((incident.end - incident.start).total_seconds() / 60))
    return f"{incident.monitor} was down for {minutes} min: {incident.cause}"
