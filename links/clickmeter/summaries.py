"""Summaries of links, groups and conversions, as aggregates and hits have them."""

from __future__ import annotations

from django.db.models import Count, prefetch_related_objects

from links.clickmeter.fields import TagsField
from links.clickmeter.lenient_serializer import omit_empty
from links.clickmeter.selectors import find_shared_ids
from links.clickmeter.serializers import DatapointSummarySerializer
from links.clickmeter.times import format_time
from links.clickmeter.values import Json
from links.models import Conversion, Datapoint, Group, Status
from links.permissions import GROUP

TAGS = TagsField()


def summarize_datapoints(rows: list[Datapoint]) -> list[Json]:
    """Summarize links, for aggregates and hits."""
    return [*DatapointSummarySerializer(rows, many=True).data]


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
