"""Tags, and what they are on."""

from __future__ import annotations

from django.db.models import QuerySet

from links.clickmeter import parsers, selectors, serializers
from links.clickmeter.api_request import ApiRequest, Json, parse_integer
from links.models import Datapoint, DatapointKind, Group, Tag
from links.selectors import find_rows
from links.services import groups as group_services


def filter_tags(request: ApiRequest) -> QuerySet[Tag]:
    """Filter the tags of a list or count. Filters by links and groups consider only those that the caller may see."""
    links, groups = request.scope.datapoints(), request.scope.groups()
    rows = selectors.filter_by_pattern(request.scope.tags(), request.get_text("name"))
    if numbers := parsers.parse_ids(request.get_text("datapoints")):
        rows = rows.filter(datapoints__in=links.filter(pk__in=numbers))
    if numbers := parsers.parse_ids(request.get_text("groups")):
        rows = rows.filter(groups__in=groups.filter(pk__in=numbers))
    kind = request.get_choice("type", ("", "tp", "tl", "dp", "gr"))
    if kind == "gr":
        rows = rows.filter(groups__in=groups)
    elif kind == "dp":
        rows = rows.filter(datapoints__in=links)
    elif kind:
        rows = rows.filter(
            datapoints__in=links.filter(kind=DatapointKind.PIXEL if kind == "tp" else DatapointKind.LINK)
        )
    return selectors.filter_by_creation(rows.distinct(), request)


def tag_list(request: ApiRequest) -> Json:
    return selectors.list_page(
        request, filter_tags(request), "tags", lambda rows: serializers.serialize_tags(rows, request.scope)
    )


def tag_count(request: ApiRequest) -> Json:
    return selectors.count_rows(filter_tags(request))


def tag_create(request: ApiRequest) -> Json:
    """Create a tag, or find it by name, and add it to the named links and groups."""
    request.require_manager()
    links = find_rows(
        request.scope.datapoints(), parsers.parse_ids(request.body.get("datapoints")), "datapoint", "datapoints"
    )
    groups = find_rows(request.scope.groups(), parsers.parse_ids(request.body.get("groups")), "group", "groups")
    name = parsers.parse_text(request.body.get("name"))
    tag = group_services.tag_create(account=request.account, name=name, links=links, groups=groups)
    return serializers.build_reference("tags", tag.pk)


def tag_get(request: ApiRequest, tagId: int) -> Json:
    return serializers.serialize_tags([selectors.find_tag(request, tagId)], request.scope)[0]


def tag_delete(request: ApiRequest, tagId: int) -> Json:
    group_services.tag_delete(tag=selectors.find_tag(request, tagId, may="edit"))
    return serializers.build_reference("tags", tagId)


def tag_rename(request: ApiRequest, tagId: int) -> Json:
    row = selectors.find_tag(request, tagId, may="edit")
    group_services.tag_rename(tag=row, name=parsers.parse_text(request.body.get("text")))
    return serializers.build_reference("tags", tagId)


def filter_tagged_datapoints(request: ApiRequest, tagId: int) -> QuerySet[Datapoint]:
    tag = selectors.find_tag(request, tagId)
    return selectors.filter_datapoints(request, request.scope.datapoints().filter(tags=tag))


def filter_tagged_groups(request: ApiRequest, tagId: int) -> QuerySet[Group]:
    tag = selectors.find_tag(request, tagId)
    return selectors.filter_groups(request, request.scope.groups().filter(tags=tag))


def tag_datapoint_list(request: ApiRequest, tagId: int) -> Json:
    rows = filter_tagged_datapoints(request, tagId)
    return selectors.list_datapoints(request, rows)


def tag_datapoints_count(request: ApiRequest, tagId: int) -> Json:
    return selectors.count_rows(filter_tagged_datapoints(request, tagId))


def tag_datapoints_clear(request: ApiRequest, tagId: int) -> Json:
    group_services.tag_clear(tag=selectors.find_tag(request, tagId, may="edit"), links=True)
    return serializers.build_reference("tags", tagId)


def tag_group_list(request: ApiRequest, tagId: int) -> Json:
    rows = filter_tagged_groups(request, tagId)
    return selectors.list_groups(request, rows)


def tag_groups_count(request: ApiRequest, tagId: int) -> Json:
    return selectors.count_rows(filter_tagged_groups(request, tagId))


def tag_groups_clear(request: ApiRequest, tagId: int) -> Json:
    group_services.tag_clear(tag=selectors.find_tag(request, tagId, may="edit"), groups=True)
    return serializers.build_reference("tags", tagId)


def tag_datapoints_patch(request: ApiRequest, tagId: int) -> Json:
    """Add the tag to a link or remove it. The response names the link, not the tag."""
    tag = selectors.find_tag(request, tagId, may="edit")
    row = selectors.find_datapoint(request, parse_integer(request.body.get("id")), may="edit")
    return patch_tag(request, tag, row, "datapoints")


def tag_groups_patch(request: ApiRequest, tagId: int) -> Json:
    tag = selectors.find_tag(request, tagId, may="edit")
    row = selectors.find_group(request, parse_integer(request.body.get("id")), may="edit")
    return patch_tag(request, tag, row, "groups")


def patch_tag(request: ApiRequest, tag: Tag, row: Datapoint | Group, kind: str) -> Json:
    """Add the tag to a row or remove it; return a reference to the row."""
    change = group_services.tag_add if parsers.parse_action(request.body) == "add" else group_services.tag_remove
    change(tag=tag, row=row)
    return serializers.build_reference(kind, row.pk)
