"""`manage.py reencrypt`: after a change of SECRET_KEY, make stored secrets and keys depend on the new one only."""

from __future__ import annotations

import sys

from django.core.management.base import CommandParser
from django.db import models

from accounts.keys import hash_key
from accounts.management.installation_command import InstallationCommand, require_secret_key
from accounts.models import Account, Membership
from accounts.security.encrypted_fields import list_encrypted_columns, reencrypt_column
from accounts.security.secret_key import remember_secret_key
from accounts.sign_in.second_factors import reencrypt_secrets
from sites.models import ApiKey
from sites.services import PROVISIONED, api_key_revoke, derive_provisioned_key


def list_stale_provisioned_keys() -> list[ApiKey]:
    """List the provisioned keys that are valid and were not derived from the present SECRET_KEY."""
    valid = ApiKey.objects.filter(name=PROVISIONED, revoked=None).select_related("site")
    return [key for key in valid if key.hash != hash_key(derive_provisioned_key(key.site))]


class Command(InstallationCommand):
    help = "Encrypt stored secrets with the new SECRET_KEY, and replace keys that were derived from the old one."
    checks_secret_key = False  # `handle` does, unless the earlier key is lost

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--lost-key", action="store_true", help="accept the present SECRET_KEY although the earlier one is lost"
        )

    def handle(self, *, lost_key: bool, **_: object) -> None:
        if lost_key:
            remember_secret_key()
        else:
            require_secret_key()
        lost = sum(self.reencrypt(model, field) for model, field in list_encrypted_columns())
        lost += self.report("mfa.Authenticator.data", reencrypt_secrets())
        for rows in (Account.objects.all(), Membership.objects.all()):
            for row in rows.iterator():
                row.save(update_fields=["authkey_hash"])  # `save` computes the hash
        stale = list_stale_provisioned_keys()
        for key in stale:
            api_key_revoke(key=key)
        self.stdout.write("Keys of accounts and members are now derived from the present SECRET_KEY.")
        self.stdout.write(f"Provisioned keys of an earlier SECRET_KEY that were revoked: {len(stale)}")
        if lost:
            self.stderr.write(
                "Some values could not be decrypted and were left as they are: add their key to SECRET_KEY_FALLBACKS."
            )
            sys.exit(1)

    def reencrypt(self, model: type[models.Model], field: str) -> int:
        """Encrypt a column again; returns how many of its values cannot be decrypted."""
        return self.report(f"{model._meta.label}.{field}", reencrypt_column(model, field))

    def report(self, column: str, counts: tuple[int, int]) -> int:
        """Say how many values were encrypted again; returns how many cannot be decrypted."""
        count, unreadable = counts
        note = f", {unreadable} that no key decrypts" if unreadable else ""
        self.stdout.write(f"{column}: {count}{note}")
        return unreadable
