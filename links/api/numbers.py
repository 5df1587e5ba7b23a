"""Aggregates, lists by time and summaries: each only translates into the engine's questions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from links import stats
from links.api import entities, wire
from links.api.call import Call
from links.api.errors import Failure
from links.api.frames import date14, period_of
from reports.engine import Period

Json = dict[str, Any]
NEVER = "00010101000000"
FILTERS = ("type", "status", "tag", "tags", "favourite", "onlyfavorites", "textsearch")


# -- what is asked about ------------------------------------------------------------------------------------------


def about_datapoints(call: Call) -> stats.Where:
    """A filter for the links the caller sees, narrowed by type, status, tag and favourite where these are given."""
    where = stats.seen_by(call.sight)
    if not any(call.query.get(name) for name in FILTERS):
        return where
    return [*where, chosen_rows("link", entities.datapoints(call), "links")]


def about_groups(call: Call) -> stats.Where:
    where = stats.seen_by(call.sight)
    if not any(call.query.get(name) for name in FILTERS):
        return where
    return [*where, chosen_rows("link_group", entities.groups(call), "groups")]


def chosen_rows(dimension: str, rows: QuerySet[Any], what: str) -> stats.Row:
    """A filter for exactly these rows. Raises Failure (400) for more rows than one query can name."""
    numbers = list(rows.values_list("pk", flat=True)[: stats.MAX_CHOSEN + 1])
    if len(numbers) > stats.MAX_CHOSEN:
        sentence = f"This selects more than {stats.MAX_CHOSEN:,} {what}; narrow it by type, status, tag or favourite."
        raise Failure(400, sentence, "0010")
    return stats.one(dimension, *(numbers or ["none"]))  # a word no number equals: nothing matches


# -- a row of numbers ---------------------------------------------------------------------------------------------


def result(call: Call, row: stats.Row) -> Json:
    """The engine's counts under the old names; what is zero is left out, what a guest must not see too."""
    hidden = call.sight.option
    found: Json = {
        "totalClicks": row["clicks"], "uniqueClicks": row["unique_clicks"], "totalViews": row["pixel_views"],
        "uniqueViews": row["unique_pixel_views"], "spiderHitsCount": row["spider_hits"],
    }  # fmt: skip
    if not hidden("conversionOptions", "hideCount"):
        found |= {"convertedClicks": row["converted_clicks"], "uniqueConversions": row["unique_link_conversions"]}
    if not hidden("conversionOptions", "hideValue"):
        scale = (hidden("conversionOptions", "percentValue") or 100) / 100
        found["conversionsValue"] = round(float(row["conversion_value"]) * scale, 4)
    if not hidden("conversionOptions", "hideCost"):
        found["conversionsCost"] = round(float(row["click_cost"]), 4)
    if not hidden("conversionOptions", "hideComCost"):
        scale = (hidden("conversionOptions", "percentCommission") or 100) / 100
        found["commissionsCost"] = round(float(row["commission_cost"]) * scale, 4)
    if row["last_hit"]:
        found["lastHitDate"] = date14(datetime.fromtimestamp(row["last_hit"], UTC))
    return wire.lean(**found)


def aggregated(call: Call, where: stats.Where) -> Json:
    """The counts of the time frame; by hour too where one day is asked for by the hour."""
    period = period_of(call)
    found = result(call, stats.totals(call.account, period, where, call.now))
    if call.flag("hourly") and call.text("timeFrame").lower() in ("today", "yesterday"):
        rows = stats.by(call.account, "hour_of_day", period, where, call.now)
        found["hourlyBreakDown"] = {str(row["hour_of_day"]): result(call, row) for row in rows}
    return found


def with_entity(call: Call, number: int, data: Json, where: stats.Where) -> Json:
    """The counts of one entity, with what it is."""
    found = aggregated(call, where)
    head: Json = {"entityId": str(number), "entityData": data}
    return head | found | ({} if found else {"activityDay": NEVER})


def by_time(call: Call, where: stats.Where) -> Json:
    """{rows}: the counts of each day, week or month."""
    unit = call.word("groupBy", ("", "day", "week", "month", "deleted", "active"), "day")
    unit = unit if unit in ("week", "month") else "day"
    period = period_of(call)
    rows = stats.by(call.account, unit, period, where, call.now, limit=4000)
    return {"rows": [bucket(call, row, unit, period) for row in rows]}


def bucket(call: Call, row: stats.Row, unit: str, period: Period) -> Json:
    zone = ZoneInfo(call.account.timezone)
    first = date.fromisoformat(row[unit] if unit != "month" else f"{row[unit]}-01")
    last = {"day": first, "week": first + timedelta(days=6), "month": next_month(first) - timedelta(days=1)}[unit]
    found: Json = {"activityDay": f"{first:%Y%m%d}000000"}
    if unit != "day":
        start = max(first, period.start.astimezone(zone).date())
        found |= {"fromDay": f"{start:%Y%m%d}000000", "toDay": f"{last:%Y%m%d}000000"}
    return found | result(call, row)


def next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def all_aggregated(call: Call) -> Json:
    return aggregated(call, about_datapoints(call))


def all_by_time(call: Call) -> Json:
    return by_time(call, stats.seen_by(call.sight))


def datapoints_aggregated(call: Call) -> Json:
    return aggregated(call, about_datapoints(call))


