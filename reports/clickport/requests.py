"""What Clickport's endpoints are validated: serializers that validate the requests and describe them in OpenAPI."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, cast

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers as s

from goals.predicates import Filter
from reports.clickport import fields
from reports.clickport.breakdowns import TECH, BreakdownEndpoint
from reports.clickport.fields import Validated
from reports.clickport.vocabulary import DIMENSION_NAMES, METRIC_NAMES, find_dimension, get_engine_name
from reports.query import Period, Query
from reports.query.analyses.ingestion_audit import MAX_DAYS
from reports.query.errors import QueryRefused, join_names, quote_value
from reports.query.filters import OPERATORS
from reports.query.model import COMPARISONS, MAX_DIMENSIONS, Order
from reports.query.periods import parse_zone

PERIODS = ("realtime", "today", "yesterday", "7d", "14d", "30d", "90d", "12m", "all",
           "this-week", "last-week", "this-month", "last-month", "this-year")  # fmt: skip
TIME_DIMENSIONS = ("minute", "hour", "date", "week", "month")
DAY = timedelta(days=1)
DEFAULT_DAYS = 30
MAX_NAMES = 30
MAX_FILTER_DEPTH = 8
MAX_IGNORED_FIELDS = 20
PAGE: dict[str, dict[str, Any]] = {
    "limit": {"default": 100, "min_value": 1, "max_value": 10_000},
    "offset": {"default": 0, "min_value": 0, "max_value": 1_000_000},
}


def check_end(start: date, end: date, name: str) -> None:
    """Raise ValidationError unless the end, the field `name`, is after the start."""
    if end <= start:
        sentence = f"The end is exclusive, so it must be after the start; for {start} alone write the day after it."
        raise s.ValidationError({name: sentence})


class RangeParameters(s.Serializer[object]):
    """Days in an address, from `start_date` to before `end_date`. Validated, they are a `period`."""

    start_date = fields.DayField(required=False, help_text="First day; default: 30 days up to today")
    end_date = fields.DayField(required=False, help_text="Exclusive")
    timezone = fields.ZoneField(default="UTC", help_text="An IANA zone")

    def validate(self, attrs: Validated) -> Validated:
        tomorrow = self.context["now"].astimezone(parse_zone(attrs["timezone"])).date() + DAY
        start, end = attrs.get("start_date"), attrs.get("end_date")
        end = end or (max(tomorrow, start + DAY) if start else tomorrow)
        start = start or end - timedelta(days=DEFAULT_DAYS)
        check_end(start, end, "end_date")
        return attrs | {"period": Period.days(start, end, attrs["timezone"])}


class PageParameters(RangeParameters):
    limit = fields.NumberParameter(**PAGE["limit"])
    offset = fields.NumberParameter(**PAGE["offset"])


class TechParameters(PageParameters):
    type = fields.OptionField(list(TECH), default="device")


class AuditParameters(RangeParameters):
    interval = fields.OptionField(list(MAX_DAYS), default="day")


def build_breakdown_query(breakdown: BreakdownEndpoint, validated: Validated, site_id: int) -> Query:
    """Build the query of a breakdown from valid `PageParameters`: most of the first metric first."""
    first = next(iter(breakdown.metrics.values()))
    return Query(
        sites=(site_id,),
        period=validated["period"],
        metrics=tuple(METRIC_NAMES[name] for name in dict.fromkeys(breakdown.metrics.values())),
        dimensions=tuple(DIMENSION_NAMES[name] for name in breakdown.dimensions.values()),
        order=((METRIC_NAMES[first], "desc"),),
        limit=validated["limit"],
        offset=validated["offset"],
    )


class DateRange(s.Serializer[object]):
    start = fields.DayField()
    end = fields.DayField(help_text="Exclusive")

    def to_internal_value(self, data: object) -> object:
        if not isinstance(data, dict) or set(data) != {"start", "end"}:
            raise s.ValidationError("“date_range” is an object with “start” and “end”.")
        return super().to_internal_value(data)

    def validate(self, attrs: Validated) -> Validated:
        check_end(attrs["start"], attrs["end"], "end")
        return attrs


@extend_schema_serializer(component_name="Filter")
class FilterBody(s.Serializer[object]):
    """Also `{"and": […]}`, `{"or": […]}`, `{"not": …}`, `{"visited": …}`, `{"goal": 12}`, `{"segment": 3}`."""

    dimension = s.CharField(help_text="A dimension, or prop:<key>, tag:<key>")
    operator = s.ChoiceField(OPERATORS, default="is")
    value = s.JSONField(help_text="A value or a list of them: any of a list; for is_not and not_contains none of it")


class FiltersField(s.ListField):
    """Filters with the engine's names of dimensions. The engine checks the rest, since segments have filters, too."""

    child = FilterBody()
    default_error_messages = {"not_a_list": "“filters” is a list of filters."}

    def run_child_validation(self, data: list[Mapping[str, object]]) -> list[Filter]:
        return [translate_filter(item, f"filters[{index}]", 1) for index, item in enumerate(data)]


