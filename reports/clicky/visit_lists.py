"""Chronological types: lists of visitors, actions, recent search terms and referrers; newest first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from goals.predicates import Filter, is_one_of
from goals.selectors import list_active_goals
from reports.clicky.dates import Dates
from reports.clicky.filters import parse_filters
from reports.clicky.outputs import DateEntry, Item, TypeBlock, encode_html
from reports.clicky.popular import has_value
from reports.clicky.stats_request import StatsRequest
from reports.clicky.terms import (
    ACTION_KINDS,
    ACTION_TYPES,
    REFERRER_TYPES,
    format_browser,
    format_integer,
    get_country_title,
    get_language_title,
    map_channel,
)
from reports.query import Period
from reports.query.analyses import visit_lists
from reports.query.analyses.visit_lists import Visit
from sites.amounts import round_amount
from tracking.event import Event

MAX_UNIQUE_VISITS = 5_000  # the newest visits, of which the distinct items are listed
MAX_GOALS_PER_VISIT = 50
LISTED_KINDS = tuple(dict.fromkeys(kind for kinds in ACTION_KINDS.values() for kind in kinds))


@dataclass(frozen=True)
class RecentType:
    """A list of the values of a visit's `column`; `unique`: each value once, at its newest time."""

    column: Literal["search_term", "referrer"]
    unique: bool = False


RECENT = {
    "searches-recent": RecentType("search_term"),
    "searches-unique": RecentType("search_term", unique=True),
    "links-recent": RecentType("referrer"),
    "links-unique": RecentType("referrer", unique=True),
}
LISTS = ("visitors-list", "actions-list", *RECENT)


def build_list(name: str, request: StatsRequest) -> TypeBlock:
    """Build the block of one chronological type."""
    entries = [DateEntry(day.label, build_items(name, request, day)) for day in request.list_days]
    return TypeBlock(name, entries)


def build_items(name: str, request: StatsRequest, dates: Dates) -> list[Item]:
    if name == "visitors-list":
        return build_visitor_items(request, dates)
    if name == "actions-list":
        return build_action_items(request, dates)
    return build_recent_items(RECENT[name], request, dates)


def load_visits(
    request: StatsRequest, dates: Dates, where: Iterable[Filter], limit: int, offset: int = 0
) -> list[Visit]:  # fmt: skip
    sites, period = (request.site.site_id,), request.build_list_period(dates)
    return visit_lists.list_visits(sites, period, list(where), limit, offset, now=request.now)


@dataclass(frozen=True)
class VisitDetails:
    """What a list of visits shows beside the columns of a visit, loaded for one page of visits together."""

    goals: dict[int, Item]  # by visit
    coordinates: dict[int, Item]  # by visit
    total_visits: dict[str, int]  # by device


def build_visitor_items(request: StatsRequest, dates: Dates) -> list[Item]:
    """Build one page of visits with all that is stored of each."""
    rows = load_visits(request, dates, request.visitor_filters, request.limit, request.offset)
    details = VisitDetails(
        goals=load_reached_goals(request, dates, rows),
        coordinates=load_coordinates(request, dates, rows),
        total_visits=load_total_visits(request, rows),
    )
    return [select_fields(build_visitor_item(request, row, details), request) for row in rows]


def build_visitor_item(request: StatsRequest, row: Visit, details: VisitDetails) -> Item:
    """Build a visit with Clicky's names of fields; every value is text."""
    visit, device = int(row["visit"]), str(row["device"])
    return {
        **format_time(row["visit_start"], request),
        "time_total": format_integer(row["duration"]),
        "ip_address": row["ip"],
        "uid": device,
        "session_id": str(visit),
        "actions": str(row["actions"]),
        "total_visits": str(details.total_visits.get(device, 1)),
        "landing_page": request.links.build_page_url(row["entry_page"], row["host"]) if row["entry_page"] else "",
        "web_browser": encode_html(format_browser(row["browser"], row["browser_version"])),
        "operating_system": encode_html(f"{row['os']} {row['os_version']}".strip()),
        "screen_resolution": row["screen"],
        "javascript": "1",
        "language": encode_html(get_language_title(row["language"])) if row["language"] else "",
        **build_referrer_fields(row),
        "referrer_type": REFERRER_TYPES.get(map_channel(row["channel"]), ""),
        **build_place_fields(row),
        **details.coordinates.get(visit, {"latitude": "", "longitude": ""}),
        "hostname": "",  # addresses are never looked up in the DNS
        "organization": encode_html(row["organization"]),
        "campaign": encode_html(row["utm_campaign"]),
        "custom": build_custom_fields(row),
        "goals": details.goals.get(visit, {}),
        "stats_url": request.links.build_visit_url(visit),
    }


