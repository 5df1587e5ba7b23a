"""Tags, and what they are on."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from links import belongings
from links.api import entities, parse, wire
from links.api.call import Call, whole
from links.models import Datapoint, Group, Kind, Tag

Json = dict[str, Any]


def tag_rows(call: Call) -> QuerySet[Tag]:
    rows = entities.patterned(Tag.objects.filter(account=call.account), call.text("name"))
    seen = call.sight
    if not seen.whole:
        rows = rows.filter(Q(datapoints__in=seen.datapoints()) | Q(groups__in=seen.all_groups())).distinct()
    for name, field in (("datapoints", "datapoints__in"), ("groups", "groups__in")):
        numbers = [whole(one) for one in call.text(name).split(",") if one.strip()]
        if numbers:
            rows = rows.filter(**{field: numbers}).distinct()
    kind = call.word("type", ("", "tp", "tl", "dp", "gr"))
    if kind == "gr":
        rows = rows.exclude(groups=None).distinct()
    elif kind == "dp":
        rows = rows.exclude(datapoints=None).distinct()
    elif kind:
        rows = rows.filter(datapoints__kind=Kind.PIXEL if kind == "tp" else Kind.LINK).distinct()
    return entities.created_between(rows, call)


def tag_list(call: Call) -> Json:
    return entities.listed(call, tag_rows(call), "tags", lambda row: wire.tag(row, call.sight))


def tag_count(call: Call) -> Json:
    return entities.counted(tag_rows(call))


def tag_create(call: Call) -> Json:
    call.only_master()
    return wire.uri("tags", belongings.tag_create(account=call.account, name=parse.text_of(call.body.get("name"))).pk)


def tag_get(call: Call, tagId: int) -> Json:
    return wire.tag(entities.tag(call, tagId), call.sight)


def tag_delete(call: Call, tagId: int) -> Json:
    belongings.tag_delete(tag=entities.tag(call, tagId, write=True))
    return wire.uri("tags", tagId)


def tag_name(call: Call, tagId: int) -> Json:
    row = entities.tag(call, tagId, write=True)
    belongings.tag_rename(tag=row, name=parse.text_of(call.body.get("text")))
    return wire.uri("tags", tagId)


def tag_datapoints(call: Call, tagId: int) -> Json:
    rows = entities.datapoints(call, call.sight.datapoints().filter(tags=entities.tag(call, tagId)))
    return entities.listed(call, rows, "datapoints", lambda row: wire.datapoint(row, call.sight))


def tag_datapoints_count(call: Call, tagId: int) -> Json:
    return entities.counted(entities.datapoints(call, call.sight.datapoints().filter(tags=entities.tag(call, tagId))))


def tag_datapoints_clear(call: Call, tagId: int) -> Json:
    entities.tag(call, tagId, write=True).datapoints.clear()
    return wire.uri("tags", tagId)


def tag_groups(call: Call, tagId: int) -> Json:
    rows = entities.groups(call, call.sight.all_groups().filter(tags=entities.tag(call, tagId)))
    return entities.listed(call, rows, "groups", lambda row: wire.group(row, call.sight))


def tag_groups_count(call: Call, tagId: int) -> Json:
    return entities.counted(entities.groups(call, call.sight.all_groups().filter(tags=entities.tag(call, tagId))))


def tag_groups_clear(call: Call, tagId: int) -> Json:
    entities.tag(call, tagId, write=True).groups.clear()
    return wire.uri("tags", tagId)


def tag_datapoints_patch(call: Call, tagId: int) -> Json:
    """The answer names the link, not the tag."""
    tag = entities.tag(call, tagId, write=True)
    row = entities.datapoint(call, whole(call.body.get("id")), write=True)
    return patched(call, tag, row, "datapoints")


def tag_groups_patch(call: Call, tagId: int) -> Json:
    tag = entities.tag(call, tagId, write=True)
    row = entities.group(call, whole(call.body.get("id")), write=True)
    return patched(call, tag, row, "groups")


def patched(call: Call, tag: Tag, row: Datapoint | Group, kind: str) -> Json:
    row.tags.add(tag) if parse.action_of(call.body) == "add" else row.tags.remove(tag)
    return wire.uri(kind, row.pk)
