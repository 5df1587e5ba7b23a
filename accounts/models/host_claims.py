"""Claims of accounts on host names."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from accounts.validators import build_choice_check

# Of the TXT records that verify claims. The name of the product stood in those that are older
RECORD_LABEL, FORMER_RECORD_LABEL = "_analytics-host", "_footfall"


class Purpose(models.TextChoices):
    """What an account uses a host for."""

    LINKS = "links", "Link domain"
    BRAND = "brand", "White label"
    SITE = "site", "Website"


class VerificationMethod(models.TextChoices):
    """How it was verified that a host belongs to the account."""

    DNS = "dns", "DNS record"
    OPERATOR = "operator", "Operator"


EXCLUSIVE_PURPOSES = (Purpose.LINKS, Purpose.BRAND)  # a host serves links or the dashboard, never both


class HostClaim(models.Model):
    """An account's claim to use a host for one purpose; it has no effect until it is verified (`verified`).

    `host` is normalized (`accounts.host_names.normalize_host`). `check_result` describes the last DNS check,
    `next_check` is when the next one is due (None: never), `failing_since` is the first of the latest checks in a row
    that did not find the record of a verified claim.
    """

    account = models.ForeignKey("accounts.Account", models.CASCADE, related_name="host_claims")
    host = models.CharField(max_length=253)
    purpose = models.CharField(max_length=5, choices=Purpose.choices)
    created = models.DateTimeField(auto_now_add=True)
    verified = models.DateTimeField(null=True, blank=True)
    verification_method = models.CharField(max_length=8, choices=VerificationMethod.choices, blank=True)
    checked = models.DateTimeField(null=True, blank=True)
    check_result = models.CharField(max_length=300, blank=True)
    next_check = models.DateTimeField(null=True, blank=True, db_index=True)
    failing_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "host", "purpose"], name="one_claim_per_account_and_purpose"),
            models.UniqueConstraint(
                fields=["account", "host"],
                condition=Q(purpose__in=EXCLUSIVE_PURPOSES),
                name="links_or_brand_on_one_host",
            ),
            models.UniqueConstraint(
                fields=["host", "purpose"], condition=Q(verified__isnull=False), name="one_verified_claim_per_purpose"
            ),
            models.CheckConstraint(
                condition=Q(verified__isnull=True, verification_method="")
                | Q(verified__isnull=False, verification_method__in=VerificationMethod.values),
                name="a_verified_claim_says_how",
            ),
            build_choice_check("purpose", Purpose, "claim_purpose_is_known"),
        ]
        indexes = [models.Index(fields=["host", "purpose"])]

    def __str__(self) -> str:
        return f"{self.host} for {self.purpose} of account {self.account_id}"

    @property
    def record_name(self) -> str:
        """The name of the TXT record that verifies the claim."""
        return f"{RECORD_LABEL}.{self.host}"

    @property
    def record_value(self) -> str:
        """The text that the TXT record must contain."""
        return f"account={self.account_id}"


class HostOwner(models.Model):
    """The one account that has verified claims on a host; there is no row for a host without verified claims.

    The primary key makes sure that two accounts cannot both have verified claims on a host; writers lock the row.
    """

    host = models.CharField(max_length=253, primary_key=True)
    account = models.ForeignKey("accounts.Account", models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return f"{self.host} is account {self.account_id}'s"
