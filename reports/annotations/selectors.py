"""The marks that a graph displays: annotations, and incidents of the site's monitors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reports.annotations.models import Note
from reports.incident_costs.selectors import describe_costs
from sites.models import Site
from sites.uptime.models import Incident

MAX_MARKS = 100  # of each kind on one graph


@dataclass(frozen=True)
class GraphMark:
    """An annotation, or an incident of a monitor, at its instant. `kind`: note or incident."""

    at: datetime
    text: str
    kind: str


def list_graph_marks(site: Site, start: datetime, end: datetime) -> list[GraphMark]:
    """Return the annotations, and the incidents that began, from `start` to `end` (exclusive), in order of time."""
    notes = Note.objects.filter(site=site, at__gte=start, at__lt=end).order_by("-at")[:MAX_MARKS]
    began = Incident.objects.filter(monitor__site=site, start__gte=start, start__lt=end)
    incidents = list(began.select_related("monitor").order_by("-start")[:MAX_MARKS])
    incident_costs = describe_costs(incidents)
    graph_marks = [GraphMark(note.at, note.text, "note") for note in notes]
    for incident in incidents:
        cost = f" ({incident_costs[incident.pk].short})" if incident.pk in incident_costs else ""
        graph_marks.append(GraphMark(incident.start, describe_incident(incident) + cost, "incident"))
    return sorted(graph_marks, key=lambda mark: mark.at)


def describe_incident(incident: Incident) -> str:
    """Return an incident in words, with its length if it has ended."""
    if incident.end is None:
        return f"{incident.monitor} is down: {incident.cause}"
    minutes = max(1, round((incident.end - incident.start).total_seconds() / 60))
    return f"{incident.monitor} was down for {minutes} min: {incident.cause}"
