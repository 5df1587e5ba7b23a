"""The registry of what accounts have a number of at a time: seats, sites, links, monitors. Higher apps register theirs.

Events and calls of APIs are counted by month (`accounts.plans.models`), and are not in it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from django.db.models import Count, Model, QuerySet
from django.utils import timezone as clock

from accounts.models import Account, Invitation, Membership, Role

Row = TypeVar("Row", bound=Model)
Counts = dict[int, int]  # by account


@dataclass(frozen=True)
class PlanResource:
    """Something that an account has a number of. `limit` is its name in `LIMITS`, `label` a plural; `count` counts
    those of many accounts by one or two statements, and leaves out accounts that have none."""

    limit: str
    label: str
    count: Callable[[Collection[int]], Counts]


RESOURCES: dict[str, PlanResource] = {}


def register_resources(*resources: PlanResource) -> None:
    """Register what a higher app counts; called from `config.wiring`."""
    RESOURCES.update({resource.limit: resource for resource in resources})


def count_by_account(rows: QuerySet[Row], account: str = "account") -> Counts:
    """Count rows by their account; `account` is the lookup of its id."""
    return dict(rows.order_by().values_list(account).annotate(Count("pk")))


def count_seats(account_ids: Collection[int]) -> Counts:
    """Count the members who are no guests, and those who are invited to become members."""
    members = Membership.objects.filter(account__in=account_ids).exclude(role=Role.GUEST)
    invited = Invitation.objects.open().filter(account__in=account_ids, expires__gt=clock.now())
    return add_counts(count_by_account(members), count_by_account(invited.exclude(role=Role.GUEST)))


def add_counts(first: Mapping[int, int], second: Mapping[int, int]) -> Counts:
    """Add up two counts by account."""
    return {account_id: first.get(account_id, 0) + second.get(account_id, 0) for account_id in {*first, *second}}


def count_guests(account_ids: Collection[int]) -> Counts:
    """Count guests, with those who were invited and have a membership already."""
    return count_by_account(Membership.objects.filter(account__in=account_ids, role=Role.GUEST))


def count_all(accounts: Iterable[Account]) -> dict[int, dict[str, int]]:
    """Count what each of these accounts has of every resource: account -> limit -> number."""
    ids = [account.pk for account in accounts]
    counts = {name: resource.count(ids) for name, resource in RESOURCES.items()}
    return {number: {name: counted.get(number, 0) for name, counted in counts.items()} for number in ids}


register_resources(PlanResource("seats", "Members", count_seats), PlanResource("guests", "Guests", count_guests))
