"""What Clickport's endpoints answer, as OpenAPI and the documentation show it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import OpenApiResponse, inline_serializer
from rest_framework import serializers as s

from reports.clickport.breakdowns import TECH, BreakdownEndpoint
from reports.clickport.vocabulary import get_display_value, has_decimals, round_integer
from reports.query.analyses.visit_lists import Visit


class ErrorBody(s.Serializer[object]):
    error = s.CharField(help_text="The status in words")
    message = s.CharField(help_text="What is wrong, where, and what would be right")


def describe(type: str | list[str], text: str, **options: object) -> dict[str, object]:
    return {"type": type, "description": text, **options}


# What `query_response.build_meta` builds
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
        "incomplete": describe("boolean", "True: a part of the event store did not answer and is left out"),
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


class RoundedField(s.IntegerField):
    def to_representation(self, value: float | Decimal | None) -> int:
        return round_integer(value)


class OnlineVisitor(s.Serializer[object]):
    """A visit with Clickport's names of fields."""

    session_id = s.IntegerField(source="visit")
    entry_page = s.CharField(allow_blank=True)
    exit_page = s.CharField(allow_blank=True, help_text="The page shown now")
    pageviews = s.IntegerField(source="views")
    duration = RoundedField(help_text="Seconds")
    source = s.SerializerMethodField()  # type: ignore[assignment]
    country = s.CharField(allow_blank=True)
    city = s.CharField(allow_blank=True)
    device = s.CharField(source="device_type", allow_blank=True)
    browser = s.CharField(allow_blank=True)
    os = s.CharField(allow_blank=True)
    scroll = s.IntegerField()

    def get_source(self, visit: Visit) -> str:
        return str(get_display_value("source", visit["source"]))


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


def build_rows_serializer(name: str, fields: dict[str, Any]) -> s.Serializer[object]:
    """Build the serializer of `{"results": [rows]}`."""
    return inline_serializer(f"{name}Body", {"results": inline_serializer(f"{name}Row", fields, many=True)})


def build_breakdown_serializer(breakdown: BreakdownEndpoint) -> s.Serializer[object]:
    """Build the serializer of one breakdown's response from its columns."""
    fields: dict[str, object] = {name: s.CharField(allow_blank=True) for name in breakdown.dimensions}
    for column, metric in breakdown.list_columns().items():
        fields[column] = s.FloatField() if has_decimals(metric) else s.IntegerField()
    return build_rows_serializer(breakdown.address.title().replace("-", ""), fields)


TECH_RESPONSE = build_rows_serializer(
    "Tech", {**{name: s.CharField(required=False, allow_blank=True) for name in TECH}, "visitors": s.IntegerField()}
)
