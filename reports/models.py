"""Tables of the reports room, each kept beside what uses it."""

from reports.digest.models import DigestMail, DigestSubscription
from reports.notes.models import Note
from reports.prices.models import IncidentPrice
from reports.share.models import Share

__all__ = ["DigestMail", "DigestSubscription", "IncidentPrice", "Note", "Share"]
