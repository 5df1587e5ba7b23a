"""The models of this app, imported here for Django; each is defined beside the code that uses it."""

from reports.annotations.models import Note
from reports.digest.models import DigestMail, DigestSubscription
from reports.incident_costs.models import IncidentPrice
from reports.sharing.models import Share

__all__ = ["DigestMail", "DigestSubscription", "IncidentPrice", "Note", "Share"]
