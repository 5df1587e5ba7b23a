"""Operations on datapoints (links and pixels): lists, single rows, batches, patches of one member."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import ValidationError

from links.clickmeter import parsers, selectors, serializers
from links.clickmeter.api_request import ApiRequest, Json, parse_integer
from links.clickmeter.errors import (
    ApiError,
    build_forbidden_error,
    build_not_found_error,
    build_parameter_error,
    list_errors,
)
from links.models import Datapoint, DatapointKind, Domain
from links.models import Group as GroupRow
from links.public_urls import get_system_domain
from links.selectors import find_row, find_rows, find_tags
from links.services import links as services

MAX_BATCH = 100
CLICKMETER_DOMAINS = frozenset({1501, 1597, 1921})  # ids of ClickMeter's own domains, as its clients know them


def datapoint_list(request: ApiRequest) -> Json:
    return selectors.list_datapoints(request, selectors.order_datapoints(request, selectors.filter_datapoints(request)))


def datapoint_count(request: ApiRequest) -> Json:
    return selectors.count_rows(selectors.filter_datapoints(request))


def datapoint_get(request: ApiRequest, id: int) -> Json:
    return serializers.serialize_datapoint(selectors.find_datapoint(request, id), request.scope)


def datapoint_create(request: ApiRequest) -> Json:
    return serializers.build_reference("datapoints", create_datapoint(request, request.body, None).pk)


def replace_ids_with_rows(request: ApiRequest, fields: Json, row: Datapoint | None = None) -> Json:
    """Replace the ids that a client sent by rows of the caller's scope.

    The present domains of `row` are accepted even outside the scope, since clients send back complete objects. Raises
    ValidationError.
    """
    scope, result = request.scope, dict(fields)
    if row is not None and result.get("domain") == row.domain_id:
        result.pop("domain")
    if "domain" in result:
        result["domain"] = find_domain(request, result["domain"], "domain")
    if number := result.get("go_domain"):
        if row is not None and row.go_domain_id == number:
            result.pop("go_domain")
        else:
            result["go_domain"] = find_domain(request, number, "go_domain")
    if "conversions" in result:
        numbers = [number for number in result["conversions"] if number]
        alive = scope.conversions().filter(deleted=None)
        result["conversions"] = find_rows(alive, numbers, "conversion", "conversions")
    if "scripts" in result:
        result["scripts"] = find_rows(scope.scripts(), result["scripts"], "retargeting script", "scripts")
    if "tags" in result:
        result["tags"] = find_tags(scope, result["tags"])
    return result


def find_domain(request: ApiRequest, number: int, field: str) -> Domain:
    """Find a domain in the caller's scope. Ids of ClickMeter's own domains, which old clients send as their default,
    mean this installation's domain unless a domain here has that id. Raises ValidationError."""
    rows = request.scope.domains()
    if number in CLICKMETER_DOMAINS and not rows.filter(pk=number).exists():
        return get_system_domain()
    return find_row(rows, number, "domain", field)


def create_datapoint(request: ApiRequest, body: Json, group: GroupRow | None) -> Datapoint:
    """Create a link or pixel in a group that the caller may write to. Raises ApiError or ValidationError."""
    fields = parsers.parse_datapoint_fields(body)
    number = group.pk if group else fields.pop("group", 0)
    fields.pop("group", None)
    target_group: GroupRow | None = selectors.find_group(request, number, may="edit") if number else None
    if target_group is None and not request.scope.edits_all:
        raise build_forbidden_error()
    if target_group is not None and target_group.deleted:
        raise build_not_found_error("group")
    kind = parsers.parse_enum(body.get("type", 0), "type", "Type")
    if kind == DatapointKind.LINK and not body.get("typetl"):
        raise build_parameter_error("TypeTL", "A tracking link needs typeTL with a url.")
    fields.setdefault("title", parsers.parse_text(body.get("name")))
    return services.datapoint_create(
        account=request.account,
        group=target_group,
        kind=kind,
        alias=parsers.parse_text(body.get("name")),
        **replace_ids_with_rows(request, fields),
    )


