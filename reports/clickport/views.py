"""Clickport's endpoints: each translates a request into a query and the result into Clickport's shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.http import HttpResponseBase
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from reports.clickport import breakdowns, requests, serializers
from reports.clickport.key_view import ApiKeyView, get_key
from reports.clickport.query_response import build_response
from reports.clickport.responses import build_goals, build_ingestion_audit, build_realtime
from reports.filter_access import check_goals_and_segments
from reports.query import ask


def describe(name: str, summary: str, body: object, tag: str = "Statistics", **more: Any) -> Callable[..., Any]:
    """Return the decorator that describes an operation, with the errors that all of them may answer."""
    responses = {200: body, **serializers.ERROR_RESPONSES}
    return extend_schema(operation_id=name, summary=summary, responses=responses, tags=[tag], **more)


class QueryView(ApiKeyView):
    """Any metrics by any dimensions, filtered, ordered, compared."""

    @describe(
        "query", "Query statistics", serializers.QUERY_RESPONSE, request=requests.QueryBody,
        description="Every field is optional: an empty body asks for today's visitors.",
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        validated = self.validate(requests.QueryBody, dict(request.data or {}))
        query = requests.build_query(validated, self.site_id, self.now)
        check_goals_and_segments(query.where, query.sites, get_key(request).user_id, "filters")
        return Response(build_response(validated, ask(query, now=self.now)))


class RealtimeView(ApiKeyView):
    """Who is on the site now."""

    @describe("realtime", "Visitors of the last five minutes", serializers.RealtimeBody)
    def get(self, request: Request) -> Response:
        return Response(build_realtime(self.site_id, self.now))


class GoalsView(ApiKeyView):
    """Goals and how often they were reached."""

    @describe(
        "goals", "Goals and their conversions", serializers.GoalsBody, parameters=[requests.RangeParameters]
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        validated = self.validate(requests.RangeParameters, request.query_params)
        return Response({"goals": build_goals(self.site_id, validated["period"], self.now)})


class IngestionAuditView(ApiKeyView):
    """The ingestion audit: how many hits were stored, rejected by reason, or duplicates."""

    @describe(
        "ledger", "Received = stored + rejected + duplicates", serializers.AuditBody, "Ingestion audit",
        parameters=[requests.AuditParameters],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        validated = self.validate(requests.AuditParameters, request.query_params)
        return Response(build_ingestion_audit(self.site_id, validated["period"], validated["interval"]))


class BreakdownView(ApiKeyView):
    """The rows of one breakdown, by default those with the highest first metric first."""

    breakdown: breakdowns.BreakdownEndpoint | None = None
    parameters = requests.PageParameters

    def get(self, request: Request) -> Response:
        validated = self.validate(self.parameters, request.query_params)
        breakdown = self.breakdown or breakdowns.TECH[validated["type"]]
        rows = ask(requests.build_breakdown_query(breakdown, validated, self.site_id), now=self.now).rows
        return Response({"results": [breakdowns.build_breakdown_row(breakdown, row) for row in rows]})


def build_breakdown_view(breakdown: breakdowns.BreakdownEndpoint) -> Callable[..., HttpResponseBase]:
    """Build the view of one breakdown, which OpenAPI describes by its columns."""
    body = serializers.build_breakdown_serializer(breakdown)
    name = breakdown.address.replace("-", "_")
    described = describe(name, breakdown.doc, body, "Breakdowns", parameters=[requests.PageParameters])
    view = type("BreakdownOf" + breakdown.address, (BreakdownView,), {"breakdown": breakdown})
    return extend_schema_view(get=described)(cast(type[BreakdownView], view)).as_view()


@extend_schema_view(
    get=describe(
        "tech", "Device types, browsers or operating systems.", serializers.TECH_RESPONSE, "Breakdowns",
        parameters=[requests.TechParameters],
    )
)  # fmt: skip
class TechView(BreakdownView):
    """By device type, browser or operating system."""

    parameters = requests.TechParameters
