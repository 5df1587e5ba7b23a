"""Operations on datapoints (links and pixels): lists, single rows, batches, patches of one member."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from rest_framework.exceptions import APIException

from links.clickmeter import selectors
from links.clickmeter.aggregates import build_summary
from links.clickmeter.api_request import ApiRequest
from links.clickmeter.api_view import IsEditorOrReadOnly
from links.clickmeter.errors import (
    ApiError,
    build_forbidden_error,
    build_not_found_error,
    build_parameter_error,
    list_errors,
)
from links.clickmeter.fields import KINDS
from links.clickmeter.measured_views import MeasuredViews
from links.clickmeter.patches import DatapointBatchSerializer, DeleteBatchSerializer
from links.clickmeter.row_views import LINK_FILTERS
from links.clickmeter.serializers import DatapointSerializer, DatapointSummarySerializer
from links.clickmeter.values import Json, lower_keys, parse_enum, parse_integer, parse_text
from links.models import Datapoint, DatapointKind, Domain, Group
from links.public_urls import get_system_domain
from links.selectors import find_row, find_rows, find_tags
from links.services import links as services

MAX_BATCH = 100
KIND_NAMES = lower_keys(KINDS)
CLICKMETER_DOMAINS = frozenset({1501, 1597, 1921})  # ids of ClickMeter's own domains, as its clients know them


class DatapointViews(MeasuredViews[Datapoint]):
    kind, what, nouns = "datapoints", "link", "links"
    entity = "datapoint"
    filters = LINK_FILTERS
    kinds, narrowing = "type", "status tag favourite"
    dimension, name_field = "link", "title"
    serializer_class, summary_serializer_class = DatapointSerializer, DatapointSummarySerializer
    permission_classes = (IsEditorOrReadOnly,)

    def get_queryset(self) -> QuerySet[Datapoint]:
        return self.request.scope.datapoints()

    def filter_queryset(self, queryset: QuerySet[Datapoint]) -> QuerySet[Datapoint]:  # type: ignore[override]
        return selectors.filter_datapoints(self.request, queryset)

    def order(self, rows: QuerySet[Datapoint]) -> QuerySet[Datapoint]:
        return selectors.order_datapoints(self.request, rows)

    def summarize_all(self, request: ApiRequest) -> Json:
        rows = self.filter_queryset(self.get_queryset())
        if number := request.get_number("groupId"):
            rows = rows.filter(group_id=number)
        return build_summary(request, rows, self.dimension, self.name_field, self.summary_serializer_class)

    def create(self, request: ApiRequest) -> Json:
        return selectors.build_reference(self.kind, create_datapoint(request, request.members, None).pk)

    def update(self, request: ApiRequest, **path: object) -> Json:
        return selectors.build_reference(self.kind, update_datapoint(request, self.get_object(), request.members).pk)

    def change(self, row: Datapoint, fields: Json) -> object:
        return services.datapoint_update(datapoint=row, **fields)

    def perform_destroy(self, row: Datapoint) -> None:
        services.datapoint_delete(datapoint=row)

    # -- batches -------------------------------------------------------------------------------------------------------

    def create_batch(self, request: ApiRequest) -> Json:
        return self.run_batch(self.read_items(), lambda item: create_datapoint(request, item, None))

    def read_items(self) -> list[object]:
        items: list[object] = self.read(DatapointBatchSerializer).get("items", [])
        return items

    def update_batch(self, request: ApiRequest) -> Json:
        def update(item: Json) -> Datapoint:
            return update_datapoint(request, self.get_row(parse_integer(item.get("id"))), item)

        return self.run_batch(self.read_items(), update)

    def delete_batch(self, request: ApiRequest) -> Json:
        def delete(item: Json) -> Datapoint:
            row = self.get_row(parse_integer(item.get("id")))
            self.perform_destroy(row)
            return row

        items = self.read(DeleteBatchSerializer).get("items") or self.read_items()
        return self.run_batch([item if isinstance(item, dict) else {"id": item} for item in items], delete)

    def run_batch(self, items: list[object], process_item: Callable[[Json], Datapoint]) -> Json:
        """Process every item on its own: a failed one gets its errors, and the response is 200 all the same."""
        if not items:
            raise build_parameter_error("List", "The batch is empty.")
        if len(items) > MAX_BATCH:
            raise build_parameter_error("List", f"A batch has at most {MAX_BATCH} items.")
        results: list[Json] = []
        for item in items:
            try:
                row = process_item(item if isinstance(item, dict) else {})
            except (ValidationError, APIException) as error:
                results.append({"status": "Error", "errors": list_item_errors(error)})
            else:
                results.append(
                    {"status": "Ok", "result": selectors.build_reference(self.kind, row.pk), "entityData": row.pk}
                )
        self.add_entity_data(results)
        return {"results": results}

    def add_entity_data(self, results: list[Json]) -> None:
        """Replace ids by the serialized rows that a batch created or changed, read in one query."""
        numbers = [result["entityData"] for result in results if "entityData" in result]
        rows = self.get_queryset().filter(pk__in=numbers)
        described = {data["id"]: data for data in self.serialize([*rows])}
        for result in results:
            if "entityData" in result:
                result["entityData"] = described.get(result["entityData"], {})


def list_item_errors(error: ValidationError | APIException) -> list[dict[str, object]]:
    """List what is wrong with an item of a batch."""
    if isinstance(error, ValidationError):
        return list_errors(error)
    errors = error.errors if isinstance(error, ApiError) else None
    return errors or [{"property": "Id", "errorMessage": str(error.detail), "code": "0013"}]


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


def create_datapoint(request: ApiRequest, body: Json, group: Group | None) -> Datapoint:
    """Create a link or pixel in a group that the caller may write to. Raises ApiError or ValidationError."""
    fields: Json = DatapointSerializer().to_internal_value(body)
    number = fields.pop("group", 0)
    if group is None and number:
        group = selectors.find_group(request, number, may="edit")
    if group is None and not request.scope.edits_all:
        raise build_forbidden_error()
    if group is not None and group.deleted:
        raise build_not_found_error("group")
    kind = parse_enum(body.get("type", 0), KIND_NAMES, "Type")
    if kind == DatapointKind.LINK and not body.get("typetl"):
        raise build_parameter_error("TypeTL", "A tracking link needs typeTL with a url.")
    name = parse_text(body.get("name"))
    fields.setdefault("title", name)
    return services.datapoint_create(
        account=request.account, group=group, kind=kind, alias=name, **replace_ids_with_rows(request, fields)
    )


def update_datapoint(request: ApiRequest, row: Datapoint, body: Json) -> Datapoint:
    """Change the named members; the alias and the domain never change."""
    fields: Json = DatapointSerializer().to_internal_value(body)
    if fields.get("group") == row.group_id:
        fields.pop("group")
    if "group" in fields:
        fields["group"] = selectors.find_group(request, fields["group"], may="edit")
    fields = replace_ids_with_rows(request, fields, row)
    if fields.pop("domain", row.domain) != row.domain:
        raise build_parameter_error("DomainId", "A link stays on its domain; make another link on the other domain.")
    return services.datapoint_update(datapoint=row, **fields)
