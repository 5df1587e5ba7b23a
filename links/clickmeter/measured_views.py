"""Views of rows that are measured, links, groups and conversions: their aggregates, hits and reports; and those of the
whole account."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from django.db.models import Model

from goals.predicates import Filter
from links import link_statistics
from links.clickmeter import aggregates, hit_lists, selectors, top_reports
from links.clickmeter.api_request import ApiRequest
from links.clickmeter.api_view import OperationViews
from links.clickmeter.lenient_serializer import LenientSerializer
from links.clickmeter.row_views import RowViews
from links.clickmeter.values import Json

Row = TypeVar("Row", bound=Model)
FILTER_PARAMETERS = ("type", "status", "tag", "tags", "favourite", "onlyfavorites", "textsearch")


class MeasuredViews(RowViews[Row]):
    """The operations on one kind of measured row, by the engine's `dimension` of its id.
    `name_field` is what summaries are ordered by,
    `summary_serializer_class` how they describe a row; `kinds` and `narrowing` are the parameters that select rows."""

    dimension: ClassVar[str]
    narrowing: ClassVar[str]
    kinds: ClassVar[str] = ""
    name_field: ClassVar[str]
    summary_serializer_class: ClassVar[type[LenientSerializer]]
    reports = top_reports.REPORTS

    def build_row_filter(self, row: Row) -> link_statistics.Where:
        return [link_statistics.is_any_of(self.dimension, row.pk)]

    def build_filter(self) -> link_statistics.Where:
        """Build a filter for all of the caller's scope, narrowed by type, status, tag and favourite if sent."""
        where = link_statistics.build_scope_filter(self.request.scope)
        if not any(self.request.query.get(name) for name in FILTER_PARAMETERS):
            return where
        return [*where, self.build_rows_filter()]

    def build_rows_filter(self) -> Filter:
        return aggregates.build_rows_filter(self.dimension, self.filter_queryset(self.get_queryset()), self.nouns)

    def aggregate_all(self, request: ApiRequest) -> Json:
        return aggregates.aggregate(request, self.build_filter())

    def aggregate_all_by_time(self, request: ApiRequest) -> Json:
        return aggregates.aggregate_by_time(request, self.build_filter())

    def summarize_all(self, request: ApiRequest) -> Json:
        rows = self.filter_queryset(self.get_queryset())
        return aggregates.build_summary(request, rows, self.dimension, self.name_field, self.summary_serializer_class)

    def aggregate(self, request: ApiRequest, **path: object) -> Json:
        row = self.get_object()
        summary = self.serialize([row], self.summary_serializer_class)[0]
        return aggregates.aggregate_entity(request, row.pk, summary, self.build_row_filter(row))

    def aggregate_by_time(self, request: ApiRequest, **path: object) -> Json:
        return aggregates.aggregate_by_time(request, self.build_row_filter(self.get_object()))

    def hits(self, request: ApiRequest, **path: object) -> Json:
        return hit_lists.list_hits(request, self.build_row_filter(self.get_object()))

    def report(self, request: ApiRequest, **path: object) -> Json:
        return top_reports.build_top_report(request, self.build_row_filter(self.get_object()), self.reports)


class AccountStatisticsViews(OperationViews):
    """Aggregates, hits and reports of everything that the caller sees."""

    what = "account"
    reports = top_reports.REPORTS

    def build_filter(self) -> link_statistics.Where:
        """Build a filter for the caller's scope, narrowed to one link, group or conversion if it is named."""
        scope_filter = link_statistics.build_scope_filter(self.request.scope)
        return [*scope_filter, *aggregates.parse_entity_filter(self.request)]

    def aggregate_by_time(self, request: ApiRequest) -> Json:
        return aggregates.aggregate_by_time(request, link_statistics.build_scope_filter(request.scope))

    def report(self, request: ApiRequest) -> Json:
        reports = top_reports.CONVERSION_REPORTS if request.get_number("conversion") else top_reports.REPORTS
        return top_reports.build_top_report(request, self.build_filter(), reports)

    def clickstream(self, request: ApiRequest) -> Json:
        return hit_lists.list_latest_hits(request, self.build_filter())

    def hits(self, request: ApiRequest) -> Json:
        if number := request.get_number("conversion"):
            return hit_lists.list_conversion_hits(request, selectors.find_conversion(request, number))
        return hit_lists.list_hits(request, self.build_filter())
