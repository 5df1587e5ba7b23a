"""Quotas: how many events accounts have recorded in the running month, and whether that exceeds their quota.

Months are those of UTC, as in the plan that link programs read. Clicks on links are stored under their account's id.
"""

from __future__ import annotations

from datetime import UTC, datetime

from dateutil.relativedelta import relativedelta

from accounts.models import Account
from accounts.notices.kinds import QUOTA_NEAR, QUOTA_USED
from accounts.notices.services import notify
from accounts.run_each import run_each
from accounts.services import account_usage_set
from reports.query.analyses.usage import count_events
from sites.models import Site
from sites.services import quota_flag_set

NEAR_PERCENT = 80  # of the quota, from which on the account is told
CHUNK = 1_000  # accounts that are counted together, so that no statement names too many


def find_current_month(now: datetime) -> tuple[datetime, datetime]:
    """Return start and end of the running month of UTC."""
    start = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return start, start + relativedelta(months=1)


def count_usage(accounts: list[Account], now: datetime) -> dict[int, int]:
    """Return account -> events of this month on all its sites, including deleted ones, and on its links."""
    owners = dict(Site.objects.filter(account__in=accounts).values_list("pk", "account_id"))
    owners.update({account.pk: account.pk for account in accounts})
    used = dict.fromkeys((account.pk for account in accounts), 0)
    for number, count in count_events(owners, *find_current_month(now)).items():
        used[owners[number]] += count
    return used


def count_quotas(*, now: datetime) -> int:
    """Count the events of every account with a quota and flag those that exceed it; returns how many were counted."""
    without_quota = Account.objects.filter(monthly_events=0).exclude(events_counted=None)
    run_each(without_quota, lambda account: store_usage(account, 0, None), what="Quota of account")
    limited = list(Account.objects.filter(monthly_events__gt=0))
    return sum(count_chunk(limited[first : first + CHUNK], now) for first in range(0, len(limited), CHUNK))


def count_chunk(accounts: list[Account], now: datetime) -> int:
    """Count the events of some accounts together; returns for how many that could be stored."""
    used = count_usage(accounts, now)
    return len(run_each(accounts, lambda account: store_usage(account, used[account.pk], now), what="Quota of account"))


def store_usage(account: Account, used: int, now: datetime | None) -> None:
    """Store how many events an account used and whether that exceeds its quota. Without a quota: 0 and None."""
    account_usage_set(account=account, used=used, now=now)
    quota_flag_set(account=account, over=0 < account.monthly_events <= used)
    if account.monthly_events and now is not None:
        notify_of_quota(account, 100 * used // account.monthly_events, now)


def notify_of_quota(account: Account, percent: int, now: datetime) -> None:
    """Tell the account's managers that the quota is nearly or entirely used; of each once in a month and quota."""
    if percent < NEAR_PERCENT:
        return
    quota, key = f"{account.monthly_events:,}", f"{account.pk}:{now.astimezone(UTC):%Y-%m}:{account.monthly_events}"
    if percent >= 100:
        notify(QUOTA_USED, {"quota": quota}, account=account, key=key)
    else:
        notify(QUOTA_NEAR, {"percent": percent, "quota": quota}, account=account, key=key)
