"""Clickport's endpoints: each translates a request into a query and the result into Clickport's shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from django.http import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from reports.clickport import breakdowns, serializers
from reports.clickport.key_view import ApiKeyView, get_key
from reports.clickport.query_request import build_response, parse_query_request
from reports.clickport.responses import build_goals, build_ingestion_audit, build_realtime
from reports.filter_access import check_goals_and_segments
from reports.query import ask

ERROR_RESPONSES = serializers.ERROR_RESPONSES


class QueryView(ApiKeyView):
    """Any metrics by any dimensions, filtered, ordered, compared."""

    @extend_schema(
        operation_id="query",
        summary="Query statistics",
        description="Every field is optional: an empty body asks for today's visitors.",
        request=serializers.QueryBody,
        responses={200: serializers.QUERY_RESPONSE, **ERROR_RESPONSES},
        examples=serializers.QUERY_EXAMPLES,
        tags=["Statistics"],
    )
    def post(self, request: Request) -> Response:
        query_request = parse_query_request(dict(request.data or {}), self.site_id, self.now)
        query = query_request.query
        check_goals_and_segments(query.where, query.sites, get_key(request).user_id, "filters")
        return Response(build_response(query_request, ask(query, now=self.now)))


class RealtimeView(ApiKeyView):
    """Who is on the site now."""

    @extend_schema(
        operation_id="realtime",
        summary="Visitors of the last five minutes",
        responses={200: serializers.RealtimeBody, **ERROR_RESPONSES},
        tags=["Statistics"],
    )
    def get(self, request: Request) -> Response:
        return Response(build_realtime(self.site_id, self.now))


class GoalsView(ApiKeyView):
    """Goals and how often they were reached."""

    @extend_schema(
        operation_id="goals",
        summary="Goals and their conversions",
        parameters=serializers.RANGE_PARAMETERS,
        responses={200: serializers.GoalsBody, **ERROR_RESPONSES},
        tags=["Statistics"],
    )
    def get(self, request: Request) -> Response:
        period = breakdowns.parse_period(request.query_params, self.now)
        return Response({"goals": build_goals(self.site_id, period, self.now)})


class IngestionAuditView(ApiKeyView):
    """The ingestion audit: how many hits were stored, rejected by reason, or duplicates."""

    @extend_schema(
        operation_id="ledger",
        summary="Received = stored + rejected + duplicates",
        parameters=[
            *serializers.RANGE_PARAMETERS,
            OpenApiParameter("interval", {"type": "string", "enum": ["minute", "hour", "day"], "default": "day"}),
        ],
        responses={200: serializers.AuditBody, **ERROR_RESPONSES},
        tags=["Ingestion audit"],
    )
    def get(self, request: Request) -> Response:
        return Response(build_ingestion_audit(self.site_id, request.query_params, self.now))


class BreakdownView(ApiKeyView):
    """The rows of one breakdown, by default those with the highest first metric first."""

    breakdown: breakdowns.BreakdownEndpoint | None = None

    def get(self, request: Request) -> Response:
        breakdown = self.breakdown or breakdowns.find_tech(request.query_params.get("type"))
        query = breakdowns.parse_query(breakdown, self.site_id, request.query_params, self.now)
        rows = ask(query, now=self.now).rows
        return Response({"results": [breakdowns.build_breakdown_row(breakdown, row) for row in rows]})


def build_breakdown_view(breakdown: breakdowns.BreakdownEndpoint) -> Callable[..., HttpResponseBase]:
    """Build the view of one breakdown, which OpenAPI describes by its columns."""
    add_schema = extend_schema(
        operation_id=breakdown.address.replace("-", "_"),
        summary=breakdown.doc,
        parameters=[*serializers.RANGE_PARAMETERS, *serializers.PAGING_PARAMETERS],
        responses={200: serializers.build_breakdown_serializer(breakdown), **ERROR_RESPONSES},
        tags=["Breakdowns"],
    )
    view = type("BreakdownOf" + breakdown.address, (BreakdownView,), {"breakdown": breakdown})
    return add_schema(cast(type[BreakdownView], view)).as_view()


@extend_schema(
    operation_id="tech",
    summary="Device types, browsers or operating systems.",
    parameters=[
        OpenApiParameter("type", {"type": "string", "enum": list(breakdowns.TECH), "default": "device"}),
        *serializers.RANGE_PARAMETERS,
        *serializers.PAGING_PARAMETERS,
    ],
    responses={200: serializers.TECH_RESPONSE, **ERROR_RESPONSES},
    tags=["Breakdowns"],
)
class TechView(BreakdownView):
    """By device type, browser or operating system."""
