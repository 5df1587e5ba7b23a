"""Top reports: the values with most hits."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.db.models import QuerySet

from links import stats
from links.api import entities, numbers, wire
from links.api.call import Call
from links.api.frames import date14, period_of
from links.models import Conversion
from reports.engine import Query, ask

Json = dict[str, Any]

REPORTS: dict[str, tuple[str, ...]] = {
    "browsers": ("browser", "browser_version"), "browsersfamilies": ("browser",), "platforms": ("device",),
    "cities": ("city", "country"), "countries": ("country",), "isps": ("organization",), "ips": ("ip",),
    "oss": ("os", "os_version"), "ossfamilies": ("os",), "keywords": ("search_term",), "referrers": ("referrer",),
    "destinations": ("destination",), "languages": ("language",), "params": ("text",),
}  # fmt: skip
OF_CONVERSIONS = {**REPORTS, "datapoints": ("link",), "groups": ("link_group",), "convparameters": ("name",)}
SALES = ("conversion", "refund")
HIT_TYPES = {
    "": None, "clicks": ("link",), "views": ("pixel",), "conversions": SALES, "spiders": ("spider",),
    "uniques": None, "nonuniques": None,
}  # fmt: skip
TOP = 100


def top(call: Call, where: stats.Where, reports: dict[str, tuple[str, ...]] = REPORTS) -> Json:
    """{key, createdAt, data}: the values with most hits."""
    kind = call.word("type", tuple(reports), required=True)
    kinds = HIT_TYPES[call.word("hittype", tuple(HIT_TYPES))]
    period = period_of(call)
    hidden = kind == "referrers" and call.sight.option("hitOptions", "hideReferrer")
    hidden = hidden or (kind == "convparameters" and call.sight.option("conversionOptions", "hideParams"))
    hidden = hidden or (kinds == SALES and not call.sight.sees_conversions)
    wheres = [*where, stats.one("kind", *kinds)] if kinds else where
    query = Query(
        sites=(call.account.pk,), period=period, metrics=stats.COUNTS, dimensions=reports[kind], where=wheres or None,
        order=tuple((metric, "desc") for metric in leading(kinds)), limit=TOP,
    )  # fmt: skip
    rows = [] if hidden else ask(query, now=call.now).rows
    items = [top_item(call, row, kind, reports[kind]) for row in rows]
    describe_entities(call, kind, items)
    return {"key": kind, "createdAt": date14(call.now), "data": items}


def describe_entities(call: Call, kind: str, items: list[Json]) -> None:
    """Add descriptions of the links or groups in a report, if the caller may see them."""
    if kind not in ("datapoints", "groups"):
        return
    numbers = [int(item["id"] or 0) for item in items]
    seen: QuerySet[Any] = call.sight.datapoints() if kind == "datapoints" else call.sight.all_groups()
    describe: Any = wire.datapoints_data if kind == "datapoints" else wire.groups_data
    rows = list(seen.filter(pk__in=numbers))
    described = dict(zip([str(row.pk) for row in rows], describe(rows), strict=True))
    for item in items:
        if item["id"] in described:
            item["entityData"] = described[item["id"]]


def leading(kinds: tuple[str, ...] | None) -> tuple[str, ...]:
    """The counts a top report is ordered by; one about all kinds of hits may have no clicks."""
    if kinds is None:
        return "clicks", "pixel_views", "link_conversions"
    by_kind = {"pixel": "pixel_views", "conversion": "link_conversions", "spider": "spider_hits"}
    return (by_kind.get(kinds[0], "clicks"),)


def top_item(call: Call, row: stats.Row, kind: str, dimensions: tuple[str, ...]) -> Json:
    counts = numbers.result(call, row)
    spiders = counts.pop("spiderHitsCount", 0)
    words = [str(row[name]) for name in dimensions if row[name]]
    name = " ".join(words) if kind != "cities" else ", ".join(words)
    renamed = {"convertedClicks": "totalConversions", "conversionsValue": "totalConversionsValue",
               "conversionsCost": "totalConversionsCost", "commissionsCost": "totalCommissionsCost"}  # fmt: skip
    found = {renamed.get(member, member): value for member, value in counts.items() if member != "uniqueConversions"}
    found |= wire.lean(
        totalHits=row["clicks"] + row["pixel_views"], uniqueHits=row["unique_clicks"] + row["unique_pixel_views"],
        spiderHits=spiders,
    )  # fmt: skip
    head: Json = {"id": quote(name, safe="") if kind == "destinations" else name}
    return head | found


def report(call: Call) -> Json:
    where = stats.seen_by(call.sight)
    where += numbers.chosen(call)
    return top(call, where, OF_CONVERSIONS if call.number("conversion") else REPORTS)


def datapoint_report(call: Call, id: int) -> Json:
    return top(call, [stats.one("link", entities.datapoint(call, id).pk)])


def group_report(call: Call, id: int) -> Json:
    return top(call, [stats.one("link_group", entities.group(call, id).pk)])


def conversion_report(call: Call, conversionId: int) -> Json:
    row: Conversion = entities.conversion(call, conversionId)
    where = [*stats.seen_by(call.sight), stats.one("link_conversion", row.pk)]
    return top(call, where, OF_CONVERSIONS)
