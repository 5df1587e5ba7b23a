"""Tags, and what they are on."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from links import belongings
from links.api import entities, parse, wire
from links.api.call import ApiRequest, parse_integer
from links.lookups import find_rows
from links.models import Datapoint, Group, Kind, Tag

Json = dict[str, Any]


def parse_ids(request: ApiRequest, name: str) -> list[int]:
    """Parse a parameter such as `1,2,3` into ids."""
    return [parse_integer(part) for part in request.get_text(name).split(",") if part.strip()]


def filter_tags(request: ApiRequest) -> QuerySet[Tag]:
    """Filter the tags of a list or count. Filters by links and groups consider only those that the caller may see."""
    links, groups = request.scope.datapoints(), request.scope.all_groups()
    rows = entities.filter_by_pattern(request.scope.tags(), request.get_text("name"))
    if numbers := parse_ids(request, "datapoints"):
        rows = rows.filter(datapoints__in=links.filter(pk__in=numbers))
    if numbers := parse_ids(request, "groups"):
        rows = rows.filter(groups__in=groups.filter(pk__in=numbers))
    kind = request.get_choice("type", ("", "tp", "tl", "dp", "gr"))
    if kind == "gr":
        rows = rows.filter(groups__in=groups)
    elif kind == "dp":
        rows = rows.filter(datapoints__in=links)
    elif kind:
        rows = rows.filter(datapoints__in=links.filter(kind=Kind.PIXEL if kind == "tp" else Kind.LINK))
    return entities.filter_by_creation(rows.distinct(), request)


def tag_list(request: ApiRequest) -> Json:
    return entities.list_page(
        request, filter_tags(request), "tags", lambda rows: wire.serialize_tags(rows, request.scope)
    )


def tag_count(request: ApiRequest) -> Json:
    return entities.count_rows(filter_tags(request))


def tag_create(request: ApiRequest) -> Json:
    """Create a tag, or find it by name, and add it to the named links and groups."""
    request.require_manager()
    links = find_rows(
        request.scope.datapoints(), parse.parse_ids(request.body.get("datapoints")), "datapoint", "datapoints"
    )
    groups = find_rows(request.scope.all_groups(), parse.parse_ids(request.body.get("groups")), "group", "groups")
    name = parse.parse_text(request.body.get("name"))
    tag = belongings.tag_create(account=request.account, name=name, links=links, groups=groups)
    return wire.build_reference("tags", tag.pk)


def tag_get(request: ApiRequest, tagId: int) -> Json:
    return wire.serialize_tags([entities.find_tag(request, tagId)], request.scope)[0]


def tag_delete(request: ApiRequest, tagId: int) -> Json:
    belongings.tag_delete(tag=entities.find_tag(request, tagId, write=True))
    return wire.build_reference("tags", tagId)


def tag_rename(request: ApiRequest, tagId: int) -> Json:
    row = entities.find_tag(request, tagId, write=True)
    belongings.tag_rename(tag=row, name=parse.parse_text(request.body.get("text")))
    return wire.build_reference("tags", tagId)


def tag_datapoints(request: ApiRequest, tagId: int) -> Json:
    rows = entities.filter_datapoints(
        request, request.scope.datapoints().filter(tags=entities.find_tag(request, tagId))
    )
    return entities.list_page(request, rows, "datapoints", lambda rows: wire.serialize_datapoints(rows, request.scope))


def tag_datapoints_count(request: ApiRequest, tagId: int) -> Json:
    return entities.count_rows(
        entities.filter_datapoints(request, request.scope.datapoints().filter(tags=entities.find_tag(request, tagId)))
    )


def tag_datapoints_clear(request: ApiRequest, tagId: int) -> Json:
    belongings.tag_clear(tag=entities.find_tag(request, tagId, write=True), links=True)
    return wire.build_reference("tags", tagId)


def tag_groups(request: ApiRequest, tagId: int) -> Json:
    rows = entities.filter_groups(request, request.scope.all_groups().filter(tags=entities.find_tag(request, tagId)))
    return entities.list_page(request, rows, "groups", lambda rows: wire.serialize_groups(rows, request.scope))


def tag_groups_count(request: ApiRequest, tagId: int) -> Json:
    return entities.count_rows(
        entities.filter_groups(request, request.scope.all_groups().filter(tags=entities.find_tag(request, tagId)))
    )


def tag_groups_clear(request: ApiRequest, tagId: int) -> Json:
    belongings.tag_clear(tag=entities.find_tag(request, tagId, write=True), groups=True)
    return wire.build_reference("tags", tagId)


def tag_datapoints_patch(request: ApiRequest, tagId: int) -> Json:
    """Add the tag to a link or remove it. The response names the link, not the tag."""
    tag = entities.find_tag(request, tagId, write=True)
    row = entities.find_datapoint(request, parse_integer(request.body.get("id")), write=True)
    return patch_tag(request, tag, row, "datapoints")


def tag_groups_patch(request: ApiRequest, tagId: int) -> Json:
    tag = entities.find_tag(request, tagId, write=True)
    row = entities.find_group(request, parse_integer(request.body.get("id")), write=True)
    return patch_tag(request, tag, row, "groups")


def patch_tag(request: ApiRequest, tag: Tag, row: Datapoint | Group, kind: str) -> Json:
    """Add the tag to a row or remove it; return a reference to the row."""
    change = belongings.tag_add if parse.parse_action(request.body) == "add" else belongings.tag_remove
    change(tag=tag, row=row)
    return wire.build_reference(kind, row.pk)