def format_time(instant: datetime, request: StatsRequest) -> Item:
    """Return `time` (Unix seconds) and `time_pretty` in the site's zone."""
    local = instant.astimezone(request.dates.to_period().info)
    hour = local.strftime("%I:%M%p").lstrip("0").lower()
    return {"time": str(int(instant.timestamp())), "time_pretty": f"{local:%a %b} {local.day} {local.year}, {hour}"}


def build_referrer_fields(row: Event) -> Item:
    return {
        "referrer_url": row["referrer"],
        "referrer_domain": row["referrer_domain"],
        "referrer_search": encode_html(row["search_term"]),
    }


def build_place_fields(row: Visit) -> Item:
    """Return `City, Country`, with the state in between for the USA, and the country's code (xx = unknown)."""
    code = row["country"]
    parts = [row["city"], row["region"] if code == "US" else "", "USA" if code == "US" else get_country_title(code)]
    return {
        "geolocation": encode_html(", ".join(part for part in parts if part)) if code else "",
        "country_code": code.lower() or "xx",
    }


def build_custom_fields(row: Visit) -> Item:
    """Return the visit's username and tags, the username first."""
    username = {"username": row["person"]} if row["person"] else {}
    return username | {str(key): encode_html(str(value)) for key, value in row["tags"].items() if value}


def select_fields(item: Item, request: StatsRequest) -> Item:
    """Return only the requested fields, and empty ones only with null_values."""
    if request.details:
        item = {name: value for name, value in item.items() if name in request.details}
    return item if request.null_values else {name: value for name, value in item.items() if value not in ("", {}, [])}


def load_reached_goals(request: StatsRequest, dates: Dates, rows: list[Visit]) -> dict[int, Item]:
    """Return, by visit, `{"completed": [names], "revenue"}` of the goals that these visits reached.

    The revenue is in one currency, that of the engine's result; goals that earn in another one add nothing to it.
    """
    goals = {goal.pk: goal for goal in list_active_goals([request.site.site_id])}
    if not goals or not rows or (request.details and "goals" not in request.details):
        return {}
    result = request.ask_period(
        extend_to_now(dates, request),
        ("conversions", "revenue"),
        [build_ids_filter("visit", (row["visit"] for row in rows))],
        dimensions=("visit", "goal"),
        limit=len(rows) * min(len(goals), MAX_GOALS_PER_VISIT),
    )
    currency = result.meta.currency
    reached: dict[int, Item] = {}
    for row in result.rows:
        goal = goals.get(int(row["goal"]))
        if goal and row["conversions"]:
            item = reached.setdefault(int(row["visit"]), {"completed": [], "revenue": str(round_amount(0, currency))})
            item["completed"].append(encode_html(goal.name))
            if goal.find_revenue_currency(currency) in ("", currency):
                revenue = goal.compute_revenue(int(row["conversions"]), row["revenue"])
                item["revenue"] = str(round_amount(Decimal(item["revenue"]) + revenue, currency))
    return reached


def extend_to_now(dates: Dates, request: StatsRequest) -> Period:
    """Return the list's period extended to now, since a visit that began in it may have continued after it."""
    period = request.build_list_period(dates)
    return Period(period.start, max(period.end, request.now), period.zone)


