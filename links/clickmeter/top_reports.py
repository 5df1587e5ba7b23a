"""Top reports: the values of a dimension with most hits."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from django.db.models import QuerySet

from links import link_statistics
from links.clickmeter import aggregates
from links.clickmeter.answers import TopItemSerializer, TopReportSerializer
from links.clickmeter.api_request import ApiRequest
from links.clickmeter.lenient_serializer import write_answer
from links.clickmeter.parameters import HIT_TYPE, Parameter
from links.clickmeter.serializers import DatapointSummarySerializer, GroupSummarySerializer
from links.clickmeter.times import parse_period
from links.clickmeter.values import Json
from links.models import Datapoint, Group
from reports.query import Query, ask

REPORTS: dict[str, tuple[str, ...]] = {
    "browsers": ("browser", "browser_version"), "browsersfamilies": ("browser",), "platforms": ("device",),
    "cities": ("city", "country"), "countries": ("country",), "isps": ("organization",), "ips": ("ip",),
    "oss": ("os", "os_version"), "ossfamilies": ("os",), "keywords": ("search_term",), "referrers": ("referrer",),
    "destinations": ("destination",), "languages": ("language",), "params": ("text",),
}  # fmt: skip
CONVERSION_REPORTS = {**REPORTS, "datapoints": ("link",), "groups": ("link_group",), "convparameters": ("name",)}
SALE_KINDS = ("conversion", "refund")
TOP_ITEM = TopItemSerializer()
HIT_TYPES = {
    "": None, "clicks": ("link",), "views": ("pixel",), "conversions": SALE_KINDS, "spiders": ("spider",),
    "uniques": None, "nonuniques": None,
}  # fmt: skip
MAX_ROWS = 100


def build_top_report(
    request: ApiRequest, where: link_statistics.Where, reports: Mapping[str, tuple[str, ...]] = REPORTS
) -> Json:
    """Build a top report: {key, createdAt, data}, the values with most hits."""
    kind = request.get_choice(build_type_parameter(reports))
    kinds = HIT_TYPES[request.get_choice(HIT_TYPE)]
    period = parse_period(request)
    hidden = kind == "referrers" and request.scope.get_option("hitOptions", "hideReferrer")
    hidden = hidden or (kind == "convparameters" and request.scope.get_option("conversionOptions", "hideParams"))
    hidden = hidden or (kinds == SALE_KINDS and not request.scope.sees_conversions)
    wheres = [*where, link_statistics.is_any_of("kind", *kinds)] if kinds else where
    query = Query(
        sites=(request.account.pk,), period=period, metrics=link_statistics.COUNT_METRICS, dimensions=reports[kind],
        where=wheres or None,
        order=tuple((metric, "desc") for metric in find_order_metrics(kinds)), limit=MAX_ROWS,
    )  # fmt: skip
    rows = [] if hidden else ask(query, now=request.now).rows
    items = [serialize_top_item(request, row, kind, reports[kind]) for row in rows]
    add_entity_data(request, kind, items)
    return write_answer(TopReportSerializer, {"key": kind, "createdAt": request.now, "data": items})


def build_type_parameter(reports: Mapping[str, object]) -> Parameter:
    """Build the parameter that says which report is asked for."""
    return Parameter("type", "The type of the report", words=tuple(reports), required=True)


def add_entity_data(request: ApiRequest, kind: str, items: list[Json]) -> None:
    """Add descriptions of the links or groups in a report, if the caller may see them."""
    if kind not in ("datapoints", "groups"):
        return
    numbers = [int(item["id"] or 0) for item in items]
    visible_rows: QuerySet[Datapoint] | QuerySet[Group] = (
        request.scope.datapoints() if kind == "datapoints" else request.scope.groups()
    )
    serializer = DatapointSummarySerializer if kind == "datapoints" else GroupSummarySerializer
    rows = list(visible_rows.filter(pk__in=numbers))
    described = dict(zip([str(row.pk) for row in rows], serializer(rows, many=True).data, strict=True))
    for item in items:
        if item["id"] in described:
            item["entityData"] = described[item["id"]]


def find_order_metrics(kinds: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the metrics that a top report is ordered by; one about all kinds of hits may have no clicks."""
    if kinds is None:
        return "clicks", "pixel_views", "link_conversions"
    by_kind = {"pixel": "pixel_views", "conversion": "link_conversions", "spider": "spider_hits"}
    return (by_kind.get(kinds[0], "clicks"),)


def serialize_top_item(request: ApiRequest, row: link_statistics.Row, kind: str, dimensions: tuple[str, ...]) -> Json:
    words = [str(row[name]) for name in dimensions if row[name]]
    name = " ".join(words) if kind != "cities" else ", ".join(words)
    hits = {"hits": row["clicks"] + row["pixel_views"], "unique_hits": row["unique_clicks"] + row["unique_pixel_views"]}
    label = {"id": quote(name, safe="") if kind == "destinations" else name}
    return TOP_ITEM.to_representation(aggregates.reveal_counts(request, row) | hits | label)
