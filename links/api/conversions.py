"""Operations on conversions."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from links import belongings as services
from links.api import entities, parse, wire
from links.api.call import ApiRequest, parse_integer
from links.api.errors import invalid
from links.models import Datapoint

Json = dict[str, Any]
MAX_PATCHES = 100


def conversion_list(request: ApiRequest) -> Json:
    return entities.list_page(
        request, entities.filter_conversions(request), "conversions", entities.serialize_each(wire.serialize_conversion)
    )


def conversion_count(request: ApiRequest) -> Json:
    return entities.count_rows(entities.filter_conversions(request))


def conversion_create(request: ApiRequest) -> Json:
    request.require_manager()
    fields = {"name": "", **parse.parse_conversion_fields(request.body)}
    return wire.build_reference("conversions", services.conversion_create(account=request.account, **fields).pk)


def conversion_get(request: ApiRequest, conversionId: int) -> Json:
    return wire.serialize_conversion(entities.find_conversion(request, conversionId))


def conversion_update(request: ApiRequest, conversionId: int) -> Json:
    row = entities.find_conversion(request, conversionId, write=True)
    services.conversion_update(conversion=row, **parse.parse_conversion_fields(request.body))
    return wire.build_reference("conversions", conversionId)


def conversion_delete(request: ApiRequest, conversionId: int) -> Json:
    services.conversion_delete(conversion=entities.find_conversion(request, conversionId, write=True), now=request.now)
    return wire.build_reference("conversions", conversionId)


def conversion_notes(request: ApiRequest, conversionId: int) -> Json:
    row = entities.find_conversion(request, conversionId, write=True)
    services.conversion_update(conversion=row, description=parse.require_text(request.body, "text"))
    return wire.build_reference("conversions", conversionId)


def filter_conversion_datapoints(request: ApiRequest, number: int) -> QuerySet[Datapoint]:
    row = entities.find_conversion(request, number)
    return entities.filter_datapoints(request, request.scope.datapoints().filter(attached__conversion=row))


def conversion_datapoints(request: ApiRequest, conversionId: int) -> Json:
    rows = filter_conversion_datapoints(request, conversionId)
    return entities.list_page(request, rows, "datapoints", lambda rows: wire.serialize_datapoints(rows, request.scope))


def conversion_datapoints_count(request: ApiRequest, conversionId: int) -> Json:
    return entities.count_rows(filter_conversion_datapoints(request, conversionId))


def conversion_patch(request: ApiRequest, conversionId: int) -> Json:
    """Attach the conversion to a link, detach or replace it. The response names the conversion."""
    row = entities.find_conversion(request, conversionId, write=True)
    link = entities.find_datapoint(request, parse_integer(request.body.get("id")), write=True)
    replaced = parse_integer(request.body.get("replaceid"))
    old = entities.find_conversion(request, replaced) if replaced else None
    if parse.parse_action(request.body, ("add", "remove", "replace")) == "remove":
        services.conversion_detach(conversion=row, datapoint=link)
    else:
        services.conversion_attach(conversion=row, datapoint=link, replace=old)
    return wire.build_reference("conversions", conversionId)


def conversion_patch_batch(request: ApiRequest, conversionId: int) -> Json:
    """Attach the conversion to several links or detach it: all or nothing."""
    row = entities.find_conversion(request, conversionId, write=True)
    items = [parse.as_object(item) for item in parse.as_list(request.body.get("patchrequests"))]
    if not items:
        raise invalid("PatchRequests", "The batch is empty.")
    if len(items) > MAX_PATCHES:
        raise invalid("PatchRequests", f"A batch has at most {MAX_PATCHES} items, not {len(items):,}.")
    changes = [
        (entities.find_datapoint(request, parse_integer(item.get("id")), write=True), parse.parse_action(item) == "add")
        for item in items
    ]
    services.conversion_patch(conversion=row, changes=changes)
    return wire.build_reference("conversions", conversionId)
