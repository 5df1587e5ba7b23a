"""Stored secrets in forms: the form shows dots instead, and dots that are sent back keep the stored secret."""

from __future__ import annotations

from django.core.exceptions import ValidationError

from accounts.security.encrypted_fields import Unreadable

DOTS = "••••••••"


def mask(secret: str) -> str:
    """Dots for a secret, "" for none."""
    return DOTS if secret else ""


def unmask(entered: str, stored: str) -> str:
    """Return the stored secret where its dots were left, else what was entered.

    Raises ValidationError for dots that stand for nothing stored, or within other text."""
    if entered == DOTS and stored:
        return stored
    if not entered and isinstance(stored, Unreadable):
        return stored  # kept as it is: the key that decrypts it may be added to SECRET_KEY_FALLBACKS later
    if "•" in entered:
        raise ValidationError("Enter this again. The dots only stand for the stored value.")
    return entered
