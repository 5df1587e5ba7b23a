"""Operations on groups and their datapoints."""

from __future__ import annotations

from django.db.models.functions import Lower

from links.clickmeter import datapoints, parsers, selectors, serializers
from links.clickmeter.api_request import ApiRequest, Json
from links.clickmeter.errors import build_forbidden_error
from links.selectors import find_tags
from links.services import groups as group_services


def group_list(request: ApiRequest) -> Json:
    rows = selectors.filter_groups(request).order_by(Lower("name"), "pk")
    return selectors.list_groups(request, rows)


def group_count(request: ApiRequest) -> Json:
    return selectors.count_rows(selectors.filter_groups(request))


def group_get(request: ApiRequest, id: int) -> Json:
    return serializers.serialize_group(selectors.find_group(request, id), request.scope)


def parse_group_fields(request: ApiRequest) -> Json:
    """Parse a group's fields, with tags of the caller's scope. Raises ValidationError."""
    fields = parsers.parse_group_fields(request.body)
    return fields | {"tags": find_tags(request.scope, fields["tags"])} if "tags" in fields else fields


def group_create(request: ApiRequest) -> Json:
    """Create a group; allowed for those who may edit everything and for guests with that option, who get the right to
    write."""
    allowed = request.scope.membership.options.get("extendedGrants") or {}
    if not request.scope.edits_all and not allowed.get("allowGroupCreation"):
        raise build_forbidden_error()
    fields = {"name": "", **parse_group_fields(request)}
    guest = None if request.scope.edits_all else request.scope.membership
    group = group_services.group_create(account=request.account, shared_with=guest, **fields)
    return serializers.build_reference("groups", group.pk)


def group_update(request: ApiRequest, id: int) -> Json:
    group_services.group_update(group=selectors.find_group(request, id, may="edit"), **parse_group_fields(request))
    return serializers.build_reference("groups", id)


def group_delete(request: ApiRequest, id: int) -> Json:
    group_services.group_delete(group=selectors.find_group(request, id, may="edit"), now=request.now)
    return serializers.build_reference("groups", id)


def group_notes_set(request: ApiRequest, id: int) -> Json:
    row = selectors.find_group(request, id, may="edit")
    group_services.group_update(group=row, notes=parsers.require_text(request.body, "text"))
    return serializers.build_reference("groups", id)


def group_favourite_set(request: ApiRequest, id: int) -> Json:
    row = selectors.find_group(request, id, may="edit")
    group_services.group_update(group=row, favourite=not row.favourite)
    return serializers.build_reference("groups", id)


def group_datapoint_list(request: ApiRequest, id: int) -> Json:
    rows = request.scope.datapoints().filter(group=selectors.find_group(request, id))
    ordered = selectors.order_datapoints(request, selectors.filter_datapoints(request, rows))
    return selectors.list_datapoints(request, ordered)


def group_datapoints_count(request: ApiRequest, id: int) -> Json:
    rows = request.scope.datapoints().filter(group=selectors.find_group(request, id))
    return selectors.count_rows(selectors.filter_datapoints(request, rows))


def group_datapoint_create(request: ApiRequest, id: int) -> Json:
    group = selectors.find_group(request, id, may="edit")
    return serializers.build_reference("datapoints", datapoints.create_datapoint(request, request.body, group).pk)
