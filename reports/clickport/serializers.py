"""The bodies and parameters of Clickport's API as serializers, which OpenAPI and the documentation show."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema_serializer,
    inline_serializer,
)
from rest_framework import serializers as s

from reports.clickport.breakdowns import TECH, BreakdownEndpoint
from reports.clickport.query_request import COMPARISONS, DEFAULT_ROWS, MAX_OFFSET, MAX_ROWS, PERIODS
from reports.clickport.vocabulary import DIMENSION_NAMES, METRIC_NAMES, has_decimals
from reports.query.filters import OPERATORS

DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


class ErrorBody(s.Serializer[object]):
    error = s.CharField(help_text="The status in words")
    message = s.CharField(help_text="What is wrong, where, and what would be right")


class DateRange(s.Serializer[object]):
    start = s.DateField()
    end = s.DateField(help_text="Exclusive")


@extend_schema_serializer(component_name="Filter")
class FilterBody(s.Serializer[object]):
    """Also `{"and": […]}`, `{"or": […]}`, `{"not": …}`, `{"visited": …}`, `{"goal": 12}`, `{"segment": 3}`."""

    dimension = s.CharField(help_text="A dimension, or prop:<key>, tag:<key>")
    operator = s.ChoiceField(OPERATORS, default="is")
    value = s.JSONField(help_text="A value or a list of them: any of a list; for is_not and not_contains none of it")


class QueryBody(s.Serializer[object]):
    metrics = s.ListField(child=s.ChoiceField(list(METRIC_NAMES)), default=["visitors"], min_length=1, max_length=30)
    dimensions = s.ListField(child=s.CharField(help_text=", ".join(DIMENSION_NAMES)), default=[], max_length=4)
    period = s.ChoiceField(PERIODS, default="today")
    date_range = DateRange(required=False, help_text="Instead of a period; the end is exclusive")
    filters = s.ListField(child=FilterBody(), default=[], help_text="All of them must be met")
    order_by = s.CharField(required=False, help_text="A metric or dimension of the answer; default: the first metric")
    order_dir = s.ChoiceField(["asc", "desc"], default="desc")
    limit = s.IntegerField(default=DEFAULT_ROWS, min_value=1, max_value=MAX_ROWS)
    offset = s.IntegerField(default=0, min_value=0, max_value=MAX_OFFSET)
    timezone = s.CharField(default="UTC", help_text="An IANA zone")
    include_comparison = s.BooleanField(default=False)
    compare = s.ChoiceField(COMPARISONS, required=False, help_text="With what; default: previous")
    totals = s.BooleanField(default=False, help_text="The numbers without the breakdown beside it")
    exact = s.BooleanField(default=False, help_text="Never estimate")
    search = s.CharField(required=False, help_text="Text that the first dimension must contain")


def describe(type: str | list[str], text: str, **options: object) -> dict[str, object]:
    return {"type": type, "description": text, **options}


# What `query_request.build_meta` builds
META = {
    "type": "object",
    "required": ["start", "end", "timezone", "fresh_until", "exact", "error"],
    "additionalProperties": False,
    "properties": {
        "start": describe("string", "First instant of the range", format="date-time"),
        "end": describe("string", "The instant after the range", format="date-time"),
        "timezone": describe("string", "The IANA zone of days and hours"),
        "fresh_until": describe(["string", "null"], "When data of the range last changed", format="date-time"),
        "exact": describe("boolean", "False: distinct counts are estimated"),
        "error": describe("number", "Relative standard error of estimates; 0 when exact"),
        "currency": describe("string", "ISO 4217 code of the amounts shown, where there are any"),
        "other_currencies": describe(
            "object", "Totals of amounts in other currencies, which are not in those shown",
            additionalProperties={"type": "number"},
        ),
        "ignored": describe("array", "Unknown fields of the body, which were ignored", items={"type": "string"}),
    },
}  # fmt: skip
ROW = {"type": "object", "additionalProperties": {"oneOf": [{"type": "string"}, {"type": "number"}]}}
ROW_OR_LIST = {"oneOf": [ROW, {"type": "array", "items": ROW}]}
CHANGE_ROW = {"type": "object", "additionalProperties": {"type": ["string", "number", "null"]}}
QUERY_RESPONSE = {
    "type": "object",
    "required": ["results", "meta"],
    "properties": {
        "results": ROW_OR_LIST,
        "comparison": ROW_OR_LIST,
        "change": {"oneOf": [CHANGE_ROW, {"type": "array", "items": CHANGE_ROW}]},
        "totals": ROW,
        "meta": META,
    },
}


class OnlineVisitor(s.Serializer[object]):
    session_id = s.IntegerField()
    entry_page = s.CharField(allow_blank=True)
    exit_page = s.CharField(allow_blank=True, help_text="The page shown now")
    pageviews = s.IntegerField()
    duration = s.IntegerField(help_text="Seconds")
    source = s.CharField(allow_blank=True)  # type: ignore[assignment]
    country = s.CharField(allow_blank=True)
    city = s.CharField(allow_blank=True)
    device = s.CharField(allow_blank=True)
    browser = s.CharField(allow_blank=True)
    os = s.CharField(allow_blank=True)
    scroll = s.IntegerField()


class RealtimeBody(s.Serializer[object]):
    count = s.IntegerField(help_text="Visitors active in the last five minutes")
    visitors = OnlineVisitor(many=True)


class GoalRow(s.Serializer[object]):
    id = s.IntegerField()
    name = s.CharField()
    type = s.CharField(help_text="pageview, custom, form, click, outbound, download, scroll, duration")
    visitors = s.IntegerField()
    submissions = s.IntegerField(required=False, help_text="Of forms")
    events = s.IntegerField(required=False, help_text="Of everything else")
    total_revenue = s.FloatField(required=False)


class GoalsBody(s.Serializer[object]):
    goals = GoalRow(many=True)


class AuditTotals(s.Serializer[object]):
    received = s.IntegerField()
    stored = s.IntegerField()
    duplicates = s.IntegerField()
    refused = s.DictField(child=s.IntegerField(), help_text="By reason")


class AuditRow(AuditTotals):
    time = s.CharField(help_text="Beginning of the minute, hour or day")


class AuditBody(s.Serializer[object]):
    results = AuditRow(many=True)
    totals = AuditTotals()


RANGE_PARAMETERS = [
    OpenApiParameter("start_date", str, pattern=DATE, description="First day; default: 30 days up to today"),
    OpenApiParameter("end_date", str, pattern=DATE, description="Exclusive"),
    OpenApiParameter("timezone", str, description="An IANA zone; default UTC"),
]
PAGING_PARAMETERS = [
    OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MAX_ROWS, "default": DEFAULT_ROWS}),
    OpenApiParameter("offset", {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0}),
]
ERROR_RESPONSES: dict[int, OpenApiResponse] = {
    status: OpenApiResponse(ErrorBody, description=text)
    for status, text in {
        400: "The query cannot be understood",
        401: "Invalid or missing API key",
        403: "The key may not read",
        413: "The body is too large",
        429: "Too many requests; see Retry-After",
        500: "Server error",
        503: "The statistics cannot be read right now",
    }.items()
}


def build_breakdown_serializer(breakdown: BreakdownEndpoint) -> s.Serializer[object]:
    """Build the serializer of one breakdown's response from its columns."""
    fields: dict[str, Any] = {name: s.CharField(allow_blank=True) for name in breakdown.dimensions}
    for column, metric in breakdown.list_columns().items():
        fields[column] = s.FloatField() if has_decimals(metric) else s.IntegerField()
    name = "".join(part.title() for part in breakdown.address.split("-"))
    return inline_serializer(f"{name}Body", {"results": inline_serializer(f"{name}Row", fields, many=True)})


QUERY_EXAMPLES = [
    OpenApiExample(
        "Totals",
        value={"metrics": ["visitors", "pageviews", "bounce_rate"], "period": "30d"},
        request_only=True,
    ),
    OpenApiExample(
        "Top pages from Germany",
        value={
            "metrics": ["visitors", "pageviews", "avg_scroll"],
            "dimensions": ["page"],
            "date_range": {"start": "2026-03-01", "end": "2026-03-31"},
            "filters": [{"dimension": "country", "operator": "is", "value": "DE"}],
            "limit": 10,
            "timezone": "Europe/Berlin",
        },
        request_only=True,
    ),
]
TECH_ROW = {
    "type": "object",
    "required": ["visitors"],
    "properties": {name: {"type": "string"} for name in TECH} | {"visitors": {"type": "integer"}},
}
TECH_RESPONSE = {
    "type": "object",
    "required": ["results"],
    "properties": {"results": {"type": "array", "items": TECH_ROW}},
}
