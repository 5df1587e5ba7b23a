"""Widgets that are open on pages of a site."""

from __future__ import annotations

from datetime import datetime

from django.contrib.sessions.models import Session
from django.db import models
from django.db.models import Exists, OuterRef

MAX_ORIGIN_LENGTH = 300


class WidgetSessionQuerySet(models.QuerySet["WidgetSession"]):
    """Queries of open widgets."""

    def open(self, now: datetime) -> WidgetSessionQuerySet:
        """Return those that are not over, and whose user has not logged out of the session they were opened in."""
        logins = Session.objects.filter(session_key=OuterRef("login"), expire_date__gt=now)
        return self.filter(Exists(logins), expires__gt=now)


class WidgetSession(models.Model):
    """A widget that a user has opened on an origin of a site, within one log-in.

    It has a token, which reads for some minutes, and the next code, which is exchanged once for another token and
    another code. Both are stored as hashes. What the user may do is checked at each request.
    """

    site = models.ForeignKey("sites.Site", models.CASCADE, related_name="widget_sessions")
    user = models.ForeignKey("accounts.User", models.CASCADE, related_name="+")
    login = models.CharField(max_length=40, help_text="The session of the log-in, as it is stored")
    origin = models.CharField(max_length=MAX_ORIGIN_LENGTH, help_text="Of the pages: https://shop.example")
    code_hash = models.CharField(max_length=64, unique=True)
    code_expires = models.DateTimeField()
    token_hash = models.CharField(max_length=64, unique=True, null=True)
    token_expires = models.DateTimeField(null=True)
    created = models.DateTimeField()
    used = models.DateTimeField(help_text="When a page last got a token")
    expires = models.DateTimeField(db_index=True)

    objects = WidgetSessionQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.user} on {self.origin}"
