"""The end of old entries: the only code that deletes from the audit log.

What stays can still be checked, because the chain then begins at its *anchor*: the hash of the last deleted entry.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Min

from accounts.account_limits import DEFAULT_LIMITS, get_account_limit
from accounts.audit.chain import ChainUnreadable, list_chain_ids, lock_chain, save_ends, select_chain
from accounts.audit.models import AuditChain, AuditDeletion, AuditEntry, AuditSeal
from accounts.audit.recording import record_action
from accounts.models import Account

log = logging.getLogger(__name__)
DAYS = "audit_days"  # the limit of an account
MAX_DELETED = 20_000  # entries of one account in one run; a later run continues


@contextmanager
def permit_deletion() -> Iterator[None]:
    """Let the triggers permit deletions of this transaction meanwhile."""
    with transaction.atomic():
        AuditDeletion.objects.create(pk=1)
        yield
        AuditDeletion.objects.all().delete()


def audit_entries_expire(*, now: datetime) -> int:
    """Delete the entries that are older than their account keeps them; returns how many."""
    chain_ids = list_chain_ids()
    accounts = Account.objects.in_bulk(chain_ids)
    deleted = 0
    for chain_id in chain_ids:
        try:
            deleted += account_entries_expire(chain_id=chain_id, account=accounts.get(chain_id), now=now)
        except ChainUnreadable as error:
            log.error("Old entries of the audit log of account %s are not deleted: %s", chain_id, error)
    return deleted


def account_entries_expire(*, chain_id: int, account: Account | None, now: datetime) -> int:
    """Delete an account's old entries and record how many; those of a deleted account as of the installation."""
    days = get_account_limit(account, DAYS) if account else DEFAULT_LIMITS[DAYS]
    if not days or not AuditChain.objects.filter(pk=chain_id).exists():
        return 0
    with transaction.atomic():
        deleted = delete_before(chain_id, now - timedelta(days=days))
        if deleted:
            record_action(
                "audit_log.expired",
                account,
                changes={"entries": (deleted, 0), "days": (None, days)},
                accounts=[chain_id or None],
            )
    return deleted


def delete_before(chain_id: int, oldest: datetime) -> int:
    """Delete the first entries of a chain, up to the first one that is not older than `oldest`."""
    chain = lock_chain(chain_id)
    seals = AuditSeal.objects.filter(chain_id=chain_id, number__gte=chain.first_number)
    kept_entries = select_chain(chain_id).filter(at__gte=oldest)
    first_kept = seals.filter(entry_id__in=kept_entries.values("pk")).aggregate(first=Min("number"))["first"]
    last = min((first_kept or chain.last_number + 1) - 1, chain.first_number + MAX_DELETED - 1)
    expired = list(seals.filter(number__lte=last).order_by("number"))
    if not expired:
        return 0
    with permit_deletion():
        AuditEntry.objects.filter(pk__in=[seal.entry_id for seal in expired]).delete()
        seals.filter(number__lte=last).delete()
    chain.first_number, chain.anchor = last + 1, expired[-1].digest
    save_ends(chain)
    return len(expired)
