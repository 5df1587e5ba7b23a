"""Writes of what operators choose for the whole installation."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.audit.recording import read_fields, record_change
from accounts.models import InstallationSettings, SignUp


@transaction.atomic
def installation_sign_up_set(*, sign_up: str) -> None:
    """Choose who may become a user; "" is what the environment says. Raises ValidationError for another word."""
    if sign_up not in ("", *SignUp.values):
        raise ValidationError({"sign_up": f"Use one of: {', '.join(SignUp.values)}."})
    row, _ = InstallationSettings.objects.get_or_create(pk=1)
    before = read_fields(row)
    row.sign_up = sign_up
    row.save(update_fields=["sign_up"])
    record_change("installation.changed", row, before)
