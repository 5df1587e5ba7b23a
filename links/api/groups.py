"""Operations on groups and their datapoints."""

from __future__ import annotations

from typing import Any

from django.db.models.functions import Lower

from links import belongings
from links.api import datapoints, entities, parse, wire
from links.api.call import ApiRequest
from links.api.errors import forbidden
from links.lookups import find_tags

Json = dict[str, Any]


def group_list(request: ApiRequest) -> Json:
    rows = entities.filter_groups(request).order_by(Lower("name"), "pk")
    return entities.list_page(request, rows, "groups", lambda rows: wire.serialize_groups(rows, request.scope), ())


def group_count(request: ApiRequest) -> Json:
    return entities.count_rows(entities.filter_groups(request))


def group_get(request: ApiRequest, id: int) -> Json:
    return wire.serialize_group(entities.find_group(request, id), request.scope)


def parse_group_fields(request: ApiRequest) -> Json:
    """Parse a group's fields, with tags of the caller's scope. Raises ValidationError."""
    fields = parse.parse_group_fields(request.body)
    return fields | {"tags": find_tags(request.scope, fields["tags"])} if "tags" in fields else fields


def group_create(request: ApiRequest) -> Json:
    """Create a group; allowed for those who may edit everything and for guests with that option, who get the right to
    write."""
    allowed = request.scope.membership.options.get("extendedGrants") or {}
    if not request.scope.edits_all and not allowed.get("allowGroupCreation"):
        raise forbidden()
    fields = {"name": "", **parse_group_fields(request)}
    guest = None if request.scope.edits_all else request.scope.membership
    group = belongings.group_create(account=request.account, shared_with=guest, **fields)
    return wire.build_reference("groups", group.pk)


def group_update(request: ApiRequest, id: int) -> Json:
    belongings.group_update(group=entities.find_group(request, id, write=True), **parse_group_fields(request))
    return wire.build_reference("groups", id)


def group_delete(request: ApiRequest, id: int) -> Json:
    belongings.group_delete(group=entities.find_group(request, id, write=True), now=request.now)
    return wire.build_reference("groups", id)


def group_notes(request: ApiRequest, id: int) -> Json:
    row = entities.find_group(request, id, write=True)
    belongings.group_update(group=row, notes=parse.require_text(request.body, "text"))
    return wire.build_reference("groups", id)


def group_favourite(request: ApiRequest, id: int) -> Json:
    row = entities.find_group(request, id, write=True)
    belongings.group_update(group=row, favourite=not row.favourite)
    return wire.build_reference("groups", id)


def group_datapoints(request: ApiRequest, id: int) -> Json:
    rows = request.scope.datapoints().filter(group=entities.find_group(request, id))
    ordered = entities.order_datapoints(request, entities.filter_datapoints(request, rows))
    return entities.list_page(
        request, ordered, "datapoints", lambda rows: wire.serialize_datapoints(rows, request.scope), ()
    )


def group_datapoints_count(request: ApiRequest, id: int) -> Json:
    rows = request.scope.datapoints().filter(group=entities.find_group(request, id))
    return entities.count_rows(entities.filter_datapoints(request, rows))


def group_datapoint_create(request: ApiRequest, id: int) -> Json:
    group = entities.find_group(request, id, write=True)
    return wire.build_reference("datapoints", datapoints.create_datapoint(request, request.body, group).pk)
