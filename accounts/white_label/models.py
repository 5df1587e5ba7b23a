"""The files of white labels, and what the last look at their hosts found."""

from __future__ import annotations

from django.db import models

from accounts.validators import build_choice_check

MAX_FOUND = 300  # characters of what was found


class BrandFileKind(models.TextChoices):
    LOGO = "logo", "Logo"
    ICON = "icon", "Icon"


class BrandFile(models.Model):
    """An image of an account's white label, a PNG that we encoded. `version` is a hash of it, part of its address."""

    account = models.ForeignKey("accounts.Account", models.CASCADE, related_name="brand_files")
    kind = models.CharField(max_length=10, choices=BrandFileKind.choices)
    version = models.CharField(max_length=16)
    body = models.BinaryField()
    changed = models.DateTimeField()

    class Meta:
        constraints = [
            build_choice_check("kind", BrandFileKind, "brand_file_kind_is_known"),
            models.UniqueConstraint(fields=["account", "kind"], name="one_brand_file_per_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of account {self.account_id}"


class FindingSubject(models.TextChoices):
    """What was looked at: for hosts where they lead and whether they are served, for senders their records."""

    ROUTE = "route", "Where it leads"
    SERVED = "served", "Certificate"
    SPF = "spf", "SPF"
    DKIM = "dkim", "DKIM"
    DMARC = "dmarc", "DMARC"


class FindingState(models.TextChoices):
    GOOD = "good", "As it should be"
    MISSING = "missing", "Missing"
    DIFFERENT = "different", "Something else"
    UNKNOWN = "unknown", "No answer"


class HostFinding(models.Model):
    """What the last look at a host found; `found` is what is there, or a sentence about why nothing is."""

    account = models.ForeignKey("accounts.Account", models.CASCADE, related_name="host_findings")
    host = models.CharField(max_length=253)
    subject = models.CharField(max_length=10, choices=FindingSubject.choices)
    state = models.CharField(max_length=10, choices=FindingState.choices)
    found = models.CharField(max_length=MAX_FOUND, blank=True)
    checked = models.DateTimeField()

    class Meta:
        constraints = [
            build_choice_check("subject", FindingSubject, "finding_subject_is_known"),
            build_choice_check("state", FindingState, "finding_state_is_known"),
            models.UniqueConstraint(fields=["account", "host", "subject"], name="one_finding_per_host_and_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} of {self.host}: {self.state}"
