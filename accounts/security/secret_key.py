"""A fingerprint of SECRET_KEY in the database, so that a process with another key does not start.

Such a process would answer every site key with "invalid", log everybody out, and could read no encrypted value. The
fingerprint is PBKDF2 of the key with a random salt, from which the key cannot be computed.
"""

from __future__ import annotations

import secrets

from django.conf import settings

from accounts.models import SecretKeyFingerprint, compute_fingerprint


class WrongSecretKey(Exception):
    """The database is used with another SECRET_KEY than this process has. The message says what to do."""


def remember_secret_key() -> None:
    """Store the fingerprint of the present SECRET_KEY as the installation's."""
    salt = secrets.token_hex(16)
    fields = {"salt": salt, "fingerprint": compute_fingerprint(settings.SECRET_KEY, salt)}
    SecretKeyFingerprint.objects.update_or_create(pk=1, defaults=fields)


def check_secret_key() -> None:
    """Make sure that this process has the installation's SECRET_KEY; the first process decides which that is.

    The installation's key is replaced by the present one if it is among SECRET_KEY_FALLBACKS. Raises WrongSecretKey.
    """
    salt = secrets.token_hex(16)
    fields = {"salt": salt, "fingerprint": compute_fingerprint(settings.SECRET_KEY, salt)}
    row, created = SecretKeyFingerprint.objects.get_or_create(pk=1, defaults=fields)
    if created or row.matches(settings.SECRET_KEY):
        return
    if not any(row.matches(earlier) for earlier in settings.SECRET_KEY_FALLBACKS):
        raise WrongSecretKey(format_wrong_key_message())
    remember_secret_key()


def is_key_from_file() -> bool:
    """Whether SECRET_KEY is the one that was generated in DATA_DIR, because the environment has none."""
    path = settings.DATA_DIR / "secret.key"
    return path.exists() and path.read_text().strip() == settings.SECRET_KEY


def format_wrong_key_message() -> str:
    """Explain what is wrong, where this process got its key, and how to correct it."""
    file = settings.DATA_DIR / "secret.key"
    source = f"SECRET_KEY is not set, so the key in {file} was used" if is_key_from_file() else "SECRET_KEY is set"
    return (
        "The database belongs to an installation with another SECRET_KEY: keys of sites and accounts, log-ins and "
        f"encrypted values would not be understood. {source}. Set the SECRET_KEY of the installation's other "
        "processes. If the key was changed, name the earlier one in SECRET_KEY_FALLBACKS. If that is lost, accept "
        "this one by `manage.py reencrypt --lost-key`: what was encrypted cannot be read any more then."
    )
