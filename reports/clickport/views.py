"""Clickport's endpoints: each translates a request into a question and its answer into Clickport's shape."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from reports.clickport import breakdowns, shapes
from reports.clickport.door import KeyView
from reports.clickport.goals import goal_rows
from reports.clickport.ledger import ledger_body
from reports.clickport.questions import answer, question
from reports.clickport.realtime import realtime_body
from reports.engine import ask
from reports.filter_access import check_goals_and_segments

ERRORS = shapes.ERRORS


class QueryView(KeyView):
    """Any metrics by any dimensions, filtered, ordered, compared."""

    @extend_schema(
        operation_id="query",
        summary="Ask anything",
        description="Every field is optional: an empty body asks for today's visitors.",
        request=shapes.QueryBody,
        responses={200: shapes.ANSWER, **ERRORS},
        examples=shapes.EXAMPLES,
        tags=["Statistics"],
    )
    def post(self, request: Request) -> Response:
        asked = question(dict(request.data or {}), self.site_id, self.now)
        check_goals_and_segments(asked.query.where, asked.query.sites, request.auth.user_id, "filters")  # type: ignore[union-attr]
        return Response(answer(asked, ask(asked.query, now=self.now)))


class RealtimeView(KeyView):
    """Who is on the site now."""

    @extend_schema(
        operation_id="realtime",
        summary="Visitors of the last five minutes",
        responses={200: shapes.RealtimeBody, **ERRORS},
        tags=["Statistics"],
    )
    def get(self, request: Request) -> Response:
        return Response(realtime_body(self.site_id, self.now))


class GoalsView(KeyView):
    """Goals and how often they were reached."""

    @extend_schema(
        operation_id="goals",
        summary="Goals and their conversions",
        parameters=shapes.RANGE,
        responses={200: shapes.GoalsBody, **ERRORS},
        tags=["Statistics"],
    )
    def get(self, request: Request) -> Response:
        period = breakdowns.period_of(request.query_params, self.now)
        return Response({"goals": goal_rows(self.site_id, period, self.now)})


class LedgerView(KeyView):
    """What became of every hit: stored, refused and why, or a duplicate."""

    @extend_schema(
        operation_id="ledger",
        summary="Received = stored + refused + duplicates",
        parameters=[
            *shapes.RANGE,
            OpenApiParameter("interval", {"type": "string", "enum": ["minute", "hour", "day"], "default": "day"}),
        ],
        responses={200: shapes.LedgerBody, **ERRORS},
        tags=["Ledger"],
    )
    def get(self, request: Request) -> Response:
        return Response(ledger_body(self.site_id, request.query_params, self.now))


class BreakdownView(KeyView):
    """One row of the table of breakdowns; the address says which."""

    row: breakdowns.Breakdown | None = None

    def get(self, request: Request) -> Response:
        row = self.row or breakdowns.tech(request.query_params.get("type"))
        query = breakdowns.query_of(row, self.site_id, request.query_params, self.now)
        found = ask(query, now=self.now).rows
        return Response({"results": [breakdowns.written(row, one) for one in found]})


def breakdown_view(row: breakdowns.Breakdown) -> Any:
    """The view of one breakdown, described in OpenAPI by its own columns."""
    described = extend_schema(
        operation_id=row.address.replace("-", "_"),
        summary=row.doc,
        parameters=[*shapes.RANGE, *shapes.PAGING],
        responses={200: shapes.breakdown_answer(row), **ERRORS},
        tags=["Breakdowns"],
    )
    made: Any = type("BreakdownOf" + row.address, (BreakdownView,), {"row": row})
    return described(made).as_view()


@extend_schema(
    operation_id="tech",
    summary="Device types, browsers or operating systems.",
    parameters=[
        OpenApiParameter("type", {"type": "string", "enum": list(breakdowns.TECH), "default": "device"}),
        *shapes.RANGE,
        *shapes.PAGING,
    ],
    responses={200: shapes.TECH_ANSWER, **ERRORS},
    tags=["Breakdowns"],
)
class TechView(BreakdownView):
    """By device type, browser or operating system."""
