"""Selectors: find rows within the caller's scope by the ids and names that a caller sends, and what other apps ask of
links.

Ids outside the scope and ids that do not exist get the same error, so that callers cannot distinguish them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import reduce
from operator import or_
from typing import TypeVar

from django.db.models import Model, Q, QuerySet

from accounts.models import Account
from accounts.permissions import Actor, GrantKind, find_membership
from accounts.plans.resources import Counts, PlanResource, count_by_account
from links.models import Datapoint, Group, Status, Tag
from links.permissions import DATAPOINT, GROUP, LinkScope, build_link_scope
from links.validators import build_missing_error
from reports.labels import LinkLabel

Row = TypeVar("Row", bound=Model)
MAX_ID = 2**63
MAX_SEARCH = 500  # characters; databases reject longer patterns
MAX_NAME = 200  # characters that are compared; names of tags are shorter


def parse_id(text: str | None) -> int:
    """Parse an id from a form or URL; 0, which no row has, for anything else."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else 0


def split_names(text: str) -> list[str]:
    """Split names separated by commas, as people write tags."""
    return [name.strip() for name in text.split(",") if name.strip()]


def search_links(rows: QuerySet[Datapoint], text: str) -> QuerySet[Datapoint]:
    """Filter links and pixels by a text in their alias, title, destination or notes."""
    columns = ("alias", "title", "url", "notes")
    return rows.filter(reduce(or_, (Q(**{f"{column}__icontains": text}) for column in columns)))


def find_row(rows: QuerySet[Row], number: object, what: str, field: str) -> Row:
    """Find the row with this id. Raises ValidationError {field: …} if there is none."""
    return find_rows(rows, [number], what, field)[0]


def find_rows(rows: QuerySet[Row], numbers: Iterable[object], what: str, field: str) -> list[Row]:
    """Find the rows with these ids, in this order, each once. Raises ValidationError {field: …} if one is missing."""
    ids = list(dict.fromkeys(numbers))
    if not all(isinstance(number, int) and 0 < number < MAX_ID for number in ids):
        raise build_missing_error(what, field)
    rows_by_id: dict[object, Row] = rows.in_bulk(ids)
    if len(rows_by_id) < len(ids):
        raise build_missing_error(what, field)
    return [rows_by_id[number] for number in ids]


def find_tags(scope: LinkScope, tags: Sequence[int | str], field: str = "tags") -> list[Tag | str]:
    """Find the tags with these ids and names that the caller may use.

    A new name is returned unchanged, for the service to create, if the caller may create tags. Raises ValidationError
    {field: …} for other new names and for tags outside the caller's scope.
    """
    rows = scope.tags()
    numbers = [tag_or_name for tag_or_name in tags if isinstance(tag_or_name, int)]
    by_number = {tag.pk: tag for tag in find_rows(rows, numbers, "tag", field)}
    result: list[Tag | str] = []
    for tag_or_name in tags:
        if isinstance(tag_or_name, int):
            result.append(by_number[tag_or_name])
        elif scope.can_manage:
            result.append(tag_or_name)
        else:
            tag = rows.filter(name__iexact=tag_or_name[:MAX_NAME]).first()
            if tag is None:
                raise build_missing_error("tag", field)
            result.append(tag)
    return result


# -- what other apps ask ------------------------------------------------------------------------------------------


def list_visible_links(user: Actor, account: Account, numbers: Iterable[int]) -> dict[int, LinkLabel]:
    """Return id -> name and page of those links of the account that this user may see."""
    member = find_membership(user, account)
    if member is None:
        return {}
    rows = build_link_scope(member).datapoints().filter(pk__in=list(numbers))
    return {row.pk: LinkLabel(row.title or row.alias, f"/links/{row.pk}") for row in rows}


def find_groups(account: Account, search: str, limit: int) -> list[tuple[int, str]]:
    """Find the first groups whose name contains `search`, as (id, name)."""
    rows = Group.objects.filter(account=account, deleted=None, name__icontains=search).order_by("name", "pk")
    return [(group.pk, group.name) for group in rows[:limit]]


def list_existing_groups(account: Account, ids: Collection[int]) -> list[tuple[int, str]]:
    """Find the groups of the account among these ids, as (id, name)."""
    rows = Group.objects.filter(account=account, deleted=None, pk__in=list(ids)).order_by("name", "pk")
    return [(group.pk, group.name) for group in rows]


def find_datapoints(account: Account, search: str, limit: int) -> list[tuple[int, str]]:
    """Find the first links and pixels whose alias or title contains `search`, as (id, name)."""
    rows = Datapoint.objects.filter(account=account).exclude(status=Status.DELETED).order_by("alias", "pk")
    if search:
        rows = rows.filter(Q(alias__icontains=search) | Q(title__icontains=search))
    return [(row.pk, str(row)) for row in rows[:limit]]


def list_existing_datapoints(account: Account, ids: Collection[int]) -> list[tuple[int, str]]:
    """Find the links and pixels of the account among these ids, as (id, name)."""
    rows = Datapoint.objects.filter(account=account, pk__in=list(ids)).exclude(status=Status.DELETED)
    return [(row.pk, str(row)) for row in rows.order_by("alias", "pk")]


GROUP_KIND = GrantKind(GROUP, "Link group", find_groups, list_existing_groups)
DATAPOINT_KIND = GrantKind(DATAPOINT, "Link or pixel", find_datapoints, list_existing_datapoints)


def count_links(account_ids: Collection[int]) -> Counts:
    """Count the links and pixels of accounts, without deleted ones."""
    return count_by_account(Datapoint.objects.filter(account__in=account_ids).exclude(status=Status.DELETED))


# Registered as something that plans have a number of
LINK_RESOURCE = PlanResource("datapoints", "Links and pixels", count_links)
