"""Lists of the management API: pages by cursor, and filters by the filter set of the view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from django import forms
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DataError
from django.db.models import Model, QuerySet
from django_filters.rest_framework import CharFilter, DjangoFilterBackend, FilterSet, NumberFilter, TypedChoiceFilter
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import exceptions
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.views import APIView

ModelRow = TypeVar("ModelRow", bound=Model)
PageRow = TypeVar("PageRow")  # a model's, or what `values()` makes of it
MAX_LIMIT = 1000
MAX_ID = 2**53  # ids are integers that JSON's numbers hold exactly
INVALID_CURSOR = "Not a cursor of this list. Take it from `next` or `previous` of an answer."
INVALID_LIMIT = f"Must be a whole number from 1 to {MAX_LIMIT}."


class NameFilters(FilterSet):
    """Filters of rows that have a name."""

    name = CharFilter(lookup_expr="icontains", label="Text that the name contains")


class CursorPages(CursorPagination):
    """Pages of `limit` rows in the view's `ordering`, whose first field is unique or nearly so.

    A row that is added or removed meanwhile moves none of the others to another page, and late pages cost no more than
    the first. The answer is `{"next", "previous", "results"}`, both of them addresses or null.
    """

    page_size = 100
    max_page_size = MAX_LIMIT
    page_size_query_param = "limit"
    cursor_query_description = "Where to go on: the whole address is in `next` and `previous` of an answer"

    def paginate_queryset(
        self, queryset: QuerySet[ModelRow, PageRow] | Sequence[PageRow], request: Request, view: APIView | None = None
    ) -> list[PageRow] | None:
        """Read one page. Raises ValidationError for a cursor that did not come from this list."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (exceptions.NotFound, DjangoValidationError, ValueError, OverflowError, DataError) as error:
            raise exceptions.ValidationError({"cursor": [INVALID_CURSOR]}) from error

    def get_ordering(self, request: Request, queryset: QuerySet[Model], view: APIView) -> tuple[str, ...]:
        ordering: tuple[str, ...] = getattr(view, "ordering", ("pk",))
        return ordering

    def get_page_size(self, request: Request) -> int:
        """Return `limit`. Raises ValidationError for anything but a number in its range."""
        text = request.query_params.get(self.page_size_query_param, str(self.page_size))
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_LIMIT):
            raise exceptions.ValidationError({"limit": [INVALID_LIMIT]})
        return int(text)

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, object]]:
        """Describe the parameters."""
        limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": self.page_size}
        return [
            {"name": name, "in": "query", "required": False, "description": text, "schema": schema}
            for name, text, schema in (
                (self.page_size_query_param, "How many rows at most", limit),
                (self.cursor_query_param, self.cursor_query_description, {"type": "string"}),
            )
        ]

    def get_paginated_response_schema(self, schema: dict[str, object]) -> dict[str, object]:
        """Describe the answer."""
        address = {"type": ["string", "null"], "format": "uri", "example": None}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "additionalProperties": False,
            "properties": {
                "next": {
                    **address,
                    "description": "The address of the next page; null on the last one",
                    "example": f"https://stats.example/api/v1/…?{self.cursor_query_param}=cD1zaG9wLmV4YW1wbGU%3D",
                },
                "previous": {**address, "description": "The address of the page before; null on the first one"},
                "results": schema,
            },
        }


class ParameterFilters(DjangoFilterBackend):
    """Filters a list by its view's filter set, and refuses parameters that neither it nor the paging knows."""

    def filter_queryset(self, request: Request, queryset: QuerySet[ModelRow], view: APIView) -> QuerySet[ModelRow]:  # type: ignore[override]
        """Return the rows that pass. Raises ValidationError, by parameter."""
        filterset_class = self.get_filterset_class(view, queryset)
        filters = filterset_class.base_filters if filterset_class else ()
        parameters = [*filters, CursorPages.page_size_query_param, CursorPages.cursor_query_param]
        unknown = [name for name in request.query_params if name not in parameters]
        if unknown:
            sentence = f"There is no such parameter. Known: {', '.join(parameters)}."
            raise exceptions.ValidationError({name: [sentence] for name in unknown})
        return super().filter_queryset(request, queryset, view)


@extend_schema_field(OpenApiTypes.BOOL)
class BooleanFilter(TypedChoiceFilter):
    """`true` or `false`; django-filter's own takes anything else for no filter."""

    def __init__(
        self, field_name: str | None = None, lookup_expr: str | None = None, *, label: str | None = None
    ) -> None:
        choices = [("true", "true"), ("false", "false")]
        super().__init__(field_name, lookup_expr, label=label, choices=choices, coerce=lambda text: text == "true")


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": MAX_ID, "description": "The id of an object"})
class IdFilter(NumberFilter):
    """The id of an object."""

    field_class = forms.IntegerField  # type: ignore[assignment]

    def __init__(
        self, field_name: str | None = None, lookup_expr: str | None = None, *, label: str | None = None
    ) -> None:
        super().__init__(field_name, lookup_expr, label=label, min_value=1, max_value=MAX_ID)
