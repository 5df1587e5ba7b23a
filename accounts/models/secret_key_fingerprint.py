"""The fingerprint of SECRET_KEY; `accounts.security.secret_key` says what it is for."""

from __future__ import annotations

import hashlib
import hmac

from django.db import models

HASH_ITERATIONS = 200_000  # some 50 ms, once per start and key


def compute_fingerprint(key: str, salt: str) -> str:
    """Compute the fingerprint of a key: 64 hexadecimal digits."""
    return hashlib.pbkdf2_hmac("sha256", key.encode(), bytes.fromhex(salt), HASH_ITERATIONS).hex()


class SecretKeyFingerprint(models.Model):
    """The fingerprint of the installation's SECRET_KEY; there is one row."""

    salt = models.CharField(max_length=32)
    fingerprint = models.CharField(max_length=64)
    since = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"since {self.since:%Y-%m-%d}"

    def matches(self, key: str) -> bool:
        """Whether this is the fingerprint of `key`."""
        return hmac.compare_digest(self.fingerprint, compute_fingerprint(key, self.salt))