def datapoint_update(request: ApiRequest, id: int) -> Json:
    return serializers.build_reference("datapoints", update_datapoint(request, id, request.body).pk)


def update_datapoint(request: ApiRequest, number: int, body: Json) -> Datapoint:
    """Change the named members; the alias and the domain never change."""
    row = selectors.find_datapoint(request, number, may="edit")
    fields = parsers.parse_datapoint_fields(body)
    if fields.get("group") == row.group_id:
        fields.pop("group")
    if "group" in fields:
        fields["group"] = selectors.find_group(request, fields["group"], may="edit")
    fields = replace_ids_with_rows(request, fields, row)
    if fields.pop("domain", row.domain) != row.domain:
        raise build_parameter_error("DomainId", "A link stays on its domain; make another link on the other domain.")
    return services.datapoint_update(datapoint=row, **fields)


def datapoint_delete(request: ApiRequest, id: int) -> Json:
    services.datapoint_delete(datapoint=selectors.find_datapoint(request, id, may="edit"))
    return serializers.build_reference("datapoints", id)


def datapoint_notes_set(request: ApiRequest, id: int) -> Json:
    row = selectors.find_datapoint(request, id, may="edit")
    services.datapoint_update(datapoint=row, notes=parsers.require_text(request.body, "text"))
    return serializers.build_reference("datapoints", id)


def datapoint_favourite_set(request: ApiRequest, id: int) -> Json:
    row = selectors.find_datapoint(request, id, may="edit")
    services.datapoint_update(datapoint=row, favourite=not row.favourite)
    return serializers.build_reference("datapoints", id)


def run_batch(request: ApiRequest, items: list[object], process_item: Callable[[Json], Datapoint]) -> Json:
    """Process every item on its own: a failed one gets its errors, and the response is 200 all the same."""
    if not items:
        raise build_parameter_error("List", "The batch is empty.")
    if len(items) > MAX_BATCH:
        raise build_parameter_error("List", f"A batch has at most {MAX_BATCH} items.")
    results: list[Json] = []
    for item in items:
        try:
            row = process_item(item if isinstance(item, dict) else {})
        except ValidationError as error:
            results.append({"status": "Error", "errors": list_errors(error)})
        except ApiError as error:
            errors = error.errors or [{"property": "Id", "errorMessage": error.message, "code": "0013"}]
            results.append({"status": "Error", "errors": errors})
        else:
            results.append(
                {"status": "Ok", "result": serializers.build_reference("datapoints", row.pk), "entityData": row}
            )
    add_entity_data(request, results)
    return {"results": results}


def add_entity_data(request: ApiRequest, results: list[Json]) -> None:
    """Add the serialized rows that a batch created or changed, read in one query."""
    numbers = [result["entityData"].pk for result in results if "entityData" in result]
    rows = list(request.scope.datapoints().filter(pk__in=numbers))
    described = dict(zip([row.pk for row in rows], serializers.serialize_datapoints(rows, request.scope), strict=True))
    for result in results:
        if "entityData" in result:
            result["entityData"] = described.get(result["entityData"].pk, {})


def batch_create(request: ApiRequest) -> Json:
    return run_batch(
        request, parsers.parse_list(request.body.get("list")), lambda item: create_datapoint(request, item, None)
    )


def batch_update(request: ApiRequest) -> Json:
    return run_batch(
        request,
        parsers.parse_list(request.body.get("list")),
        lambda item: update_datapoint(request, parse_integer(item.get("id")), item),
    )


def batch_delete(request: ApiRequest) -> Json:
    def delete(item: Json) -> Datapoint:
        row = selectors.find_datapoint(request, parse_integer(item.get("id")), may="edit")
        services.datapoint_delete(datapoint=row)
        return row

    items = parsers.parse_list(request.body.get("entities") or request.body.get("list"))
    return run_batch(request, [item if isinstance(item, dict) else {"id": item} for item in items], delete)
