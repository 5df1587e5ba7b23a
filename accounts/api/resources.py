"""Resources of the management API: rows that are listed, created, shown, changed and deleted at two addresses.

A resource is a view set that joins `ResourceViews` and those of DRF's mixins that say what can be done with the rows;
`build_routes` gives it its addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from django.db.models import Model
from django.urls import URLPattern
from django_filters.rest_framework import FilterSet
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import GenericViewSet, ViewSetMixin

from accounts.api.management_view import ManagementView

Row = TypeVar("Row", bound=Model)
Class = TypeVar("Class", bound=type)
VERBS = {"list": "List", "create": "Create", "retrieve": "Show", "partial_update": "Change", "destroy": "Delete"}


class NoFilters(FilterSet):
    """The filter set of a list without filters."""


class ResourceViews(ManagementView[Row], GenericViewSet[Row]):
    """The base of view sets of rows. `noun` and `plural` name them in the description: "a goal", "goals"."""

    noun: str
    plural: str
    ordering: tuple[str, ...] = ("pk",)
    filterset_class: type[FilterSet] = NoFilters
    lookup_value_converter = "int"

    def build_summary(self) -> str:
        """Build the summary of the action, such as "List goals"; "" if it has one of its own."""
        verb = VERBS.get(self.action, "")
        return f"{verb} {self.plural if self.action == 'list' else self.noun}" if verb else ""


def build_routes(views: Mapping[str, type[ViewSetMixin]]) -> list[URLPattern]:
    """Build the URLs of resources by their address below `/api/v1/`: `sites/<int:site_id>/goals`."""
    router = SimpleRouter(trailing_slash=False, use_regex_path=False)
    for address, view in views.items():
        router.register(f"api/v1/{address}", view, basename=f"api-{address.rpartition('/')[2]}")
    return [url for url in router.urls if isinstance(url, URLPattern)]


def add_examples(
    title: str, row: Mapping[str, object], body: Mapping[str, object] | None = None
) -> Callable[[Class], Class]:
    """Add the examples of an answer and of a body to a serializer. Without a body it only answers."""
    examples = [OpenApiExample(title, value=dict(row), response_only=True)]
    if body is not None:
        examples.append(OpenApiExample(f"{title} to write", value=dict(body), request_only=True))
    return extend_schema_serializer(examples=examples)
