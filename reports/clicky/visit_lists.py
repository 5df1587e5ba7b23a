"""Chronological types: lists of visitors, actions, recent search terms and referrers; newest first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import ClassVar, Literal

from goals.predicates import Filter, is_one_of
from reports.clicky import terms
from reports.clicky.dates import Dates
from reports.clicky.filters import has_value, parse_filters
from reports.clicky.outputs import Item, encode_html
from reports.clicky.stats_request import StatsRequest, list_conversions
from reports.clicky.stats_type import MAX_LIST_DAYS, PagedType
from reports.query import Period
from reports.query.analyses import visit_lists
from reports.query.analyses.visit_lists import Visit
from reports.query.periods import parse_zone
from reports.query.vocabulary import format_language
from sites.amounts import round_amount
from tracking.event import Event

MAX_UNIQUE_VISITS = 5_000  # the newest visits, of which the distinct items are listed
MAX_GOALS_PER_VISIT = 50
LISTED_KINDS = tuple(dict.fromkeys(kind for kinds in terms.ACTION_KINDS.values() for kind in kinds))


@dataclass(frozen=True)
class ListType(PagedType):
    """A list. It covers all the dates together, or each day, but never hours."""

    group: str = field(default="Lists by time, newest first", kw_only=True)
    max_days: ClassVar[int] = MAX_LIST_DAYS

    def list_days(self, request: StatsRequest) -> list[Dates]:
        return request.dates.split_days() if request.daily and not request.last_seconds else [request.dates]


def load_visits(
    request: StatsRequest, dates: Dates, where: Iterable[Filter], limit: int, offset: int = 0
) -> list[Visit]:  # fmt: skip
    sites, period = (request.site.site_id,), request.build_list_period(dates)
    return visit_lists.list_visits(sites, period, list(where), limit, offset, now=request.now)


def build_visitor_items(request: StatsRequest, dates: Dates) -> list[Item]:
    """Build one page of visits with all that is stored of each."""
    rows = load_visits(request, dates, request.visitor_filters, request.limit, request.offset)
    items = {int(row["visit"]): build_visitor_item(request, row) for row in rows}
    for fields, load in VISIT_DETAILS.items():
        if rows and request.wants(*fields):
            for visit, details in load(request, dates, rows).items():
                items[visit] |= details
    return [select_fields(item, request) for item in items.values()]


def build_visitor_item(request: StatsRequest, row: Visit) -> Item:
    """Build a visit with Clicky's names of fields, without `VISIT_DETAILS`; every value is text."""
    return {
        **format_time(row["visit_start"], request),
        "time_total": terms.format_integer(row["duration"]),
        "ip_address": row["ip"],
        "uid": str(row["device"]),
        "session_id": str(row["visit"]),
        "actions": str(row["actions"]),
        "total_visits": "1",
        "landing_page": request.links.build_page_url(row["entry_page"], row["host"]) if row["entry_page"] else "",
        "web_browser": encode_html(terms.format_product(row["browser"], row["browser_version"])),
        "operating_system": encode_html(f"{row['os']} {row['os_version']}".strip()),
        "screen_resolution": row["screen"],
        "javascript": "1",
        "language": encode_html(format_language(row["language"])),
        **build_referrer_fields(row),
        "referrer_type": terms.find_traffic_kind(row["channel"]).type,
        **build_place_fields(row),
        "latitude": "",
        "longitude": "",
        "hostname": "",  # addresses are never looked up in the DNS
        "organization": encode_html(row["organization"]),
        "campaign": encode_html(row["utm_campaign"]),
        "custom": build_custom_fields(row),
        "goals": {},
        "stats_url": request.links.build_visit_url(row["visit"]),
    }


