"""Operations on conversions."""

from __future__ import annotations

from django.db.models import QuerySet

from links import link_statistics
from links.clickmeter import hit_lists, selectors, top_reports
from links.clickmeter.api_request import ApiRequest
from links.clickmeter.api_view import IsManagerOrReadOnly
from links.clickmeter.errors import build_parameter_error
from links.clickmeter.measured_views import MeasuredViews
from links.clickmeter.patches import ConversionPatchSerializer, PatchBatchSerializer, PatchSerializer
from links.clickmeter.serializers import ConversionSerializer, ConversionSummarySerializer
from links.clickmeter.values import Json, parse_action, parse_object
from links.models import Conversion
from links.services import conversions as services

MAX_PATCHES = 100


class ConversionViews(MeasuredViews[Conversion]):
    kind, what, nouns = "conversions", "conversion", "conversions"
    filters = "status textSearch createdAfter createdBefore"
    link_filters = "type status tags textSearch createdAfter createdBefore"
    narrowing = "status"
    link_lookup = "attached__conversion"
    dimension, name_field, reports = "link_conversion", "name", top_reports.CONVERSION_REPORTS
    notes_field = "description"
    serializer_class, summary_serializer_class = ConversionSerializer, ConversionSummarySerializer
    permission_classes = (IsManagerOrReadOnly,)

    def get_queryset(self) -> QuerySet[Conversion]:
        return self.request.scope.conversions()

    def filter_queryset(self, queryset: QuerySet[Conversion]) -> QuerySet[Conversion]:  # type: ignore[override]
        return selectors.filter_conversions(self.request, queryset)

    def build_row_filter(self, row: Conversion) -> link_statistics.Where:
        return [*link_statistics.build_scope_filter(self.request.scope), *super().build_row_filter(row)]

    def build_filter(self) -> link_statistics.Where:
        return [*link_statistics.build_scope_filter(self.request.scope), self.build_rows_filter()]

    def hits(self, request: ApiRequest, **path: object) -> Json:
        return hit_lists.list_conversion_hits(request, self.get_object())

    def create(self, request: ApiRequest) -> Json:
        fields = {"name": "", **self.read_fields()}
        return selectors.build_reference(self.kind, services.conversion_create(account=request.account, **fields).pk)

    def change(self, row: Conversion, fields: Json) -> object:
        return services.conversion_update(conversion=row, **fields)

    def perform_destroy(self, row: Conversion) -> None:
        services.conversion_delete(conversion=row, now=self.request.now)

    # -- its links -----------------------------------------------------------------------------------------------------

    def attach_datapoint(self, request: ApiRequest, **path: object) -> Json:
        """Attach the conversion to a link, detach or replace it. The response names the conversion."""
        row, body = self.get_object(), self.read(ConversionPatchSerializer)
        link = selectors.find_datapoint(request, body.get("id", 0), may="edit")
        replaced = body.get("replaced")
        old = selectors.find_conversion(request, replaced) if replaced else None
        if parse_action(body, ("add", "remove", "replace")) == "remove":
            services.conversion_detach(conversion=row, datapoint=link)
        else:
            services.conversion_attach(conversion=row, datapoint=link, replace=old)
        return selectors.build_reference(self.kind, row.pk)

    def patch_datapoints(self, request: ApiRequest, **path: object) -> Json:
        """Attach the conversion to several links or detach it: all or nothing."""
        row = self.get_object()
        items = [
            self.read(PatchSerializer, parse_object(item))
            for item in self.read(PatchBatchSerializer).get("patches", ())
        ]
        if not items:
            raise build_parameter_error("PatchRequests", "The batch is empty.")
        if len(items) > MAX_PATCHES:
            sentence = f"A batch has at most {MAX_PATCHES} items, not {len(items):,}."
            raise build_parameter_error("PatchRequests", sentence)
        changes = [
            (selectors.find_datapoint(request, item.get("id", 0), may="edit"), parse_action(item) == "add")
            for item in items
        ]
        services.conversion_patch(conversion=row, changes=changes)
        return selectors.build_reference(self.kind, row.pk)
