"""`manage.py reencrypt`: after a change of SECRET_KEY, make stored secrets and keys depend on the new one only."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from accounts.models import Account, Membership
from accounts.security.encrypted_fields import encrypted_columns, reencrypt_column
from sites.models import ApiKey
from sites.services import PROVISIONED, api_key_revoke


class Command(BaseCommand):
    help = "Encrypt stored secrets with the new SECRET_KEY, and replace keys that were derived from the old one."

    def handle(self, *args: Any, **options: Any) -> None:
        lost = sum(self.reencrypt(model, field) for model, field in encrypted_columns())
        for rows in (Account.objects.all(), Membership.objects.all()):
            for row in rows.iterator():
                row.save(update_fields=["authkey_hash"])  # `save` computes the hash
        for key in ApiKey.objects.filter(name=PROVISIONED, revoked=None):
            api_key_revoke(key=key)
        self.stdout.write(
            "Keys of accounts and members are now derived from the new SECRET_KEY; provisioned keys are revoked."
        )
        if lost:
            self.stderr.write(
                "Some values could not be decrypted and were left as they are: add their key to SECRET_KEY_FALLBACKS."
            )
            sys.exit(1)

    def reencrypt(self, model: Any, field: str) -> int:
        """Encrypt a column again; returns how many of its values cannot be decrypted."""
        done, lost = reencrypt_column(model, field)
        note = f", {lost} that no key decrypts" if lost else ""
        self.stdout.write(f"{model._meta.label}.{field}: {done}{note}")
        return lost
