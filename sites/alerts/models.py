"""Models of channels, alerts and the log of deliveries."""

from __future__ import annotations

import secrets
import uuid
from datetime import timedelta
from urllib.parse import urlsplit

from django.db import models

from accounts.models import Account
from accounts.security.encrypted_fields import EncryptedCharField
from accounts.validators import build_choice_check


class ChannelKind(models.TextChoices):
    EMAIL = "email", "E-mail"
    SLACK = "slack", "Slack"
    WEBHOOK = "webhook", "Webhook"


USABLE = ~models.Q(kind=ChannelKind.EMAIL) | models.Q(confirmed__isnull=False)


MAX_DELIVERY_AGE = timedelta(days=1)  # until when a delivery is tried again
MAX_BILLING_AGE = timedelta(days=7)  # of those to the operator's billing system, because they are invoices


class ChannelQuerySet(models.QuerySet["Channel"]):
    def usable(self) -> ChannelQuerySet:
        """Select channels that may be sent to: switched on, and confirmed if they are e-mail addresses."""
        return self.filter(USABLE, enabled=True)

    def of_installation(self) -> ChannelQuerySet:
        """Select the webhooks of the operator's billing system."""
        return self.filter(account=None)


class Channel(models.Model):
    """Where notifications are sent: an e-mail address or a webhook. Without an account it is a webhook of the
    operator's billing system (`sites.alerts.billing`).

    Until its recipient has confirmed it (`confirmed`), an e-mail address gets only the mail that asks to confirm.
    `failing_since` is the first of consecutive failures; after a day of them the channel is switched off.
    """

    account = models.ForeignKey("accounts.Account", models.CASCADE, null=True, blank=True, related_name="channels")
    kind = models.CharField(max_length=10, choices=ChannelKind.choices)
    name = models.CharField(max_length=120)
    target = EncryptedCharField(max_length=2000, help_text="An e-mail address, or the https:// address of a hook")
    secret = EncryptedCharField(max_length=64, default=secrets.token_urlsafe, help_text="Webhooks are signed with it")
    enabled = models.BooleanField(default=True)
    quiet_from = models.TimeField(null=True, blank=True, help_text="Messages wait from here …")
    quiet_until = models.TimeField(null=True, blank=True, help_text="… until here, in the account's zone")
    confirmed = models.DateTimeField(null=True, blank=True, help_text="When the recipient confirmed an e-mail address")
    failing_since = models.DateTimeField(null=True, blank=True)
    switched_off = models.CharField(max_length=200, blank=True, help_text="Why it was switched off by itself")
    created = models.DateTimeField(auto_now_add=True)

    objects = ChannelQuerySet.as_manager()

    class Meta:
        constraints = [
            build_choice_check("kind", ChannelKind, "channel_kind_is_known"),
            models.CheckConstraint(
                condition=models.Q(account__isnull=False) | models.Q(kind=ChannelKind.WEBHOOK),
                name="channel_of_installation_is_webhook",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.name}"

    @property
    def displayed_target(self) -> str:
        """The target for pages: an e-mail address in full; only the host of a hook, whose URL is a secret."""
        if self.kind == ChannelKind.EMAIL:
            return str(self.target)
        host = urlsplit(self.target).hostname or ""
        return f"{host}/…" if host else ""

    @property
    def owner(self) -> Account:
        """The account of a channel that has one, as all e-mail channels do."""
        assert self.account is not None, "a webhook of the installation has no account"
        return self.account

    @property
    def waits_for_confirmation(self) -> bool:
        """True for an e-mail channel that its recipient has not confirmed."""
        return self.kind == ChannelKind.EMAIL and self.confirmed is None


class Alert(models.Model):
    """A condition of a site that is evaluated. `condition` is a key of `sites.alerts.condition_registry.CONDITIONS`."""

    site = models.ForeignKey("sites.Site", models.CASCADE, related_name="alerts")
    name = models.CharField(max_length=120)
    condition = models.CharField(max_length=30)
    parameters = models.JSONField(default=dict, blank=True)
    channels = models.ManyToManyField(Channel, related_name="alerts", blank=True)
    throttle_minutes = models.PositiveIntegerField(default=60, help_text="Minutes between two messages, at least")
    enabled = models.BooleanField(default=True)
    last_fired = models.DateTimeField(null=True, blank=True)
    memory = models.JSONField(default=dict, blank=True, help_text="State of the condition since its last evaluation")
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class DeliveryState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    SENDING = "sending", "Being sent"
    SENT = "sent", "Sent"
    FAILED = "failed", "Given up"


class Delivery(models.Model):
    """One notification to one channel. (channel, key) is unique, so that no notification is sent twice."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="deliveries")
    alert = models.ForeignKey(Alert, models.SET_NULL, null=True, blank=True, related_name="deliveries")
    key = models.CharField(max_length=120)
    subject = models.CharField(max_length=200)
    text = models.TextField()
    payload = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    next_try = models.DateTimeField()
    created = models.DateTimeField(auto_now_add=True)
    sent = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["channel", "key"], name="one_delivery_per_channel_and_key"),
            build_choice_check("state", DeliveryState, "delivery_state_is_known"),
            models.CheckConstraint(
                condition=models.Q(state=DeliveryState.SENT, sent__isnull=False)
                | (~models.Q(state=DeliveryState.SENT) & models.Q(sent=None)),
                name="sent_delivery_says_when",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "next_try"]),
            models.Index(fields=["alert", "-created"], name="delivery_log_of_alert"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} to {self.channel}"
