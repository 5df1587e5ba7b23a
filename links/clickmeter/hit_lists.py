"""Lists of single hits: the clickstream, and lists that are paged to their end."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

from links import link_statistics
from links.clickmeter.answers import HitConversionSerializer, HitPageSerializer, HitSerializer
from links.clickmeter.api_request import ApiRequest
from links.clickmeter.errors import build_parameter_error
from links.clickmeter.lenient_serializer import write_answer
from links.clickmeter.parameters import HIT_FILTER
from links.clickmeter.serializers import DatapointSummarySerializer
from links.clickmeter.times import parse_period
from links.clickmeter.values import Json
from links.models import Conversion
from reports.query import Period
from reports.query.analyses import link_hits

HIDING_OPTIONS = {"hideValue": "value", "hideComCost": "comcost", "hideParams": "parameter"}
HIT, SALE = HitSerializer(), HitConversionSerializer()
PAGE_KEY = re.compile(r"(\d{1,16})-(\d{1,17})\Z")


def list_latest_hits(request: ApiRequest, where: link_statistics.Where) -> Json:
    """List the latest hits, at most 100: {rows}."""
    size = max(1, min(100, request.get_number("pageSize", 50)))
    period = Period(datetime(2000, 1, 1, tzinfo=UTC), request.now + timedelta(days=1), request.account.timezone)
    return {
        "rows": serialize_hits(
            request, fetch_hits(request, link_statistics.limit_period(request.scope, period), where, size)
        )
    }


def list_hits(request: ApiRequest, where: link_statistics.Where, conversion: tuple[int, Period] | None = None) -> Json:
    """List hits: {hits, lastKey}; the next page has `offset=<lastKey>`, the last page has no lastKey."""
    period = parse_period(request)
    limit = max(1, min(link_hits.MAX_HITS - 1, request.get_number("limit", 100) or 100))
    rows = fetch_hits(request, period, where, limit + 1, conversion)
    last_key = "{}-{}".format(*link_hits.build_hit_key(rows[limit - 1])) if len(rows) > limit else ""
    return write_answer(HitPageSerializer, {"hits": serialize_hits(request, rows[:limit]), "lastKey": last_key})


def fetch_hits(
    request: ApiRequest,
    period: Period,
    where: link_statistics.Where,
    limit: int,
    conversion: tuple[int, Period] | None = None,
) -> list[link_hits.Row]:
    """Fetch the hits that the request's filter and offset select. Raises ApiError (400)."""
    hit_filter = request.get_choice(HIT_FILTER)
    if (hit_filter == "conversions" or conversion) and not request.scope.sees_conversions:
        return []
    kinds = ("spider",) if hit_filter == "spiders" else ("link", "pixel") if hit_filter else link_hits.HIT_KINDS
    if hit_filter in ("uniques", "nonuniques"):
        where = [*where, link_statistics.is_any_of("unique", "1" if hit_filter == "uniques" else "0")]
    offset, before = request.get_text("offset"), None
    if offset and offset != "0":
        match = PAGE_KEY.match(offset)
        if match is None:
            raise build_parameter_error("offset", "offset is the lastKey of the page before.", offset[:60])
        before = (int(match[1]), int(match[2]))
    return link_hits.fetch_hits(
        request.account.pk, period, where=where or None, kinds=kinds, before=before,
        converted=hit_filter == "conversions", conversion=conversion, limit=limit,
    )  # fmt: skip


def list_conversion_hits(request: ApiRequest, row: Conversion) -> Json:
    """List the clicks that led to this conversion in the time frame, whenever they were made."""
    sold = parse_period(request)
    request.query["timeframe"] = "beginning"
    return list_hits(request, link_statistics.build_scope_filter(request.scope), (row.pk, sold))


def serialize_hits(request: ApiRequest, rows: list[link_hits.Row]) -> list[Json]:
    """Serialize rows of the store as ClickMeter's hits."""
    numbers = {row["link_id"] for row in rows}
    links = list(request.scope.datapoints().filter(pk__in=numbers))
    data = dict(zip([row.pk for row in links], DatapointSummarySerializer(links, many=True).data, strict=True))
    sales = (
        {}
        if not request.scope.sees_conversions
        else link_hits.fetch_sales(request.account.pk, [row["id"] for row in rows])
    )
    sold = {sale["conversion_id"] for hit_sales in sales.values() for sale in hit_sales}
    names = dict(Conversion.objects.filter(account=request.account, pk__in=sold).values_list("pk", "name"))
    return [serialize_hit(request, row, data.get(row["link_id"], {}), sales.get(row["id"], []), names) for row in rows]


def serialize_hit(
    request: ApiRequest, row: link_hits.Row, entity: Json, sales: list[link_hits.Row], names: dict[int, str]
) -> Json:
    hides_referrer = request.scope.get_option("hitOptions", "hideReferrer")
    described = [serialize_sale(request, sale, names) for sale in sales]
    values: Json = {
        **row, "hit_id": f"{row['link_id']:09d}@{row['ts']:%Y%m%d%H%M%S}{row['id'] % 10**9:09d}", "entity": entity,
        "is_pixel": entity.get("datapointType") == "TrackingPixel", "is_spider": row["kind"] == "spider",
        "is_proxy": False,
        "parameters": parse_parameters(row["text"]),
        "browser_name": f"{row['browser']} {row['browser_version']}".strip(),
        "browser_type": "mobile" if row["device_type"] in ("Mobile", "Tablet") else "desktop",
        "os_name": f"{row['os']} {row['os_version']}".strip(),
        "latitude": round(float(row["latitude"]), 4), "longitude": round(float(row["longitude"]), 4),
        "source_name": row["source"], "conversions": described,
        **{f"conversion{place}": sale for place, sale in enumerate(described[:5], 1)},
    }  # fmt: skip
    if hides_referrer:
        values |= {"referrer": "", "source_name": "", "channel": ""}
    return HIT.to_representation(values)


def serialize_sale(request: ApiRequest, sale: link_hits.Row, names: dict[int, str]) -> Json:
    """Serialize a conversion of a hit, without what is hidden from a guest."""
    scope = request.scope
    values = {
        **sale, "conversion_name": names.get(sale["conversion_id"], ""), "parameter": sale["name"],
        "value": round(float(sale["revenue"]) * scope.get_factor("percentValue"), 4),
        "comcost": round(float(sale["commission"]) * scope.get_factor("percentCommission"), 4),
    }  # fmt: skip
    hidden = {member for option, member in HIDING_OPTIONS.items() if scope.get_option("conversionOptions", option)}
    return {member: value for member, value in SALE.to_representation(values).items() if member not in hidden}


def parse_parameters(query: str) -> dict[str, str]:
    """Parse a query string into its parameters."""
    return dict(parse_qsl(query[:2000])) if query else {}