def format_time(instant: datetime, request: StatsRequest) -> Item:
    """Return `time` (Unix seconds) and `time_pretty` in the site's zone."""
    local = instant.astimezone(parse_zone(request.dates.zone))
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
    country = [row["region"], "USA"] if code == "US" else [terms.get_country_title(code)]
    return {
        "geolocation": encode_html(", ".join(filter(None, [row["city"], *country]))) if code else "",
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
    """Return, by visit, `{"goals": {"completed": [names], "revenue"}}` of the goals that these visits reached.

    The revenue is in one currency, that of the engine's result; goals that earn in another one add nothing to it.
    """
    period, where = extend_to_now(dates, request), [is_one_of("visit", *(str(row["visit"]) for row in rows))]
    conversions, currency = list_conversions(request, period, where, ("visit",), len(rows) * MAX_GOALS_PER_VISIT)
    reached: dict[int, Item] = {}
    for row, goal in conversions:
        item = reached.setdefault(int(row["visit"]), {"completed": [], "revenue": str(round_amount(0, currency))})
        item["completed"].append(encode_html(goal.name))
        if goal.find_revenue_currency(currency) in ("", currency):
            revenue = goal.compute_revenue(int(row["conversions"]), row["revenue"])
            item["revenue"] = str(round_amount(Decimal(item["revenue"]) + revenue, currency))
    return {visit: {"goals": item} for visit, item in reached.items()}


def extend_to_now(dates: Dates, request: StatsRequest) -> Period:
    """Return the list's period extended to now, since a visit that began in it may have continued after it."""
    period = request.build_list_period(dates)
    return Period(period.start, max(period.end, request.now), period.zone)


def load_coordinates(request: StatsRequest, dates: Dates, rows: list[Visit]) -> dict[int, Item]:
    """Return, by visit, `latitude` and `longitude` of its place as text."""
    visits, period = [int(row["visit"]) for row in rows], extend_to_now(dates, request)
    places = visit_lists.fetch_visit_coordinates(request.site.site_id, period, visits, now=request.now)
    return {visit: {"latitude": f"{place[0]:.4f}", "longitude": f"{place[1]:.4f}"} for visit, place in places.items()}


def load_total_visits(request: StatsRequest, dates: Dates, rows: list[Visit]) -> dict[int, Item]:
    """Return, by visit, how many visits its visitor ever made: a person on all devices, others on this device."""
    totals = count_all_visits(request, "visitor_id", [str(row["device"]) for row in rows])
    if rows_with_person := [row for row in rows if row["person"]]:
        of_persons = count_all_visits(request, "person", [row["person"] for row in rows_with_person])
        for row in rows_with_person:
            device = str(row["device"])
            totals[device] = max(totals.get(device, 1), of_persons.get(row["person"], 1))
    return {int(row["visit"]): {"total_visits": str(totals.get(str(row["device"]), 1))} for row in rows}


def count_all_visits(request: StatsRequest, dimension: str, values: list[str]) -> dict[str, int]:
    """Return the visits of all time by these values of a dimension."""
    all_time, where = (
        Period.parse("all", request.dates.zone, request.now),
        [is_one_of(dimension, *dict.fromkeys(values))],
    )
    result = request.ask(all_time, ("visits",), where, (dimension,), limit=len(values))
    return {str(row[dimension]): int(row["visits"]) for row in result.rows}


# Fields of a visit that are not among its columns, and what loads them for a page of visits together
VISIT_DETAILS: dict[tuple[str, ...], Callable[[StatsRequest, Dates, list[Visit]], dict[int, Item]]] = {
    ("goals",): load_reached_goals, ("latitude", "longitude"): load_coordinates, ("total_visits",): load_total_visits,
}  # fmt: skip


def build_action_items(request: StatsRequest, dates: Dates) -> list[Item]:
    """Build one page of actions; `href`, `title` and `action_type` choose actions, the other filters visits."""
    where = [is_one_of("kind", *LISTED_KINDS), *parse_filters(request.site, request.params, of_actions=True)]
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
        "action_type": terms.ACTION_TYPES.get(kind, kind),
        "action_title": encode_html(row["title"] if kind == "view" else row["text"] or row["name"]),
        "action_url": request.links.build_target_url(row["target"], row["path"] or "/", row["host"]),
        **build_referrer_fields(row),
        "stats_url": request.links.build_visit_url(row["visit"]),
    }


def list_recent(
    column: Literal["search_term", "referrer"], is_unique: bool, request: StatsRequest, dates: Dates
) -> list[Item]:
    """Build one page of the values of a visit's column; `is_unique`: each value once, at its newest time."""
    where = [*request.visitor_filters, *has_value(column)]
    if is_unique:
        newest: dict[str, Visit] = {}
        for row in load_visits(request, dates, where, MAX_UNIQUE_VISITS):
            newest.setdefault(row[column], row)
        page = request.select_page([*newest.values()])
    else:
        page = load_visits(request, dates, where, request.limit, request.offset)
    return [
        {
            **format_time(row["visit_start"], request),
            "item": encode_html(row[column]),
            "stats_url": request.links.build_visit_url(row["visit"]),
        }
        for row in page
    ]


TIMES = {"time": "1772359200", "time_pretty": "Sun Mar 1 2026, 10:00am"}
SEARCH, REFERRER = {**TIMES, "item": "web statistics"}, {**TIMES, "item": "https://blog.example.org/"}
VISIT = {**TIMES, "ip_address": "203.0.113.9", "uid": "2841570942", "session_id": "1048576001"}
LIST_TYPES = (
    ListType("visitors-list", build_visitor_items, example={
        **VISIT, "time_total": "190", "actions": "3", "landing_page": "http://example.com/", "language": "Estonian",
        "web_browser": "Google Chrome 120", "operating_system": "Windows 11", "referrer_type": "search",
        "custom": {"username": "ann"}, "goals": {"completed": ["Sign-up"], "revenue": "9.50"},
    }),
    ListType("actions-list", build_action_items, example={
        **VISIT, "action_type": "pageview", "action_title": "Pricing", "action_url": "http://example.com/pricing",
    }),
    ListType("searches-recent", partial(list_recent, "search_term", False), example=SEARCH),
    ListType("searches-unique", partial(list_recent, "search_term", True), example=SEARCH),
    ListType("links-recent", partial(list_recent, "referrer", False), example=REFERRER),
    ListType("links-unique", partial(list_recent, "referrer", True), example=REFERRER),
)  # fmt: skip