def translate_filter(raw: object, where: str, depth: int) -> Filter:
    """Return a filter with the engine's names of dimensions. Raises QueryRefused."""
    if not isinstance(raw, dict):
        raise QueryRefused("A filter is an object with “dimension”, “operator” and “value”.", where)
    if depth > MAX_FILTER_DEPTH:
        raise QueryRefused(f"The filter is nested more than {MAX_FILTER_DEPTH} levels deep.", where)
    parts: dict[str, object] = {}
    for key, inner in raw.items():
        if key == "dimension":
            inner = find_dimension(inner, f"{where}.dimension")
        elif key in ("and", "or") and isinstance(inner, list):
            inner = [translate_filter(part, f"{where}.{key}[{n}]", depth + 1) for n, part in enumerate(inner)]
        elif key in ("not", "visited"):
            inner = translate_filter(inner, f"{where}.{key}", depth + 1)
        parts[key] = inner
    return cast(Filter, parts)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Totals", value={"metrics": ["visitors", "pageviews", "bounce_rate"], "period": "30d"}, request_only=True
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
)
class QueryBody(s.Serializer[object]):
    """The body of `POST /api/query`. null is the same as leaving a field out; unknown fields are `ignored`."""

    metrics = fields.NamesField(
        child=fields.MetricField(), default=["visitors"], allow_empty=False, max_length=MAX_NAMES
    )
    dimensions = fields.NamesField(
        child=fields.DimensionField(help_text=", ".join(DIMENSION_NAMES)), default=[], max_length=MAX_DIMENSIONS
    )
    include_comparison = fields.StrictFlagField(default=False)
    timezone = fields.ZoneField(default="UTC", help_text="An IANA zone")
    period = fields.OptionField(PERIODS, default="today")
    date_range = DateRange(required=False, help_text="Instead of a period; the end is exclusive")
    filters = FiltersField(default=[], help_text="All of them must be met")
    order_by = fields.StrictTextField(
        required=False, help_text="A metric or dimension of the answer; default: the first metric"
    )
    order_dir = fields.OptionField(["asc", "desc"], required=False, help_text="Default: desc")
    limit = fields.StrictNumberField(**PAGE["limit"])
    offset = fields.StrictNumberField(**PAGE["offset"])
    compare = fields.OptionField(COMPARISONS, required=False, help_text="With what; default: previous")
    totals = fields.StrictFlagField(default=False, help_text="The numbers without the breakdown beside it")
    exact = fields.StrictFlagField(default=False, help_text="Never estimate")
    search = fields.StrictTextField(default="", help_text="Text that the first dimension must contain")

    def to_internal_value(self, data: Mapping[str, object]) -> object:
        """Validate the fields that mean something: no period beside a range, no direction with nothing to order."""
        values = {name: value for name, value in data.items() if value is not None}
        if "date_range" in values:
            values.pop("period", None)
        if "order_by" not in values and not values.get("dimensions"):
            values.pop("order_dir", None)
        return super().to_internal_value(values)

    def validate(self, attrs: Validated) -> Validated:
        names = [*attrs["metrics"], *attrs["dimensions"]]
        if attrs.get("order_by", names[0]) not in names:
            word, allowed = quote_value(attrs["order_by"]), join_names(names)
            raise s.ValidationError({"order_by": f"The answer has no {word} to order by; use one of {allowed}."})
        unknown = sorted(quote_value(name, 40) for name in set(self.initial_data) - set(self.fields))
        return attrs | {"ignored": unknown[:MAX_IGNORED_FIELDS]}


def build_query(validated: Validated, site_id: int, now: datetime) -> Query:
    """Build the query of a valid `QueryBody`."""
    days, zone = validated.get("date_range"), validated["timezone"]
    compares = validated["include_comparison"] or "compare" in validated
    return Query(
        sites=(site_id,),
        period=Period.days(days["start"], days["end"], zone) if days else Period.parse(validated["period"], zone, now),
        metrics=tuple(map(get_engine_name, validated["metrics"])),
        dimensions=tuple(map(get_engine_name, validated["dimensions"])),
        where=validated["filters"] or None,
        order=build_order(validated),
        limit=validated["limit"],
        offset=validated["offset"],
        compare=validated.get("compare", "previous") if compares else None,
        totals=validated["totals"] and bool(validated["dimensions"]),
        exact=validated["exact"],
        search=validated["search"],
    )


def build_order(validated: Validated) -> Order:
    """Return the order; () leaves it to the engine: a breakdown by time oldest first, others by the first metric."""
    direction = validated.get("order_dir", "desc")
    if "order_by" in validated:
        return ((get_engine_name(validated["order_by"]), direction),)
    if "order_dir" not in validated:
        return ()
    name = next((word for word in validated["dimensions"] if word in TIME_DIMENSIONS), validated["metrics"][0])
    return ((get_engine_name(name), direction),)
