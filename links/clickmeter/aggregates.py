"""Aggregates, lists by time and summaries, translated into queries of the engine."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from django.db.models import Model, QuerySet

from goals.predicates import Filter
from links import link_statistics
from links.clickmeter import selectors
from links.clickmeter.answers import AggregatePageSerializer, AggregateSerializer
from links.clickmeter.api_request import ApiRequest
from links.clickmeter.errors import ApiError
from links.clickmeter.lenient_serializer import LenientSerializer, write_answer
from links.clickmeter.parameters import GROUP_BY
from links.clickmeter.times import format_time, parse_period
from links.clickmeter.values import Json
from reports.query import Period

Row = TypeVar("Row", bound=Model)

NEVER = "00010101000000"
AGGREGATE = AggregateSerializer()
FACTORS = {"conversion_value": "percentValue", "click_cost": "", "commission_cost": "percentCommission"}


# -- what is asked about ------------------------------------------------------------------------------------------


def build_rows_filter(dimension: str, rows: QuerySet[Model], what: str) -> Filter:
    """Build a filter for exactly these rows. Raises ApiError (400) for more rows than one query can name."""
    numbers = list(rows.values_list("pk", flat=True)[: link_statistics.MAX_FILTER_VALUES + 1])
    if len(numbers) > link_statistics.MAX_FILTER_VALUES:
        limit = f"{link_statistics.MAX_FILTER_VALUES:,}"
        sentence = f"This selects more than {limit} {what}; narrow it by type, status, tag or favourite."
        raise ApiError(400, sentence, "0010")
    return link_statistics.is_any_of(dimension, *(numbers or ["none"]))  # no id equals this text, so nothing matches


# -- a row of numbers ---------------------------------------------------------------------------------------------


def reveal_counts(request: ApiRequest, row: link_statistics.Row) -> link_statistics.Row:
    """Return a row of counts without what is hidden from a guest, amounts as numbers by the guest's percentages."""
    scope, values = request.scope, {**row}
    for metric, option in FACTORS.items():
        values[metric] = round(float(row[metric]) * (scope.get_factor(option) if option else 1), 4)
    values["last_hit"] = datetime.fromtimestamp(row["last_hit"], UTC) if row["last_hit"] else None
    for metric in find_hidden_metrics(request):
        values.pop(metric, None)
    return values


def serialize_counts(request: ApiRequest, row: link_statistics.Row, **members: object) -> Json:
    """Serialize counts under ClickMeter's names after other members, without zeros."""
    return AGGREGATE.to_representation(reveal_counts(request, row) | members)


def aggregate(request: ApiRequest, where: link_statistics.Where) -> Json:
    """Aggregate the time frame, also by hour if `hourly` is set for a single day."""
    period = parse_period(request)
    result = serialize_counts(request, link_statistics.query_totals(request.account, period, where, request.now))
    if request.get_flag("hourly") and request.get_text("timeFrame").lower() in ("today", "yesterday"):
        rows = link_statistics.query_by_dimension(request.account, "hour_of_day", period, where, request.now)
        result["hourlyBreakDown"] = {str(row["hour_of_day"]): serialize_counts(request, row) for row in rows}
    return result


def aggregate_entity(request: ApiRequest, number: int, data: Json, where: link_statistics.Where) -> Json:
    """Aggregate one entity, with its summary."""
    counts = aggregate(request, where)
    head: Json = {"entityId": str(number), "entityData": data}
    return head | counts | ({} if counts else {"activityDay": NEVER})


def aggregate_by_time(request: ApiRequest, where: link_statistics.Where) -> Json:
    """Aggregate by day, week or month: {rows}."""
    unit = request.get_choice(GROUP_BY)
    unit = unit if unit in ("week", "month") else "day"
    period = parse_period(request)
    rows = link_statistics.query_by_dimension(request.account, unit, period, where, request.now, limit=4000)
    return {"rows": [serialize_bucket(request, row, unit, period) for row in rows]}