def load_coordinates(request: StatsRequest, dates: Dates, rows: list[Visit]) -> dict[int, Item]:
    """Return, by visit, `latitude` and `longitude` of its place as text."""
    if not rows or (request.details and not {"latitude", "longitude"} & {*request.details}):
        return {}
    visits = [int(row["visit"]) for row in rows]
    period = extend_to_now(dates, request)
    coordinates = visit_lists.fetch_visit_coordinates(request.site.site_id, period, visits, now=request.now)
    return {
        visit: {"latitude": f"{latitude:.4f}", "longitude": f"{longitude:.4f}"}
        for visit, (latitude, longitude) in coordinates.items()
    }


def load_total_visits(request: StatsRequest, rows: list[Visit]) -> dict[str, int]:
    """Return, by device, how many visits its visitor ever made: a person on all devices, others on this device."""
    if not rows or (request.details and "total_visits" not in request.details):
        return {}
    all_time = Period.parse("all", request.dates.zone, request.now)
    devices = [build_ids_filter("visitor_id", (row["device"] for row in rows))]
    result = request.ask_period(all_time, ("visits",), devices, dimensions=("visitor_id",), limit=len(rows))
    totals = {str(row["visitor_id"]): int(row["visits"]) for row in result.rows}
    if rows_with_person := [row for row in rows if row["person"]]:
        persons = [build_ids_filter("person", (row["person"] for row in rows_with_person))]
        result = request.ask_period(all_time, ("visits",), persons, dimensions=("person",), limit=len(rows))
        totals_of_persons = {str(row["person"]): int(row["visits"]) for row in result.rows}
        for row in rows_with_person:
            device = str(row["device"])
            totals[device] = max(totals.get(device, 1), totals_of_persons.get(str(row["person"]), 1))
    return totals


def build_ids_filter(dimension: str, ids: Iterable[int | str]) -> Filter:
    """Return the filter of these values, each once."""
    return is_one_of(dimension, *dict.fromkeys(map(str, ids)))


def build_action_items(request: StatsRequest, dates: Dates) -> list[Item]:
    """Build one page of actions; `href`, `title` and `action_type` choose actions, the other filters visits."""
    where = [
        is_one_of("kind", *LISTED_KINDS),
        *parse_filters(request.site, request.params, of_actions=True),
    ]
    sites, period = (request.site.site_id,), request.build_list_period(dates)
    rows = visit_lists.list_actions(sites, period, where, request.limit, request.offset, now=request.now)
    return [select_fields(build_action_item(request, row), request) for row in rows]


def build_action_item(request: StatsRequest, row: Event) -> Item:
    kind = row["kind"]
    return {
        **format_time(row["ts"], request),
        "ip_address": row["ip"],
        "uid": str(row["device"]),
        "session_id": str(row["visit"]),
        "action_type": ACTION_TYPES.get(kind, kind),
        "action_title": encode_html(row["title"] if kind == "view" else row["text"] or row["name"]),
        "action_url": request.links.build_target_url(row["target"], row["path"] or "/", row["host"]),
        **build_referrer_fields(row),
        "stats_url": request.links.build_visit_url(row["visit"]),
    }


def build_recent_items(recent: RecentType, request: StatsRequest, dates: Dates) -> list[Item]:
    """Build one page of search terms or referrers, each with its time."""
    where = [*request.visitor_filters, *has_value(recent.column)]
    if not recent.unique:
        page = load_visits(request, dates, where, request.limit, request.offset)
        return [build_recent_item(recent, request, row) for row in page]
    newest: dict[str, Visit] = {}
    for row in load_visits(request, dates, where, MAX_UNIQUE_VISITS):
        newest.setdefault(row[recent.column], row)
    page = list(newest.values())[request.offset : request.offset + request.limit]
    return [build_recent_item(recent, request, row) for row in page]


def build_recent_item(recent: RecentType, request: StatsRequest, row: Visit) -> Item:
    return {
        **format_time(row["visit_start"], request),
        "item": encode_html(row[recent.column]),
        "stats_url": request.links.build_visit_url(row["visit"]),
    }
