"""Quotas: what accounts recorded in the running month, and what follows from it.

A month is UTC's, as in the plan that link programs read. Clicks on links lie under their account's own number.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from accounts.models import Account
from accounts.operations.run import run_each
from accounts.services import account_usage_set
from reports.engine.usage import recorded
from sites.models import Site
from sites.services import quota_flag_set

AT_ONCE = 1_000  # accounts that are counted together: a statement may name only so many


def month(now: datetime) -> tuple[datetime, datetime]:
    """The running month of UTC."""
    start = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return start, (start + timedelta(days=32)).replace(day=1)


def usage(accounts: list[Account], now: datetime) -> dict[int, int]:
    """account -> events recorded this month on all its sites, deleted ones too, and on its links."""
    owner = dict(Site.objects.filter(account__in=accounts).values_list("pk", "account_id"))
    owner.update({account.pk: account.pk for account in accounts})
    used = dict.fromkeys((account.pk for account in accounts), 0)
    for number, count in recorded(owner, *month(now)).items():
        used[owner[number]] += count
    return used


def quotas_count(*, now: datetime) -> int:
    """Count every account that has a quota, and say who used it up and who has room again; accounts counted."""
    lifted = Account.objects.filter(monthly_events=0).exclude(events_counted=None)
    run_each(lifted, lambda account: usage_set(account, 0, None), what="Quota of account")
    limited = list(Account.objects.filter(monthly_events__gt=0))
    return sum(chunk_count(limited[first : first + AT_ONCE], now) for first in range(0, len(limited), AT_ONCE))


def chunk_count(accounts: list[Account], now: datetime) -> int:
    """Count some accounts together; returns how many could be stored."""
    used = usage(accounts, now)
    return len(run_each(accounts, lambda account: usage_set(account, used[account.pk], now), what="Quota of account"))


def usage_set(account: Account, used: int, now: datetime | None) -> None:
    """Store what an account used and whether it exceeds its quota. Without a quota: 0 and None."""
    account_usage_set(account=account, used=used, now=now)
    quota_flag_set(account=account, over=0 < account.monthly_events <= used)
