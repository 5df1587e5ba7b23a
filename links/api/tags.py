"""Tags, and what they are on."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from links import belongings
from links.api import entities, parse, wire
from links.api.call import Call, whole
from links.lookups import find_rows
from links.models import Datapoint, Group, Kind, Tag

Json = dict[str, Any]


def numbers_of(call: Call, name: str) -> list[int]:
    """The numbers of a parameter such as `1,2,3`."""
    return [whole(one) for one in call.text(name).split(",") if one.strip()]


def tag_rows(call: Call) -> QuerySet[Tag]:
    """The tags of a list or count. Filters by links and groups only consider those that the caller may see."""
    links, groups = call.sight.datapoints(), call.sight.all_groups()
    rows = entities.patterned(call.sight.tags(), call.text("name"))
    if numbers := numbers_of(call, "datapoints"):
        rows = rows.filter(datapoints__in=links.filter(pk__in=numbers))
    if numbers := numbers_of(call, "groups"):
        rows = rows.filter(groups__in=groups.filter(pk__in=numbers))
    kind = call.word("type", ("", "tp", "tl", "dp", "gr"))
    if kind == "gr":
        rows = rows.filter(groups__in=groups)
    elif kind == "dp":
        rows = rows.filter(datapoints__in=links)
    elif kind:
        rows = rows.filter(datapoints__in=links.filter(kind=Kind.PIXEL if kind == "tp" else Kind.LINK))
    return entities.created_between(rows.distinct(), call)


def tag_list(call: Call) -> Json:
    return entities.listed(call, tag_rows(call), "tags", lambda rows: wire.tags(rows, call.sight))


def tag_count(call: Call) -> Json:
    return entities.counted(tag_rows(call))


def tag_create(call: Call) -> Json:
    """A tag and what it is on. An existing tag is added to the links and groups that are named."""
    call.only_master()
    links = find_rows(call.sight.datapoints(), parse.ids_of(call.body.get("datapoints")), "datapoint", "datapoints")
    groups = find_rows(call.sight.all_groups(), parse.ids_of(call.body.get("groups")), "group", "groups")
    name = parse.text_of(call.body.get("name"))
    made = belongings.tag_create(account=call.account, name=name, links=links, groups=groups)
    return wire.uri("tags", made.pk)


def tag_get(call: Call, tagId: int) -> Json:
    return wire.tags([entities.tag(call, tagId)], call.sight)[0]


def tag_delete(call: Call, tagId: int) -> Json:
    belongings.tag_delete(tag=entities.tag(call, tagId, write=True))
    return wire.uri("tags", tagId)


def tag_name(call: Call, tagId: int) -> Json:
    row = entities.tag(call, tagId, write=True)
    belongings.tag_rename(tag=row, name=parse.text_of(call.body.get("text")))
    return wire.uri("tags", tagId)


def tag_datapoints(call: Call, tagId: int) -> Json:
    rows = entities.datapoints(call, call.sight.datapoints().filter(tags=entities.tag(call, tagId)))
    return entities.listed(call, rows, "datapoints", lambda rows: wire.datapoints(rows, call.sight))


def tag_datapoints_count(call: Call, tagId: int) -> Json:
    return entities.counted(entities.datapoints(call, call.sight.datapoints().filter(tags=entities.tag(call, tagId))))


def tag_datapoints_clear(call: Call, tagId: int) -> Json:
    belongings.tag_clear(tag=entities.tag(call, tagId, write=True), links=True)
    return wire.uri("tags", tagId)


def tag_groups(call: Call, tagId: int) -> Json:
    rows = entities.groups(call, call.sight.all_groups().filter(tags=entities.tag(call, tagId)))
    return entities.listed(call, rows, "groups", lambda rows: wire.groups(rows, call.sight))


def tag_groups_count(call: Call, tagId: int) -> Json:
    return entities.counted(entities.groups(call, call.sight.all_groups().filter(tags=entities.tag(call, tagId))))


def tag_groups_clear(call: Call, tagId: int) -> Json:
    belongings.tag_clear(tag=entities.tag(call, tagId, write=True), groups=True)
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
    change = belongings.tag_add if parse.action_of(call.body) == "add" else belongings.tag_remove
    change(tag=tag, row=row)
    return wire.uri(kind, row.pk)
