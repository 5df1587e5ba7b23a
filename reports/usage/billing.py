"""`usage.recorded`: what accounts used on a closed day, for the operator's billing system."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta

from accounts.models import Account
from accounts.plans.counted_accounts import find_counted_accounts
from accounts.plans.monthly_use import MonthlyUse, build_month_use
from accounts.plans.months import DAY
from accounts.plans.resources import RESOURCES, count_all
from accounts.run_each import run_each
from reports.usage.counting import MonthTotals, count_days, sum_usage
from sites.alerts.billing import USAGE_RECORDED, describe_account, describe_plan
from sites.alerts.models import Channel, Delivery
from sites.alerts.services import billing_event_queue

CLOSED_AFTER = timedelta(hours=2)  # of the next day, when late events have arrived
MAX_DAYS = 3  # that are caught up, if nothing ran meanwhile
CHUNK = 500  # accounts that are read together


def usage_record(*, now: datetime) -> int:
    """Queue the usage of the last closed days that no billing system was told of; returns how many events.

    A webhook is told of days since it was created.
    """
    first_webhook = Channel.objects.usable().of_installation().order_by("created").first()
    if first_webhook is None:
        return 0
    last = (now - CLOSED_AFTER).astimezone(UTC).date() - DAY
    since = first_webhook.created.astimezone(UTC).date()
    days = [last - number * DAY for number in reversed(range(MAX_DAYS)) if last - number * DAY >= since]
    return sum(record_day(day, now) for day in days)


def record_day(day: date, now: datetime) -> int:
    """Queue a day's usage of all accounts with a plan; returns how many events."""
    ids = list(Account.objects.exclude(plan=None).order_by("pk").values_list("pk", flat=True))
    channels = Channel.objects.usable().of_installation().count()
    told = Delivery.objects.filter(channel__account=None, key__startswith=build_key(day, ""))
    if told.count() >= channels * len(ids):
        return 0
    count_days(day, now)
    return sum(record_chunk(ids[start : start + CHUNK], day, now) for start in range(0, len(ids), CHUNK))


def record_chunk(ids: Collection[int], day: date, now: datetime) -> int:
    """Queue a day's usage of some accounts; returns how many events."""
    counted = find_counted_accounts(ids)
    everybody = {number for numbers in counted.values() for number in numbers}
    of_day = sum_usage(day, day + DAY, everybody)
    of_month = sum_usage(day.replace(day=1), day + DAY, everybody)
    accounts = list(Account.objects.filter(pk__in=ids).select_related("plan").order_by("pk"))
    numbers = count_all(Account.objects.filter(pk__in=everybody))

    def record(account: Account) -> int:
        members = counted[account.pk]
        return billing_event_queue(
            event=USAGE_RECORDED,
            key=build_key(day, str(account.pk)),
            text=f"{account} on {day:%Y-%m-%d}.",
            payload=build_payload(account, day, of_day.add_up(members), of_month, members)
            | {"numbers": add_numbers([numbers[number] for number in members])},
            now=now,
        )

    return sum(run_each(accounts, record, what="Usage for billing of account"))


def build_key(day: date, account: str) -> str:
    """Build the key by which no webhook is told twice of an account's day."""
    return f"{USAGE_RECORDED}:{day:%Y-%m-%d}:{account}"


def build_payload(
    account: Account, day: date, of_day: tuple[int, int], of_month: MonthTotals, members: Collection[int]
) -> dict[str, object]:
    """Build what the event says of events and API calls."""
    use = build_month_use(account, *of_month.add_up(members))
    return {
        "account": describe_account(account),
        "plan": describe_plan(account.plan),
        "day": f"{day:%Y-%m-%d}",
        "month": f"{day:%Y-%m}",
        "events": describe_use(use.events, of_day[0]),
        "api_calls": describe_use(use.calls, of_day[1]),
    }


def describe_use(use: MonthlyUse, of_day: int) -> dict[str, int]:
    """Describe the use of events or API calls: of the day, of the month up to it, and what the plan includes."""
    return {"day": of_day, "month": use.used, "included": use.quota, "percent": use.percent}


def add_numbers(counts: Collection[Mapping[str, int]]) -> dict[str, int]:
    """Add up what the accounts have a number of, by the names of limits."""
    return {name: sum(counted[name] for counted in counts) for name in RESOURCES}
