"""Writes of what accounts use: events and API calls by day, and the sums of the month that pages and APIs read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import reduce
from operator import or_

from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import Case, F, Q, Value, When

from accounts.models import Account
from accounts.plans.api_calls import ApiCallCounter, CountedCalls, counter
from accounts.plans.models import ApiCallDay, EventDay
from accounts.plans.monthly_use import MonthUse

MAX_ROWS = 200  # of one statement
KEPT_DAYS = 3 * 366


def account_usage_set(*, account: Account, use: MonthUse, over_api_calls: bool, now: datetime) -> None:
    """Store how much of the month is used, as counted at `now`, whether API calls are refused, and the sentence of the
    banner."""
    account.events_used, account.api_calls_used, account.events_counted = use.events.used, use.calls.used, now
    account.over_api_calls, account.usage_warning = over_api_calls, use.warning
    account.save(update_fields=["events_used", "events_counted", "api_calls_used", "over_api_calls", "usage_warning"])


def event_days_store(*, counts: Mapping[tuple[int, date], int], owners: Mapping[int, int], days: list[date]) -> None:
    """Store how many events sites had on each of `days`: `counts` by site and day, `owners` the account of each site.

    A row that exists keeps its account, because the site may have moved since. Only rows that differ are written.
    """
    rows = EventDay.objects.filter(site__in=owners, day__in=days)
    known = {(site, day): events for site, day, events in rows.values_list("site", "day", "events")}
    wanted = {**dict.fromkeys(known, 0), **counts}
    changed = [
        EventDay(account_id=owners[site], site=site, day=day, events=events)
        for (site, day), events in wanted.items()
        if known.get((site, day)) != events
    ]
    EventDay.objects.bulk_create(
        changed,
        batch_size=MAX_ROWS,
        update_conflicts=True,
        unique_fields=["site", "day"],
        update_fields=["events"],
    )


def api_calls_write(*, calls: ApiCallCounter = counter) -> int:
    """Add the calls that were counted in memory to the database; returns how many rows that concerned.

    They are kept if the database is away. Calls of accounts that are gone are dropped.
    """
    taken = calls.take()
    if not taken:
        return 0
    try:
        return _add_calls(taken)
    except (DatabaseError, InterfaceError):
        calls.put_back(taken)
        raise


@transaction.atomic
def _add_calls(taken: Mapping[CountedCalls, int]) -> int:
    ids = {counted.account_id for counted in taken}
    existing = set(Account.objects.filter(pk__in=ids).values_list("pk", flat=True))
    known = [(counted, number) for counted, number in taken.items() if counted.account_id in existing]
    for first in range(0, len(known), MAX_ROWS):
        batch = known[first : first + MAX_ROWS]
        rows = [ApiCallDay(account_id=one.account_id, api=one.api, day=one.day) for one, _ in batch]
        ApiCallDay.objects.bulk_create(rows, ignore_conflicts=True)
        conditions = [Q(account_id=one.account_id, api=one.api, day=one.day) for one, _ in batch]
        numbers = [Value(number) for _, number in batch]
        added = Case(*(When(one, then=number) for one, number in zip(conditions, numbers, strict=True)), default=0)
        ApiCallDay.objects.filter(reduce(or_, conditions)).update(calls=F("calls") + added)
    return len(known)


def usage_clear(*, now: datetime) -> int:
    """Delete the days of usage that are older than KEPT_DAYS; returns how many rows."""
    first = date.fromordinal(now.date().toordinal() - KEPT_DAYS)
    deleted = [rows.filter(day__lt=first).delete()[0] for rows in (EventDay.objects.all(), ApiCallDay.objects.all())]
    return sum(deleted)