LENGTHS = {"day": relativedelta(days=1), "week": relativedelta(weeks=1), "month": relativedelta(months=1)}


def serialize_bucket(request: ApiRequest, row: link_statistics.Row, unit: str, period: Period) -> Json:
    """Serialize the counts of one day, week or month."""
    zone = ZoneInfo(request.account.timezone)
    first = date.fromisoformat(row[unit] if unit != "month" else f"{row[unit]}-01")
    last = first + LENGTHS[unit] - timedelta(days=1)
    days = {"activityDay": f"{first:%Y%m%d}000000"}
    if unit != "day":
        start = max(first, period.start.astimezone(zone).date())
        days |= {"fromDay": f"{start:%Y%m%d}000000", "toDay": f"{last:%Y%m%d}000000"}
    return serialize_counts(request, row, **days)


# -- summaries ----------------------------------------------------------------------------------------------------

# The members that summaries are ordered by, in lower case: the metrics that they consist of
SORT_METRICS = {name.lower(): str(field.source) for name, field in AGGREGATE.fields.items() if field.source != name}
METRICS_BY_HIDING_OPTION = {
    "hideCount": {"converted_clicks", "unique_link_conversions"}, "hideValue": {"conversion_value"},
    "hideCost": {"click_cost"}, "hideComCost": {"commission_cost"},
}  # fmt: skip


def find_hidden_metrics(request: ApiRequest) -> set[str]:
    """Find the metrics that are hidden from a guest."""
    hiding = [name for name in METRICS_BY_HIDING_OPTION if request.scope.get_option("conversionOptions", name)]
    return set().union(*(METRICS_BY_HIDING_OPTION[name] for name in hiding))


def build_summary(
    request: ApiRequest,
    rows: QuerySet[Row],
    dimension: str,
    name_field: str,
    serializer: type[LenientSerializer],
) -> Json:
    """Build {count, limit, offset, result}: the counts of every entity, ordered by name or by a metric."""
    period = parse_period(request)
    numbers = link_statistics.query_by_id(
        request.account, dimension, period, link_statistics.build_scope_filter(request.scope), request.now
    )
    offset, limit = request.get_page()
    metric = SORT_METRICS.get(request.get_text("sortBy").lower())
    metric = None if metric in find_hidden_metrics(request) else metric  # the order would reveal hidden values
    down = bool(request.sign)
    order = [(pk, str(name or "").lower()) for pk, name in rows.values_list("pk", name_field)]
    order.sort(key=lambda pair: (pair[1], pair[0]), reverse=down and metric is None)
    if metric:
        order.sort(key=lambda pair: numbers.get(pair[0], {}).get(metric, 0), reverse=down)
    page = [pk for pk, _ in order[offset : offset + limit]]
    page_rows = list(rows.model._default_manager.filter(pk__in=page))
    described = dict(zip([row.pk for row in page_rows], serializer(page_rows, many=True).data, strict=True))
    entries = []
    for pk in page:
        counts = serialize_counts(request, numbers[pk]) if pk in numbers else {}
        head = {"entityId": str(pk), "entityData": described[pk], "activityDay": format_time(request.now)}
        entries.append(head | counts)
    page_values = {"count": len(order), "limit": limit, "offset": offset, "result": entries}
    return write_answer(AggregatePageSerializer, page_values)


def parse_entity_filter(request: ApiRequest) -> link_statistics.Where:
    """Parse `datapoint=`, `group=` and `conversion=` into filters within the caller's scope. Raises ApiError (404)."""
    where: link_statistics.Where = []
    if number := request.get_number("datapoint"):
        where.append(link_statistics.is_any_of("link", selectors.find_datapoint(request, number).pk))
    if number := request.get_number("group"):
        where.append(link_statistics.is_any_of("link_group", selectors.find_group(request, number).pk))
    if number := request.get_number("conversion"):
        where.append(link_statistics.is_any_of("link_conversion", selectors.find_conversion(request, number).pk))
    return where
