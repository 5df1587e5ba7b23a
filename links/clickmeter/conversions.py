"""Operations on conversions."""

from __future__ import annotations

from django.db.models import QuerySet

from links.clickmeter import parsers, selectors, serializers
from links.clickmeter.api_request import ApiRequest, Json, parse_integer
from links.clickmeter.errors import build_parameter_error
from links.models import Datapoint
from links.services import conversions as services

MAX_PATCHES = 100


def conversion_list(request: ApiRequest) -> Json:
    return selectors.list_page(
        request,
        selectors.filter_conversions(request),
        "conversions",
        selectors.serialize_each(serializers.serialize_conversion),
    )


def conversion_count(request: ApiRequest) -> Json:
    return selectors.count_rows(selectors.filter_conversions(request))


def conversion_create(request: ApiRequest) -> Json:
    request.require_manager()
    fields = {"name": "", **parsers.parse_conversion_fields(request.body)}
    return serializers.build_reference("conversions", services.conversion_create(account=request.account, **fields).pk)


def conversion_get(request: ApiRequest, conversionId: int) -> Json:
    return serializers.serialize_conversion(selectors.find_conversion(request, conversionId))


def conversion_update(request: ApiRequest, conversionId: int) -> Json:
    row = selectors.find_conversion(request, conversionId, may="edit")
    services.conversion_update(conversion=row, **parsers.parse_conversion_fields(request.body))
    return serializers.build_reference("conversions", conversionId)


def conversion_delete(request: ApiRequest, conversionId: int) -> Json:
    services.conversion_delete(conversion=selectors.find_conversion(request, conversionId, may="edit"), now=request.now)
    return serializers.build_reference("conversions", conversionId)


def conversion_notes_set(request: ApiRequest, conversionId: int) -> Json:
    row = selectors.find_conversion(request, conversionId, may="edit")
    services.conversion_update(conversion=row, description=parsers.require_text(request.body, "text"))
    return serializers.build_reference("conversions", conversionId)


def filter_conversion_datapoints(request: ApiRequest, number: int) -> QuerySet[Datapoint]:
    row = selectors.find_conversion(request, number)
    return selectors.filter_datapoints(request, request.scope.datapoints().filter(attached__conversion=row))


def conversion_datapoint_list(request: ApiRequest, conversionId: int) -> Json:
    rows = filter_conversion_datapoints(request, conversionId)
    return selectors.list_datapoints(request, rows)


def conversion_datapoints_count(request: ApiRequest, conversionId: int) -> Json:
    return selectors.count_rows(filter_conversion_datapoints(request, conversionId))


def conversion_patch(request: ApiRequest, conversionId: int) -> Json:
    """Attach the conversion to a link, detach or replace it. The response names the conversion."""
    row = selectors.find_conversion(request, conversionId, may="edit")
    link = selectors.find_datapoint(request, parse_integer(request.body.get("id")), may="edit")
    replaced = parse_integer(request.body.get("replaceid"))
    old = selectors.find_conversion(request, replaced) if replaced else None
    if parsers.parse_action(request.body, ("add", "remove", "replace")) == "remove":
        services.conversion_detach(conversion=row, datapoint=link)
    else:
        services.conversion_attach(conversion=row, datapoint=link, replace=old)
    return serializers.build_reference("conversions", conversionId)


def conversion_patch_batch(request: ApiRequest, conversionId: int) -> Json:
    """Attach the conversion to several links or detach it: all or nothing."""
    row = selectors.find_conversion(request, conversionId, may="edit")
    items = [parsers.parse_object(item) for item in parsers.parse_list(request.body.get("patchrequests"))]
    if not items:
        raise build_parameter_error("PatchRequests", "The batch is empty.")
    if len(items) > MAX_PATCHES:
        raise build_parameter_error("PatchRequests", f"A batch has at most {MAX_PATCHES} items, not {len(items):,}.")
    changes = [
        (
            selectors.find_datapoint(request, parse_integer(item.get("id")), may="edit"),
            parsers.parse_action(item) == "add",
        )
        for item in items
    ]
    services.conversion_patch(conversion=row, changes=changes)
    return serializers.build_reference("conversions", conversionId)
