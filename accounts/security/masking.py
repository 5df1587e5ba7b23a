"""Stored secrets in forms: dots stand for them, and dots that come back keep them. Nobody gets to see them again."""

from __future__ import annotations

from django.core.exceptions import ValidationError

from accounts.security.encrypted_fields import Unreadable

DOTS = "••••••••"


def mask(secret: str) -> str:
    """Show that there is a secret, not which."""
    return DOTS if secret else ""


def unmask(entered: str, stored: str) -> str:
    """Return the stored secret where its dots were left, else what was entered.

    Raises ValidationError for dots that stand for nothing stored, or within other text."""
    if entered == DOTS and stored:
        return stored
    if not entered and isinstance(stored, Unreadable):
        return stored  # saved again as it was: a key that reads it may yet be named
    if "•" in entered:
        raise ValidationError("Type or paste this anew; the dots only stand for what is stored.")
    return entered
