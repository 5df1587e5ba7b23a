"""Summaries of links, groups and conversions, as aggregates and hits have them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import Count, prefetch_related_objects

from accounts.models import Grant
from links.clickmeter.fields import TagsField
from links.clickmeter.lenient_serializer import omit_empty
from links.clickmeter.times import format_time
from links.clickmeter.values import Json
from links.models import Conversion, Datapoint, DatapointKind, Group, Status
from links.permissions import DATAPOINT, GROUP
from links.public_urls import build_tracking_url

TYPE_NAMES = {DatapointKind.LINK: "TrackingLink", DatapointKind.PIXEL: "TrackingPixel"}
TAGS = TagsField()


def find_shared_ids(kind: str, rows: Sequence[Datapoint | Group], numbers: Iterable[int]) -> set[int]:
    """Find which of these links or groups (by id, of the account of `rows`) are shared with a guest one by one."""
    accounts = {row.account_id for row in rows}
    grants = Grant.objects.filter(kind=kind, object_id__in=set(numbers), membership__account__in=accounts)
    return set(grants.values_list("object_id", flat=True))


def summarize_datapoints(rows: list[Datapoint]) -> list[Json]:
    """Summarize links, for aggregates and hits."""
    prefetch_related_objects(rows, "group", "domain", "tags")
    links = find_shared_ids(DATAPOINT, rows, [row.pk for row in rows])
    groups = find_shared_ids(GROUP, rows, [row.group_id for row in rows])
    return [summarize_datapoint(row, row.pk in links or row.group_id in groups) for row in rows]


def summarize_datapoint(row: Datapoint, shared: bool) -> Json:
    """Summarize one link; `shared`: with a guest."""
    result: Json = {
        "datapointId": row.pk, "datapointName": row.alias, "datapointTitle": row.title,
        "datapointType": TYPE_NAMES[DatapointKind(row.kind)], "groupId": row.group_id, "groupName": row.group.name,
        "notes": row.notes, "creationDate": format_time(row.created), "tags": TAGS.to_representation(row.tags),
        "trackingCode": build_tracking_url(row),
    }  # fmt: skip
    if row.kind == DatapointKind.LINK:
        result["destinationUrl"] = row.url
    return result | omit_empty(
        status=row.status, datapointFavourite=row.favourite, isPublic=row.is_public, isABTest=row.is_ab_test,
        isPrivateShared=shared,
    )  # fmt: skip


def summarize_groups(rows: list[Group]) -> list[Json]:
    """Summarize groups, for aggregates."""
    prefetch_related_objects(rows, "tags")
    there = Datapoint.objects.filter(group__in=rows).exclude(status=Status.DELETED)
    counts = dict(there.order_by().values_list("group_id").annotate(Count("pk")))
    shared = find_shared_ids(GROUP, rows, [row.pk for row in rows])
    return [summarize_group(row, counts.get(row.pk, 0), row.pk in shared) for row in rows]


def summarize_group(row: Group, links: int, shared: bool) -> Json:
    """Summarize a group with this number of links; `shared`: with a guest."""
    result: Json = {
        "groupId": row.pk, "groupName": row.name, "creationDate": format_time(row.created),
        "tags": TAGS.to_representation(row.tags),
        "linksCount": links,
    }  # fmt: skip
    return result | omit_empty(groupFavourite=row.favourite, deleted=row.deleted is not None, isPrivateShared=shared)


def summarize_conversions(rows: list[Conversion]) -> list[Json]:
    """Summarize conversions, for aggregates."""
    return [summarize_conversion(row) for row in rows]


def summarize_conversion(row: Conversion) -> Json:
    result: Json = {"id": row.pk, "name": row.name, "value": float(row.value), "date": format_time(row.created)}
    return result | omit_empty(deleted=row.deleted is not None)
