"""Tables of the reports room, each kept beside what uses it."""

from reports.digest.models import DigestMail, DigestSubscription

__all__ = ["DigestMail", "DigestSubscription"]