def datapoints_by_time(call: Call) -> Json:
    return by_time(call, about_datapoints(call))


def groups_aggregated(call: Call) -> Json:
    return aggregated(call, about_groups(call))


def groups_by_time(call: Call) -> Json:
    return by_time(call, about_groups(call))


def datapoint_aggregated(call: Call, id: int) -> Json:
    row = entities.datapoint(call, id)
    return with_entity(call, id, wire.datapoints_data([row])[0], [stats.one("link", id)])


def datapoint_by_time(call: Call, id: int) -> Json:
    entities.datapoint(call, id)
    return by_time(call, [stats.one("link", id)])


def group_aggregated(call: Call, id: int) -> Json:
    row = entities.group(call, id)
    return with_entity(call, id, wire.groups_data([row])[0], [stats.one("link_group", id)])


def group_by_time(call: Call, id: int) -> Json:
    entities.group(call, id)
    return by_time(call, [stats.one("link_group", id)])


def conversion_aggregated(call: Call, conversionId: int) -> Json:
    row = entities.conversion(call, conversionId)
    where = [*stats.seen_by(call.sight), stats.one("link_conversion", conversionId)]
    return with_entity(call, conversionId, wire.conversion_data(row), where)


def conversion_by_time(call: Call, conversionId: int) -> Json:
    entities.conversion(call, conversionId)
    return by_time(call, [*stats.seen_by(call.sight), stats.one("link_conversion", conversionId)])


def conversions_by_time(call: Call) -> Json:
    chosen = chosen_rows("link_conversion", entities.conversions(call), "conversions")
    return by_time(call, [*stats.seen_by(call.sight), chosen])


# -- summaries ----------------------------------------------------------------------------------------------------

SORTED_BY = {
    "totalclicks": "clicks", "uniqueclicks": "unique_clicks", "totalviews": "pixel_views",
    "uniqueviews": "unique_pixel_views", "spiderhitscount": "spider_hits", "convertedclicks": "converted_clicks",
    "uniqueconversions": "unique_link_conversions", "conversionsvalue": "conversion_value",
    "conversionscost": "click_cost", "commissionscost": "commission_cost", "lasthitdate": "last_hit",
}  # fmt: skip


HIDDEN_BY = {
    "hideCount": {"converted_clicks", "unique_link_conversions"}, "hideValue": {"conversion_value"},
    "hideCost": {"click_cost"}, "hideComCost": {"commission_cost"},
}  # fmt: skip


def hidden_metrics(call: Call) -> set[str]:
    """The metrics that are hidden from a guest."""
    return set().union(*(names for name, names in HIDDEN_BY.items() if call.sight.option("conversionOptions", name)))


def summary(
    call: Call, rows: QuerySet[Any], dimension: str, named: str, data: Callable[[list[Any]], list[Json]]
) -> Json:
    """{count, limit, offset, result}: the counts of every entity, by name or by one of the counts."""
    period = period_of(call)
    numbers = stats.by_number(call.account, dimension, period, stats.seen_by(call.sight), call.now)
    offset, limit = call.page()
    metric = SORTED_BY.get(call.text("sortBy").lower())
    metric = None if metric in hidden_metrics(call) else metric  # the order would reveal hidden values
    down = call.word("sortDirection", ("", "asc", "desc")) == "desc"
    order = [(pk, str(name or "").lower()) for pk, name in rows.values_list("pk", named)]
    order.sort(key=lambda pair: (pair[1], pair[0]), reverse=down and metric is None)
    if metric:
        order.sort(key=lambda pair: numbers.get(pair[0], {}).get(metric, 0), reverse=down)
    page = [pk for pk, _ in order[offset : offset + limit]]
    found = list(rows.model.objects.filter(pk__in=page))
    described = dict(zip([row.pk for row in found], data(found), strict=True))
    entries = []
    for pk in page:
        counts = result(call, numbers[pk]) if pk in numbers else {}
        head = {"entityId": str(pk), "entityData": described[pk], "activityDay": date14(call.now)}
        entries.append(head | counts)
    return {"count": len(order), "limit": limit, "offset": offset, "result": entries}


def summary_datapoints(call: Call) -> Json:
    rows = entities.datapoints(call)
    if number := call.number("groupId"):
        rows = rows.filter(group_id=number)
    return summary(call, rows, "link", "title", wire.datapoints_data)


def summary_groups(call: Call) -> Json:
    return summary(call, entities.groups(call), "link_group", "name", wire.groups_data)


def summary_conversions(call: Call) -> Json:
    return summary(call, entities.conversions(call), "link_conversion", "name", wire.conversions_data)


def group_summary(call: Call, id: int) -> Json:
    rows = entities.datapoints(call, call.sight.datapoints().filter(group=entities.group(call, id)))
    return summary(call, rows, "link", "title", wire.datapoints_data)


def chosen(call: Call) -> stats.Where:
    """`datapoint=`, `group=`, `conversion=`: entities the caller may see. Raises Failure (404)."""
    where: stats.Where = []
    if number := call.number("datapoint"):
        where.append(stats.one("link", entities.datapoint(call, number).pk))
    if number := call.number("group"):
        where.append(stats.one("link_group", entities.group(call, number).pk))
    if number := call.number("conversion"):
        where.append(stats.one("link_conversion", entities.conversion(call, number).pk))
    return where
