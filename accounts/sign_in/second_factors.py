"""Second factors: what django-allauth asks the product about them, and their secrets, which are stored encrypted."""

from __future__ import annotations

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError

from accounts.branding import get_request_brand
from accounts.models import User
from accounts.security.encrypted_fields import decrypt, encrypt

SECRETS = ("secret", "seed")  # in an authenticator's data: of an app, of recovery codes
UNREADABLE = "This factor cannot be checked any more, because the installation's SECRET_KEY was lost. Use another one."


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Names and secrets of second factors."""

    def get_totp_issuer(self) -> str:
        """Return the name that authenticator apps show."""
        return get_request_brand(self.request).name

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Return the host that a passkey works on, and its name."""
        return {**super().get_public_key_credential_rp_entity(), "name": get_request_brand(self.request).name}

    def generate_authenticator_name(self, user: User, type: str) -> str:
        """Suggest the name of a new passkey."""
        count = Authenticator.objects.filter(user=user, type=type).count()
        return f"Passkey {count + 1}" if count else "Passkey"

    def encrypt(self, text: str) -> str:
        """Encrypt a secret with SECRET_KEY."""
        return encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Decrypt a secret. Raises ValidationError if no key does: an empty secret could be guessed."""
        text = decrypt(encrypted_text)
        if text is None:
            raise ValidationError(UNREADABLE)
        return text


def reencrypt_secrets() -> tuple[int, int]:
    """Encrypt every secret again with SECRET_KEY; returns how many succeeded and how many no key decrypts."""
    changed = failed = 0
    for authenticator in Authenticator.objects.exclude(type=Authenticator.Type.WEBAUTHN).iterator():
        for name in SECRETS:
            if name not in authenticator.data:
                continue
            text = decrypt(authenticator.data[name])
            if text is None:
                failed += 1
                continue
            authenticator.data[name] = encrypt(text)
            authenticator.save(update_fields=["data"])
            changed += 1
    return changed, failed
