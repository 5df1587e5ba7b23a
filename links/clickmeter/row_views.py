"""Views of rows: their list, count and references, one row, its notes and whether it is a favourite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

from django.db.models import Model, QuerySet
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from links.clickmeter import selectors
from links.clickmeter.api_request import ApiRequest
from links.clickmeter.api_view import OperationViews, Pages
from links.clickmeter.errors import build_parameter_error
from links.clickmeter.lenient_serializer import LenientSerializer
from links.clickmeter.patches import TextPatchSerializer
from links.clickmeter.serializers import DatapointSerializer
from links.clickmeter.values import Json
from links.models import Datapoint

LINK_FILTERS = "type status tags textSearch onlyFavorites sortBy sortDirection createdAfter createdBefore"
Row = TypeVar("Row", bound=Model)


class RowViews(OperationViews, GenericAPIView[Row]):
    """The operations on one kind of row; `get_queryset` selects those in the caller's scope.

    `kind` precedes ids in addresses. The first number of an address is the row's id.
    A subclass has a serializer, calls its services in `change` and `perform_destroy`, and filters in `filter_queryset`.
    """

    kind: ClassVar[str]
    filters: ClassVar[str] = ""  # the parameters that select rows of a list, and order them
    link_filters: ClassVar[str] = LINK_FILTERS  # those of the list of a row's links
    notes_field: ClassVar[str] = "notes"
    link_lookup: ClassVar[str] = ""  # the lookup of a link's row of this kind, such as `group`
    pagination_class = Pages

    # -- operations ----------------------------------------------------------------------------------------------------

    def list(self, request: ApiRequest) -> Response:
        return self.list_page(self.order(self.filter_queryset(self.get_queryset())))

    def count(self, request: ApiRequest) -> Json:
        return {"count": self.filter_queryset(self.get_queryset()).count()}

    def retrieve(self, request: ApiRequest, **path: object) -> Json:
        return self.serialize_row(self.get_object())

    def update(self, request: ApiRequest, **path: object) -> Json:
        row = self.get_object()
        self.change(row, self.read_fields())
        return selectors.build_reference(self.kind, row.pk)

    def destroy(self, request: ApiRequest, **path: object) -> Json:
        row = self.get_object()
        number = row.pk
        self.perform_destroy(row)
        return selectors.build_reference(self.kind, number)

    def set_notes(self, request: ApiRequest, **path: object) -> Json:
        row = self.get_object()
        text = self.read(TextPatchSerializer).get("text")
        if text is None:
            raise build_parameter_error("text", 'The body is an object with the member "text".')
        self.change(row, {self.notes_field: text})
        return selectors.build_reference(self.kind, row.pk)

    def toggle_favourite(self, request: ApiRequest, **path: object) -> Json:
        row: Any = self.get_object()
        self.change(row, {"favourite": not row.favourite})
        return selectors.build_reference(self.kind, row.pk)

    def datapoints(self, request: ApiRequest, **path: object) -> Response:
        """List the links of a row."""
        rows = self.filter_links()
        ordered = selectors.order_datapoints(request, rows) if "sortBy" in self.link_filters else rows
        return self.list_page(ordered, "datapoints", DatapointSerializer)

    def count_datapoints(self, request: ApiRequest, **path: object) -> Json:
        return {"count": self.filter_links().count()}

    # -- what they consist of ------------------------------------------------------------------------------------------

    def change(self, row: Row, fields: Json) -> object:
        """Change fields of a row by its service."""
        raise NotImplementedError

    def perform_destroy(self, row: Row) -> None:
        """Delete a row by its service."""
        raise NotImplementedError

    def order(self, rows: QuerySet[Row]) -> QuerySet[Row]:
        return rows

    def get_row(self, number: int) -> Row:
        """Find a row of the caller's scope. Raises ApiError (404), and PermissionDenied if the request changes it but
        the caller may not."""
        row = selectors.find_row(self.get_queryset(), number, self.entity or self.what)
        self.check_object_permissions(self.request, row)
        return row

    def get_object(self) -> Row:
        """Find the row that the address names."""
        return self.get_row(next(iter(self.kwargs.values())))

    def filter_links(self) -> QuerySet[Datapoint]:
        """Filter the links of the row that the address names."""
        rows = self.request.scope.datapoints().filter(**{self.link_lookup: self.get_object()})
        return selectors.filter_datapoints(self.request, rows)

    def get_serializer_context(self) -> Json:
        return {"request": self.request}

    def read_fields(self, body: Json | None = None) -> Json:
        """Read the body, or one item of a batch, into fields of the services. Raises ApiError (400)."""
        serializer = self.get_serializer(data=self.request.members if body is None else body)
        serializer.is_valid(raise_exception=True)
        fields: Json = serializer.validated_data
        return fields

    def serialize(self, rows: Sequence[Any], serializer_class: type[LenientSerializer] | None = None) -> Sequence[Json]:
        """Serialize rows with all members."""
        chosen: Any = serializer_class or self.get_serializer_class()
        described: Sequence[Json] = chosen(rows, many=True, context=self.get_serializer_context()).data
        return described

    def serialize_row(self, row: Row) -> Json:
        described: Json = self.serialize([row])[0]
        return described

    def list_page(
        self, rows: QuerySet[Any], kind: str = "", serializer_class: type[LenientSerializer] | None = None
    ) -> Response:
        """Return one page: references, or complete objects with `_expand=true`; by id if `rows` are not ordered."""
        page = self.paginate_queryset(rows if rows.ordered else rows.order_by("pk")) or []
        kind = kind or self.kind
        if self.request.get_flag("_expand"):
            described = zip(page, self.serialize(page, serializer_class), strict=True)
            return self.get_paginated_response([data | {"uri": f"/{kind}/{row.pk}"} for row, data in described])
        return self.get_paginated_response([selectors.build_reference(kind, row.pk) for row in page])
