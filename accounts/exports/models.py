"""Exports of an account, each a file of one person or of the account's key."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models

from accounts.validators import build_choice_check

RETENTION = timedelta(days=7)


class ExportState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Being written"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class Export(models.Model):
    """A file with a table as it was when the file was written, kept for RETENTION.

    It is read with the rights of `membership`, in a client's account one in the agency; without one it was asked for
    with the account's own key. `kind` is registered in `accounts.exports.registry`. A worker claims it by `started`.
    """

    account = models.ForeignKey("accounts.Account", models.CASCADE, related_name="exports")
    membership = models.ForeignKey(
        "accounts.Membership", models.CASCADE, null=True, blank=True, related_name="exports",
        help_text="Whose export it is; empty: the account key's",
    )  # fmt: skip
    kind = models.CharField(max_length=30)
    parameters = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=10, choices=ExportState.choices, default=ExportState.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    rows = models.PositiveIntegerField(default=0, help_text="Without the line of headings")
    size = models.PositiveBigIntegerField(default=0, help_text="Bytes")
    is_complete = models.BooleanField(default=True, help_text="False: the table has more rows than a file may have")
    error = models.CharField(max_length=300, blank=True)
    file = models.CharField(max_length=80, blank=True, help_text="Its name in the folder of exports")
    created = models.DateTimeField(db_index=True)
    started = models.DateTimeField(null=True, blank=True)
    finished = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [build_choice_check("state", ExportState, "export_state_is_known")]
        indexes = [
            models.Index(fields=["account", "-id"], name="export_by_account"),
            models.Index(fields=["state", "created"], name="export_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def expires(self) -> datetime:
        """When the file is deleted."""
        return self.created + RETENTION
