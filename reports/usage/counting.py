"""Counting of what accounts use in the running month, and what follows: hits or API calls that are refused, notices.

Events are counted in the event store by site and day, and kept in the database (`EventDay`), so that a month is a sum
of some rows. Every five minutes the last two days are counted, every six hours the whole month: events can arrive late
or be erased. API calls are written by every process (`accounts.services.usage`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db.models import Sum

from accounts.models import Account
from accounts.plans.counted_accounts import find_counted_accounts
from accounts.plans.models import ApiCallDay, EventDay
from accounts.plans.monthly_use import MonthUse, build_month_use
from accounts.plans.months import DAY, find_current_month, find_first_day, to_instant
from accounts.run_each import run_each
from accounts.services.usage import account_usage_set, event_days_store
from reports.query.analyses.usage import count_events_by_day
from reports.usage.notices import notify_of_monthly_use
from sites.models import Site
from sites.services import quota_flag_set

SITE_CHUNK = 2_000
WRITE_INTERVAL = timedelta(hours=1)  # of accounts whose use does not change
LATE_DAYS = 3  # of a new month in which the one before is counted again


@dataclass(frozen=True)
class AccountUse:
    """What an account used of the month, and whether more is refused: by its own plan, or by that of an account that
    its usage counts against."""

    use: MonthUse
    refuses_events: bool
    refuses_calls: bool


@dataclass(frozen=True)
class MonthTotals:
    """What accounts used in a month, by account: events, and calls of APIs."""

    events: Mapping[int, int]
    calls: Mapping[int, int]

    def add_up(self, account_ids: Iterable[int]) -> tuple[int, int]:
        """Return the events and the calls of some accounts together."""
        ids = list(account_ids)
        return sum(self.events.get(number, 0) for number in ids), sum(self.calls.get(number, 0) for number in ids)


def count_recent_usage(*, now: datetime) -> int:
    """Count yesterday and today, or the whole month if nothing before was counted; returns the number of accounts."""
    first, recent = find_first_day(now), now.astimezone(UTC).date() - DAY
    has_earlier_days = EventDay.objects.filter(day__gte=first, day__lt=recent).exists()
    count_days(recent if has_earlier_days or recent < first else first, now)
    accounts = list(Account.objects.order_by("pk"))
    return len(store_uses(accounts, build_uses(accounts, now), now))


def count_month_again(*, now: datetime) -> int:
    """Count every day of the month, and early in it those of the month before; returns the number of days."""
    first = find_first_day(now)
    if now.astimezone(UTC).day <= LATE_DAYS:
        first = (first - DAY).replace(day=1)
    return count_days(first, now)


def count_days(first: date, now: datetime) -> int:
    """Count the events of all sites and links from the day `first` on, and store them; returns the number of days."""
    last = now.astimezone(UTC).date()
    days = [first + number * DAY for number in range((last - first).days + 1)]
    owners = dict(Site.objects.values_list("pk", "account_id"))  # deleted ones too
    owners.update((account_id, account_id) for account_id in Account.objects.values_list("pk", flat=True))
    numbers = sorted(owners)
    for start in range(0, len(numbers), SITE_CHUNK):
        chunk = numbers[start : start + SITE_CHUNK]
        counts = count_events_by_day(chunk, to_instant(first), to_instant(last + DAY))
        event_days_store(counts=counts, owners={number: owners[number] for number in chunk}, days=days)
    return len(days)


def build_uses(accounts: Sequence[Account], now: datetime) -> dict[int, AccountUse]:
    """Build the use of the month of these accounts, which are all there are."""
    start, end = find_current_month(now)
    counted = find_counted_accounts([account.pk for account in accounts])
    totals = sum_usage(start.date(), end.date())
    uses = {account.pk: build_month_use(account, *totals.add_up(counted[account.pk])) for account in accounts}
    without_events = {number for pk, use in uses.items() if use.events.is_refused for number in counted[pk]}
    without_calls = {number for pk, use in uses.items() if use.calls.is_refused for number in counted[pk]}
    return {pk: AccountUse(use, pk in without_events, pk in without_calls) for pk, use in uses.items()}


def sum_usage(first: date, end: date, account_ids: Collection[int] | None = None) -> MonthTotals:
    """Sum up what accounts (without ids: all) used from the day `first` until before `end`."""
    events = EventDay.objects.filter(day__gte=first, day__lt=end)
    calls = ApiCallDay.objects.filter(day__gte=first, day__lt=end)
    if account_ids is not None:
        events, calls = events.filter(account__in=account_ids), calls.filter(account__in=account_ids)
    return MonthTotals(
        dict(events.order_by().values_list("account").annotate(Sum("events"))),
        dict(calls.order_by().values_list("account").annotate(Sum("calls"))),
    )


def store_uses(accounts: Iterable[Account], uses: Mapping[int, AccountUse], now: datetime) -> list[None]:
    """Store the use of accounts one by one; returns a list as long as how many that worked for."""
    return run_each(accounts, lambda account: store_use(account, uses[account.pk], now), what="Usage of account")


def store_use(account: Account, found: AccountUse, now: datetime) -> None:
    """Store what an account used, whether further hits or calls are refused, and tell its managers.

    The row is written if something has changed, and once an hour.
    """
    last, use = account.events_counted, found.use
    is_old = last is None or not timedelta() <= now - last < WRITE_INTERVAL
    if is_old or use.differs_from(account) or account.over_api_calls != found.refuses_calls:
        account_usage_set(account=account, use=use, over_api_calls=found.refuses_calls, now=now)
    if account.over_quota != found.refuses_events:
        quota_flag_set(account=account, over=found.refuses_events)
    for part in (use.events, use.calls):
        notify_of_monthly_use(account, part, now)
