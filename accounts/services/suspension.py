"""Suspension of accounts by operators: nothing of the account can be read or changed until it is resumed.

Hits are recorded for some more days, so that a customer who returns has lost nothing. Links go on redirecting.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.audit.recording import read_fields, record_action
from accounts.audit.subjects import Changes
from accounts.models import Account
from accounts.services.sso import covered_sessions_end
from accounts.sso.models import SsoConnection

MAX_COLLECTION_DAYS, DEFAULT_COLLECTION_DAYS = 90, 30
MAX_REASON_LENGTH = 300
SUSPENSION_LISTENERS: list[Callable[[Account], object]] = []


def register_suspension_listener(listener: Callable[[Account], object]) -> None:
    """Call `listener` in the transaction in which an account is suspended or resumed; used by `config.wiring`."""
    SUSPENSION_LISTENERS.append(listener)


@transaction.atomic
def account_suspend(*, account: Account, reason: str, collection_days: int, now: datetime) -> None:
    """Suspend an account. The reason is shown to its members. Raises ValidationError, by field."""
    reason = " ".join(reason.split())
    if not 0 < len(reason) <= MAX_REASON_LENGTH:
        raise ValidationError({"reason": f"Say why, in 1 to {MAX_REASON_LENGTH} characters; the members read it."})
    if not 0 <= collection_days <= MAX_COLLECTION_DAYS:
        raise ValidationError({"collection_days": f"Use 0 to {MAX_COLLECTION_DAYS} days."})
    if account.suspended is not None:
        raise ValidationError({"reason": "This account is suspended already."})
    account.suspended, account.suspension_reason = now, reason
    account.collection_ends = now + timedelta(days=collection_days)
    changes = _store_suspension(account)
    record_action("account.suspended", account, changes=changes, accounts=[account.pk, None])


@transaction.atomic
def account_resume(*, account: Account) -> None:
    """End the suspension of an account; does nothing if it is not suspended.

    Where single sign-on is enforced, sessions of its people end: the rule had no effect meanwhile.
    """
    if account.suspended is None:
        return
    account.suspended, account.suspension_reason, account.collection_ends = None, "", None
    changes = _store_suspension(account)
    record_action("account.resumed", account, changes=changes, accounts=[account.pk, None])
    connection = SsoConnection.objects.filter(account=account, enforced=True).first()
    if connection is not None:
        covered_sessions_end(connection=connection)


def _store_suspension(account: Account) -> Changes:
    """Store the fields of the suspension and tell the listeners; returns what changed."""
    names = ("suspended", "suspension_reason", "collection_ends")
    before = read_fields(account)
    account.save(update_fields=names)
    for listener in SUSPENSION_LISTENERS:
        listener(account)
    return {name: (before.get(name), getattr(account, name)) for name in names}
