"""Tables of the reports room, each kept beside what uses it."""

from reports.annotations.models import Note
from reports.digest.models import DigestMail, DigestSubscription
from reports.incident_costs.models import IncidentPrice
from reports.sharing.models import Share

__all__ = ["DigestMail", "DigestSubscription", "IncidentPrice", "Note", "Share"]
