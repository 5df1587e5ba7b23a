"""Subscriptions to digests, and the mails that were sent."""

from __future__ import annotations

from django.core.signing import BadSignature, Signer
from django.db import models

from accounts.validators import build_choice_check


def get_unsubscribe_signer() -> Signer:
    """Signs the ids of subscriptions in unsubscribe links."""
    return Signer(salt="digests.unsubscribe", sep=".")


class Frequency(models.TextChoices):
    DAY = "day", "Every day"
    WEEK = "week", "Every Monday"
    MONTH = "month", "On the first of the month"


class DigestSubscriptionQuerySet(models.QuerySet["DigestSubscription"]):
    def with_unsubscribe_token(self, token: str) -> DigestSubscriptionQuerySet:
        """Filter the subscription of an unsubscribe token; none for a token that this installation did not sign."""
        try:
            return self.filter(pk=int(get_unsubscribe_signer().unsign(token)))
        except (BadSignature, ValueError):
            return self.none()


class DigestSubscription(models.Model):
    """A user's digest of some sites (an empty list = all that the user may see), bundled into one mail."""

    user = models.ForeignKey("accounts.User", models.CASCADE, related_name="digests")
    frequency = models.CharField(max_length=5, choices=Frequency.choices, default=Frequency.WEEK)
    sites = models.JSONField(default=list, blank=True, help_text="Site numbers; empty = all")
    attach_csv = models.BooleanField(default=False)
    enabled = models.BooleanField(default=True)
    created = models.DateTimeField(auto_now_add=True)

    objects = DigestSubscriptionQuerySet.as_manager()

    class Meta:
        constraints = [build_choice_check("frequency", Frequency, "digest_frequency_is_known")]

    def __str__(self) -> str:
        return f"{self.get_frequency_display()} to {self.user}"

    @property
    def unsubscribe_token(self) -> str:
        """The token of unsubscribe links: the signed id, so that nothing needs to be stored."""
        return get_unsubscribe_signer().sign(str(self.pk))


class DigestMail(models.Model):
    """The mail of one closed period.

    The row is created when the mail has been built, and before it is sent: so it is never sent twice, and is tried
    again only if it could not be built.
    """

    subscription = models.ForeignKey(DigestSubscription, models.CASCADE, related_name="mails")
    period = models.CharField(max_length=24, help_text="Such as 2026-03-02..2026-03-08")
    claimed = models.DateTimeField(auto_now_add=True)
    sent = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subscription", "period"], name="one_mail_per_period")]

    def __str__(self) -> str:
        return f"{self.subscription} for {self.period}"
