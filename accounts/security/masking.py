"""Stored secrets in forms: the form contains dots instead, and submitted dots leave the stored secret unchanged."""

from __future__ import annotations

from django.core.exceptions import ValidationError

from accounts.security.encrypted_fields import Unreadable

DOTS = "••••••••"


def mask(secret: str) -> str:
    """Return dots for a secret, "" for none."""
    return DOTS if secret else ""


def unmask(entered: str, stored: str) -> str:
    """Return the stored secret if its dots were submitted, else the entered text.

    Raises ValidationError for dots without a stored secret, or within other text.
    """
    if entered == DOTS and stored:
        return stored
    if not entered and isinstance(stored, Unreadable):
        return stored  # unchanged: the key that decrypts it may be added to SECRET_KEY_FALLBACKS later
    if "•" in entered:
        raise ValidationError("Enter this again. The dots only stand for the stored value.")
    return entered
