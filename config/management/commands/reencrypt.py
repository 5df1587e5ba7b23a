"""`manage.py reencrypt`: after SECRET_KEY was changed, let nothing rest on the old one any more."""

from __future__ import annotations

import sys
from typing import Any

from accounts.keys import key_hash
from accounts.management.installation import InstallationCommand
from accounts.models import Account, Membership
from accounts.security.encrypted_fields import encrypted_columns, reencrypt_column
from sites.models import ApiKey
from sites.services import PROVISIONED, api_key_revoke, provisioned_key


def stale_provisioned_keys() -> list[ApiKey]:
    """The provisioned keys that work and were not derived from the present SECRET_KEY."""
    working = ApiKey.objects.filter(name=PROVISIONED, revoked=None).select_related("site")
    return [key for key in working if key.hash != key_hash(provisioned_key(key.site))]


class Command(InstallationCommand):
    help = "Encrypt stored secrets anew with SECRET_KEY, and end the keys that were derived from SECRET_KEY_FALLBACKS."

    def handle(self, *args: Any, **options: Any) -> None:
        lost = sum(self.reencrypt(model, field) for model, field in encrypted_columns())
        for rows in (Account.objects.all(), Membership.objects.all()):
            for row in rows.iterator():
                row.save(update_fields=["authkey_hash"])  # `save` works the hash out
        stale = stale_provisioned_keys()
        for key in stale:
            api_key_revoke(key=key)
        self.stdout.write("Keys of accounts and members are those of the present SECRET_KEY.")
        self.stdout.write(f"Provisioned keys of an earlier SECRET_KEY that were revoked: {len(stale)}")
        if lost:
            self.stderr.write("Some values were left as they are: name the key they need in SECRET_KEY_FALLBACKS.")
            sys.exit(1)

    def reencrypt(self, model: Any, field: str) -> int:
        """Encrypt a column anew; how many of its values cannot be read."""
        done, lost = reencrypt_column(model, field)
        said = f", {lost} that no key decrypts" if lost else ""
        self.stdout.write(f"{model._meta.label}.{field}: {done}{said}")
        return lost
