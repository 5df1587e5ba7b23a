"""Hits one by one: the clickstream, and lists paged to their end."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from links import stats
from links.api import entities, wire
from links.api.call import Call
from links.api.errors import invalid
from links.api.frames import date14, period_of
from links.api.numbers import chosen
from links.models import Conversion
from reports.engine import Period, hits

Json = dict[str, Any]
FILTERS = ("", "spiders", "uniques", "nonuniques", "conversions")
KEY = re.compile(r"(\d{1,16})-(\d{1,17})\Z")


def stream(call: Call) -> Json:
    """{rows}: the latest hits, at most 100."""
    size = max(1, min(100, call.number("pageSize", 50)))
    period = Period(datetime(2000, 1, 1, tzinfo=UTC), call.now + timedelta(days=1), call.account.timezone)
    period = stats.seen_period(call.sight, period)
    rows = found(call, period, [*stats.seen_by(call.sight), *chosen(call)], size)
    return {"rows": as_json(call, rows)}


def page(call: Call, where: stats.Where, conversion: tuple[int, Period] | None = None) -> Json:
    """{hits, lastKey}: goes on with `offset=<lastKey>` until there is none."""
    period = period_of(call)
    limit = max(1, min(hits.MOST - 1, call.number("limit", 100) or 100))
    rows = found(call, period, where, limit + 1, conversion)
    answer: Json = {"hits": as_json(call, rows[:limit])}
    if len(rows) > limit:
        answer["lastKey"] = "{}-{}".format(*hits.key_of(rows[limit - 1]))
    return answer


def found(
    call: Call, period: Period, where: stats.Where, limit: int, conversion: tuple[int, Period] | None = None
) -> list[hits.Row]:
    wanted = call.word("filter", FILTERS)
    if (wanted == "conversions" or conversion) and not call.sight.sees_conversions:
        return []
    kinds = ("spider",) if wanted == "spiders" else ("link", "pixel") if wanted else hits.HITS
    if wanted in ("uniques", "nonuniques"):
        where = [*where, stats.one("unique", "1" if wanted == "uniques" else "0")]
    offset, before = call.text("offset"), None
    if offset and offset != "0":
        match = KEY.match(offset)
        if match is None:
            raise invalid("offset", "offset is the lastKey of the page before.", offset[:60])
        before = (int(match[1]), int(match[2]))
    return hits.hits(
        call.account.pk, period, where=where or None, kinds=kinds, before=before,
        converted=wanted == "conversions", conversion=conversion, limit=limit,
    )  # fmt: skip


def all_hits(call: Call) -> Json:
    if call.number("conversion"):
        return of_conversion(call, entities.conversion(call, call.number("conversion")))
    return page(call, [*stats.seen_by(call.sight), *chosen(call)])


def datapoint_hits(call: Call, id: int) -> Json:
    return page(call, [stats.one("link", entities.datapoint(call, id).pk)])


def group_hits(call: Call, id: int) -> Json:
    return page(call, [stats.one("link_group", entities.group(call, id).pk)])


def conversion_hits(call: Call, conversionId: int) -> Json:
    return of_conversion(call, entities.conversion(call, conversionId))


def of_conversion(call: Call, row: Conversion) -> Json:
    """The clicks that led to this conversion in the time frame, whenever they were made."""
    sold = period_of(call)
    call.query["timeframe"] = "beginning"
    return page(call, stats.seen_by(call.sight), (row.pk, sold))


def as_json(call: Call, rows: list[hits.Row]) -> list[Json]:
    """Rows of the store as the old server wrote hits."""
    numbers = {row["link_id"] for row in rows}
    links = list(call.sight.datapoints().filter(pk__in=numbers))
    data = dict(zip([row.pk for row in links], wire.datapoints_data(links), strict=True))
    sales = {} if not call.sight.sees_conversions else hits.sales_of(call.account.pk, [row["id"] for row in rows])
    sold = {sale["conversion_id"] for told in sales.values() for sale in told}
    names = dict(Conversion.objects.filter(account=call.account, pk__in=sold).values_list("pk", "name"))
    return [one_hit(call, row, data.get(row["link_id"], {}), sales.get(row["id"], []), names) for row in rows]


def one_hit(call: Call, row: hits.Row, entity: Json, sales: list[hits.Row], names: dict[int, str]) -> Json:
    pixel = entity.get("datapointType") == "TrackingPixel"
    found: Json = {
        "accessTime": date14(row["ts"]), "id": f"{row['link_id']:09d}@{row['ts']:%Y%m%d%H%M%S}{row['id'] % 10**9:09d}",
        "entity": entity, "type": "1" if pixel else "0", "isSpider": str(int(row["kind"] == "spider")),
        "isUnique": str(int(row["is_unique"])), "isProxy": "0", "ip": row["ip"],
        "clientLanguage": row["language"], "org": row["organization"], "queryParams": row["text"],
        "trackedParameters": parameters(row["text"]),
        "browser": wire.lean(
            name=f"{row['browser']} {row['browser_version']}".strip(), familyName=row["browser"],
            browserType="mobile" if row["device_type"] in ("Mobile", "Tablet") else "desktop",
        ),
        "os": wire.lean(name=f"{row['os']} {row['os_version']}".strip(), familyName=row["os"]),
        "location": wire.lean(
            country=row["country"], regionName=row["region"], city=row["city"], organization=row["organization"],
            latitude=round(float(row["latitude"]), 4), longitude=round(float(row["longitude"]), 4),
        ),
        "source": wire.lean(name=row["source"], param=row["channel"]),
    }  # fmt: skip
    if row["destination"]:
        found["realDestinationUrl"] = row["destination"]
    if row["referrer"] and not call.sight.option("hitOptions", "hideReferrer"):
        found["referer"] = row["referrer"]
    if call.sight.option("hitOptions", "hideReferrer"):
        found["source"] = {}
    told = [sale_json(call, sale, names) for sale in sales]
    if told:
        found["conversions"] = told
        found |= {f"conversion{place}": one for place, one in enumerate(told[:5], 1)}
    return found


def sale_json(call: Call, sale: hits.Row, names: dict[int, str]) -> Json:
    """One conversion of a hit, as far as a guest may see it."""
    hidden = call.sight.option
    found: Json = {
        "id": sale["conversion_id"], "name": names.get(sale["conversion_id"], ""), "date": date14(sale["ts"]),
        "accessTime": date14(sale["ts"]),
    }  # fmt: skip
    if not hidden("conversionOptions", "hideValue"):
        scale = (hidden("conversionOptions", "percentValue") or 100) / 100
        found["value"] = round(float(sale["revenue"]) * scale, 4)
    if not hidden("conversionOptions", "hideComCost"):
        scale = (hidden("conversionOptions", "percentCommission") or 100) / 100
        found["comcost"] = round(float(sale["commission"]) * scale, 4)
    if not hidden("conversionOptions", "hideParams") and sale["name"]:
        found["parameter"] = sale["name"]
    return found


def parameters(query: str) -> dict[str, str]:
    from urllib.parse import parse_qsl

    return dict(parse_qsl(query[:2000])) if query else {}
