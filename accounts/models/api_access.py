"""Personal tokens for the management API, and its answers to requests that may be repeated."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q

from accounts.models.accounts import Account, Membership


class Area(models.TextChoices):
    """What the management API is divided into: a personal token is for some of it."""

    ACCOUNT = "account", "Account, team and white label"
    SITES = "sites", "Sites and their keys"
    REPORTS = "reports", "Goals, funnels, segments, notes, shared links and reports by e-mail"
    MONITORING = "monitoring", "Uptime and alerts"
    LINKS = "links", "Links and conversions"


READ, WRITE = "read", "write"
SCOPES = tuple(f"{area}:{right}" for area in Area.values for right in (READ, WRITE))
INSTALLATION = "installation"  # the area of operators' operations; no account has it, so it is no Area
OPERATOR_SCOPES = tuple(f"{INSTALLATION}:{right}" for right in (READ, WRITE))


class PersonalTokenQuerySet(models.QuerySet["PersonalToken"]):
    def usable(self, now: datetime) -> PersonalTokenQuerySet:
        """Select tokens that have not expired, of members who may log in."""
        not_expired = Q(expires=None) | Q(expires__gt=now)
        return self.filter(not_expired, membership__user__is_active=True, membership__accepted__isnull=False)


class PersonalToken(models.Model):
    """A person's token for the management API in one account. It is shown once and stored as a hash.

    It may never do more than the person may now: it acts by the membership, and ends with it. `sites` are not foreign
    keys, because sites belong to an app above this one.
    """

    membership = models.ForeignKey(Membership, models.CASCADE, related_name="personal_tokens")
    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=12, help_text="The first characters, to recognise it")
    hash = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(help_text="Such as sites:read; write includes read")
    sites = models.JSONField(default=list, blank=True, help_text="Ids of sites; empty: all, and the account itself")
    created = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField(null=True, blank=True)
    last_used = models.DateTimeField(null=True, blank=True, help_text="Written at most once a minute")

    objects = PersonalTokenQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def allows(self, area: str, right: str) -> bool:
        """Whether one of the scopes is for this right in the area."""
        return f"{area}:{WRITE}" in self.scopes or (right == READ and f"{area}:{READ}" in self.scopes)


class IdempotentRequest(models.Model):
    """A request that was sent with an `Idempotency-Key`, and its answer.

    `fingerprint` is a hash of the caller, the address and the body. While the first request is being answered there
    is no `status`. The keys of one caller are no business of another in the same account.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="idempotent_requests")
    caller = models.CharField(max_length=48, blank=True, help_text="Ids of membership and token; empty: the account")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveIntegerField(null=True, blank=True)
    answer = models.TextField(blank=True, help_text="The body, encrypted: some contain new keys")
    created = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "caller", "key"], name="one_request_per_idempotency_key")
        ]

    def __str__(self) -> str:
        return f"{self.key} in {self.account}"
