"""Notices to owners and administrators: at 80 and 100 percent of what the plan includes, and when more is refused."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from accounts.account_limits import get_account_limit
from accounts.models import Account
from accounts.notices.kinds import QUOTA_NEAR, QUOTA_REFUSED, QUOTA_USED, NoticeKind, NoticeValue
from accounts.notices.services import notify
from accounts.plans.monthly_use import NEAR_PERCENT, USED_PERCENT, MonthlyUse
from accounts.plans.resources import RESOURCES, count_all
from accounts.run_each import run_each

CHUNK = 1_000  # accounts that are counted together


def notify_of_monthly_use(account: Account, use: MonthlyUse, now: datetime) -> None:
    """Tell of events or API calls that run low, are used up or refused; of each once in a month and quota."""
    if use.percent < NEAR_PERCENT:
        return
    what, key = f"{use.label} of this month", build_key(account, use.name, use.quota, now)
    if use.is_refused and use.refused_at > USED_PERCENT:
        tell(QUOTA_REFUSED, account, use.percent, use.quota, what, use.consequence, key)
    else:
        kind = QUOTA_USED if use.is_used_up else QUOTA_NEAR
        tell(kind, account, use.percent, use.quota, what, use.consequence, key)


def notify_of_full_plans(*, now: datetime) -> int:
    """Tell the managers of accounts with a plan which of its sites, links, seats … are nearly or all used; of each once
    in a month and limit. Returns how many accounts were looked at."""
    ids = list(Account.objects.exclude(plan=None).order_by("pk").values_list("pk", flat=True))
    return sum(look_at_chunk(ids[start : start + CHUNK], now) for start in range(0, len(ids), CHUNK))


def look_at_chunk(ids: Iterable[int], now: datetime) -> int:
    """Tell the managers of some accounts; returns for how many that worked."""
    accounts = list(Account.objects.filter(pk__in=list(ids)).order_by("pk"))
    counts = count_all(accounts)

    def look(account: Account) -> None:
        for name, number in counts[account.pk].items():
            notify_of_number(account, name, number, now)

    return len(run_each(accounts, look, what="Plan of account"))


def notify_of_number(account: Account, name: str, number: int, now: datetime) -> None:
    """Tell of a number that has reached 80 or 100 percent of a limit of the account's plan or its own."""
    limit = get_account_limit(account, name)
    if name not in account.chosen_limits or not limit or 100 * number < NEAR_PERCENT * limit:
        return
    is_full, what = number >= limit, RESOURCES[name].label.lower()
    consequence = "No more can be added; what exists stays." if is_full else ""
    kind = QUOTA_USED if is_full else QUOTA_NEAR
    tell(kind, account, 100 * number // limit, limit, what, consequence, build_key(account, name, limit, now))


def build_key(account: Account, name: str, limit: int, now: datetime) -> str:
    """Build the key by which nobody is told twice of one kind in a month."""
    return f"{account.pk}:{now.astimezone(UTC):%Y-%m}:{name}:{limit}"


def tell(kind: NoticeKind, account: Account, percent: int, quota: int, what: str, consequence: str, key: str) -> None:
    """Write a notice; each kind has the values of its sentence."""
    values: dict[str, NoticeValue] = {
        "percent": percent,
        "quota": f"{quota:,}",
        "what": what,
        "consequence": consequence,
    }
    notify(kind, {name: values[name] for name in kind.sentence_values}, account=account, key=key)
