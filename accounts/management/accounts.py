"""How commands name an account."""

from __future__ import annotations

from django.core.management.base import CommandError

from accounts.models import Account


def find_account(text: str) -> Account:
    """The account of a number or a name. Raises CommandError unless there is exactly one."""
    rows = Account.objects.filter(pk=int(text)) if text.isdigit() else Account.objects.filter(name=text)
    if len(rows) != 1:
        raise CommandError(f"{len(rows)} accounts are called {text}; give its number.")
    return rows[0]
