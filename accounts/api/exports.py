"""Exports in the management API: tables that are written to a file, which can then be downloaded."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone as clock
from django_filters.rest_framework import ChoiceFilter, FilterSet
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import exceptions, serializers, status
from rest_framework.mixins import CreateModelMixin, DestroyModelMixin, ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.lists import MAX_ID
from accounts.api.openapi import describe_responses
from accounts.api.resources import ResourceViews, add_examples
from accounts.api.serializers import ClosedModelSerializer
from accounts.exports.models import Export, ExportState
from accounts.exports.registry import EXPORT_KINDS, ExportRequest
from accounts.exports.selectors import build_download_path, is_readable, select_exports
from accounts.exports.services import export_create, export_delete
from accounts.models import READ, Area, Membership
from accounts.permissions import Bearer

MAX_QUERY_LENGTH = 2_000
EXPORT_EXAMPLE = {
    "id": 5, "kind": "report", "site": 100001, "table": "page", "query": "period=30d&country=EE", "state": "done",
    "rows": 812, "size": 40213, "is_complete": True, "error": "",
    "url": "https://stats.example/exports/NQ:1uH…/file", "created": "2026-05-20T08:00:00Z",
    "finished": "2026-05-20T08:00:03Z", "expires": "2026-05-27T08:00:00Z",
}  # fmt: skip
NEW_EXAMPLE = {"kind": "report", "site": 100001, "table": "page", "query": "period=30d&country=EE"}


@extend_schema_field({"type": "string", "example": "report", "description": "The kinds are in the documentation"})
class ExportKindField(serializers.CharField):
    """The name of a kind, which the service validates: higher apps register theirs after this is read."""


@add_examples("An export", EXPORT_EXAMPLE, NEW_EXAMPLE)
class ExportSerializer(ClosedModelSerializer):
    kind = ExportKindField(max_length=30)
    site = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=MAX_ID,
        help_text="The site's id, for kinds that are of one site",
    )
    table = serializers.CharField(
        required=False, allow_blank=True, max_length=100, help_text="Of a report: its dimension, such as `page`"
    )
    query = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=MAX_QUERY_LENGTH,
        help_text="Filters, as in the address of the page after the question mark",
    )
    url = serializers.CharField(
        read_only=True, allow_blank=True,
        help_text="Address of the file, for an hour; read the export again for a new one",
    )  # fmt: skip
    expires = serializers.DateTimeField(read_only=True, help_text="When the file is deleted")

    class Meta:
        model = Export
        fields = (
            "id", "kind", "site", "table", "query", "state", "rows", "size", "is_complete", "error", "url", "created",
            "finished", "expires",
        )  # fmt: skip
        read_only_fields = ("id", "state", "rows", "size", "is_complete", "error", "created", "finished")

    def to_representation(self, instance: Export) -> dict[str, object]:
        """Return the export with its parameters, and the link to its file."""
        is_listed = self.parent is not None  # then the rights are checked by the download alone
        path = build_download_path(instance) if is_listed or is_readable(instance) else ""
        given = {"site": None, "table": "", "query": "", **instance.parameters}
        read = {name: field for name, field in self.fields.items() if name not in (*given, "url")}
        answer = {**given, "url": self.context["request"].build_absolute_uri(path) if path else ""}
        for name, field in read.items():
            value = getattr(instance, name)
            answer[name] = None if value is None else field.to_representation(value)
        return {str(name): answer[str(name)] for name in self.fields}


WAITING_EXAMPLE = {**EXPORT_EXAMPLE, "state": "waiting", "rows": 0, "size": 0, "url": "", "finished": None}
ACCEPTED = OpenApiResponse(ExportSerializer, examples=[OpenApiExample("An export that waits", value=WAITING_EXAMPLE)])


class ExportFilters(FilterSet):
    state = ChoiceFilter(choices=ExportState.choices)


class ExportViews(
    ResourceViews[Export],
    CreateModelMixin,
    ListModelMixin,
    RetrieveModelMixin,
    DestroyModelMixin,
):
    """The caller's exports, the latest first. A token also needs `read` of the area that the table belongs to."""

    area = Area.REPORTS
    noun, plural = "an export", "exports"
    ordering = ("-pk",)
    queryset = Export.objects.none()
    serializer_class = ExportSerializer
    filterset_class = ExportFilters
    lookup_url_kwarg = "export_id"
    missing = "No such export."

    def get_queryset(self) -> QuerySet[Export]:
        return select_exports(self.get_own_membership(), self.list_readable_areas())

    @extend_schema(request=ExportSerializer, responses=describe_responses(202, ACCEPTED, is_post=True))
    def create(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Accept the export; a task writes the file."""
        membership = self.get_own_membership()
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        kind = EXPORT_KINDS.get(body.validated_data["kind"])
        areas = self.list_readable_areas()
        if kind is not None and areas is not None and kind.area not in areas:
            raise exceptions.PermissionDenied(f"This token does not have the scope {kind.area}:{READ}.")
        values = {name: body.validated_data.get(name) for name in ("site", "table", "query")}
        wanted = ExportRequest(
            membership=membership,
            now=clock.now(),
            site=values["site"],
            table=values["table"] or "",
            query=values["query"] or "",
        )
        export = export_create(kind=body.validated_data["kind"], request=wanted)
        return Response(self.get_serializer(export).data, status=status.HTTP_202_ACCEPTED)

    def perform_destroy(self, instance: Export) -> None:
        export_delete(export=instance)

    def get_own_membership(self) -> Membership:
        """Return the membership whose exports these are. Raises Http404 for a token that is limited to some sites."""
        actor = self.request.user
        if isinstance(actor, Bearer) and actor.site_ids is not None:
            raise Http404("This token is limited to some sites.")
        return self.find_acting_membership()

    def list_readable_areas(self) -> list[str] | None:
        """List the areas that a personal token may read; None for everybody else, who may read all of theirs."""
        token = self.request.user.token if isinstance(self.request.user, Bearer) else None
        return None if token is None else [area for area in Area.values if token.allows(area, READ)]
