"""Who wants which digest how often, and which was sent: claimed by its row before it leaves."""

from __future__ import annotations

from django.db import models
from django.utils.crypto import get_random_string


def unsubscribe_token() -> str:
    """A word nobody guesses: it is all one needs to end a subscription."""
    return get_random_string(40)


class Every(models.TextChoices):
    DAY = "day", "Every day"
    WEEK = "week", "Every Monday"
    MONTH = "month", "On the first of the month"


class DigestSubscription(models.Model):
    """One person's digest of some sites (none listed = all they may see), bundled into one mail."""

    user = models.ForeignKey("accounts.User", models.CASCADE, related_name="digests")
    every = models.CharField(max_length=5, choices=Every.choices, default=Every.WEEK)
    sites = models.JSONField(default=list, blank=True, help_text="Site numbers; empty = all")
    attach_csv = models.BooleanField(default=False)
    enabled = models.BooleanField(default=True)
    token = models.CharField(max_length=40, unique=True, default=unsubscribe_token)
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.get_every_display()} to {self.user}"


class DigestMail(models.Model):
    """One mail of one closed period. The row is made before the mail leaves, so that it never leaves twice."""

    subscription = models.ForeignKey(DigestSubscription, models.CASCADE, related_name="mails")
    period = models.CharField(max_length=24, help_text="Such as 2026-03-02..2026-03-08")
    claimed = models.DateTimeField(auto_now_add=True)
    sent = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subscription", "period"], name="one_mail_per_period")]

    def __str__(self) -> str:
        return f"{self.subscription} for {self.period}"
