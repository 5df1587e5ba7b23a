"""Chronological types: visitors, actions, and what was searched for or linked from lately; newest first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from goals.querysets import goals_of
from reports.clicky.asked import Asked
from reports.clicky.dates import Dates
from reports.clicky.filters import Filter, filters_of
from reports.clicky.outputs import Block, Day, Item, encoded
from reports.clicky.popular import known
from reports.clicky.words import (
    ACTION_KINDS,
    ACTION_TYPE,
    REFERRER_TYPES,
    browser_title,
    country_title,
    language_title,
    traffic_of,
    whole,
)
from reports.engine import Period, lists
from sites.amounts import round_amount

Row = dict[str, Any]
UNIQUE_FROM = 5_000  # of the newest visits, the distinct items are listed
SHOWN_KINDS = tuple(dict.fromkeys(kind for kinds in ACTION_KINDS.values() for kind in kinds))


@dataclass(frozen=True)
class Recent:
    """`column` of a visit is the item; `unique`: each item once, at its newest time."""

    column: str
    unique: bool = False


RECENT = {
    "searches-recent": Recent("search_term"),
    "searches-unique": Recent("search_term", unique=True),
    "links-recent": Recent("referrer"),
    "links-unique": Recent("referrer", unique=True),
}
LISTS = ("visitors-list", "actions-list", *RECENT)


def people_list(name: str, asked: Asked) -> Block:
    """The block of one chronological type."""
    make: Callable[[Asked, Dates], list[Item]] = {
        "visitors-list": visitors,
        "actions-list": actions,
    }.get(name) or (lambda asked, dates: recent(RECENT[name], asked, dates))
    return Block(name, [Day(day.label, make(asked, day)) for day in asked.listed_days()])


def visits(asked: Asked, dates: Dates, where: Iterable[Filter], limit: int = 0, offset: int = 0) -> list[Row]:
    return lists.visits(
        (asked.facts.site_id,), asked.listed_period(dates), list(where), limit or asked.limit, offset, now=asked.now
    )


def visitors(asked: Asked, dates: Dates) -> list[Item]:
    """One page of visits with what is known of each."""
    rows = visits(asked, dates, asked.where, offset=asked.offset)
    reached = goals_reached(asked, dates, rows)
    total = total_visits(asked, rows)
    where = coordinates(asked, dates, rows)
    return [chosen(visitor(asked, row, reached, total, where), asked) for row in rows]


def visitor(
    asked: Asked, row: Row, reached: dict[int, Item], total: dict[str, Any], where: dict[int, Item]
) -> Item:  # fmt: skip
    """A visit in Clicky's words; every value is text."""
    source = traffic_of(row["channel"])
    return {
        **moment(row["visit_start"], dates_zone(asked)),
        "time_total": whole(row["duration"]),
        "ip_address": row["ip"],
        "uid": str(row["device"]),
        "session_id": str(row["visit"]),
        "actions": str(row["actions"]),
        "total_visits": str(total.get(str(row["device"]), 1)),
        "landing_page": asked.links.page(row["entry_page"], row["host"]) if row["entry_page"] else "",
        "web_browser": encoded(browser_title(row["browser"], row["browser_version"])),
        "operating_system": encoded(f"{row['os']} {row['os_version']}".strip()),
        "screen_resolution": row["screen"],
        "javascript": "1",
        "language": encoded(language_title(row["language"])) if row["language"] else "",
        **referrer(row),
        "referrer_type": REFERRER_TYPES.get(source, ""),
        **place(row),
        **where.get(int(row["visit"]), {"latitude": "", "longitude": ""}),
        "hostname": "",  # the address is never looked up in the DNS
        "organization": encoded(row["organization"]),
        "campaign": encoded(row["utm_campaign"]),
        "custom": custom(row),
        "goals": reached.get(int(row["visit"]), {}),
        "stats_url": asked.links.visit(row["visit"]),
    }


def dates_zone(asked: Asked) -> Any:
    return asked.dates.period().info


def moment(instant: datetime, zone: Any) -> Item:
    """`time` (unix) and `time_pretty` in the site's zone."""
    local = instant.astimezone(zone)
    hour = local.strftime("%I:%M%p").lstrip("0").lower()
    return {"time": str(int(instant.timestamp())), "time_pretty": f"{local:%a %b} {local.day} {local.year}, {hour}"}


def referrer(row: Row) -> Item:
    return {
        "referrer_url": row["referrer"],
        "referrer_domain": row["referrer_domain"],
        "referrer_search": encoded(row["search_term"]),
    }


def place(row: Row) -> Item:
    """`City, Country`, with the state in between for the USA, and the code (xx = unknown)."""
    code = row["country"]
    named = [row["city"], row["region"] if code == "US" else "", "USA" if code == "US" else country_title(code)]
    return {
        "geolocation": encoded(", ".join(part for part in named if part)) if code else "",
        "country_code": code.lower() or "xx",
    }


def custom(row: Row) -> Item:
    """The visit's custom data; the username first."""
    named = {"username": row["person"]} if row["person"] else {}
    return named | {str(key): encoded(str(value)) for key, value in row["tags"].items() if value}


def chosen(item: Item, asked: Asked) -> Item:
    """Only the fields asked for; empty ones only with null_values."""
    if asked.details:
        item = {name: value for name, value in item.items() if name in asked.details}
    return item if asked.nulls else {name: value for name, value in item.items() if value not in ("", {}, [])}


def goals_reached(asked: Asked, dates: Dates, rows: list[Row]) -> dict[int, Item]:
    """visit -> `{"completed": [names], "revenue"}` of the goals these visits reached.

    The revenue is of one currency, the answer's: goals that earn in another add nothing to it.
    """
    goals = {goal.pk: goal for goal in goals_of([asked.facts.site_id])}
    if not goals or not rows or (asked.details and "goals" not in asked.details):
        return {}
    found = asked.ask_period(
        around(dates, asked), ("conversions", "revenue"), [numbers("visit", rows)], dimensions=("visit", "goal"),
        limit=len(rows) * min(len(goals), 50),
    )  # fmt: skip
    currency = found.meta.currency
    reached: dict[int, Item] = {}
    for row in found.rows:
        goal = goals.get(int(row["goal"]))
        if goal and row["conversions"]:
            item = reached.setdefault(int(row["visit"]), {"completed": [], "revenue": str(round_amount(0, currency))})
            item["completed"].append(encoded(goal.name))
            if goal.earns_in(currency) in ("", currency):
                earned = goal.earned(int(row["conversions"]), row["revenue"])
                item["revenue"] = str(round_amount(Decimal(item["revenue"]) + earned, currency))
    return reached


def around(dates: Dates, asked: Asked) -> Period:
    """The period up to now: a visit that began in it may have gone on after it."""
    period = asked.listed_period(dates)
    return Period(period.start, max(period.end, asked.now), period.zone)


def coordinates(asked: Asked, dates: Dates, rows: list[Row]) -> dict[int, Item]:
    """visit -> `latitude` and `longitude` of its place, as text."""
    if not rows or (asked.details and not {"latitude", "longitude"} & {*asked.details}):
        return {}
    numbers = [int(row["visit"]) for row in rows]
    found = lists.visit_coordinates(asked.facts.site_id, around(dates, asked), numbers, now=asked.now)
    return {visit: {"latitude": f"{north:.4f}", "longitude": f"{east:.4f}"} for visit, (north, east) in found.items()}


def total_visits(asked: Asked, rows: list[Row]) -> dict[str, Any]:
    """device -> how many visits its visitor ever made: a person's on all devices, a stranger's on this one."""
    if not rows or (asked.details and "total_visits" not in asked.details):
        return {}
    ever = Period.parse("all", asked.dates.zone, asked.now)
    devices = [numbers("visitor_id", rows, "device")]
    found = asked.ask_period(ever, ("visits",), devices, dimensions=("visitor_id",), limit=len(rows))
    total = {str(row["visitor_id"]): int(row["visits"]) for row in found.rows}
    if known_people := [row for row in rows if row["person"]]:
        people = [numbers("person", known_people)]
        found = asked.ask_period(ever, ("visits",), people, dimensions=("person",), limit=len(rows))
        visits_of = {str(row["person"]): int(row["visits"]) for row in found.rows}
        for row in known_people:
            device = str(row["device"])
            total[device] = max(total.get(device, 1), visits_of.get(str(row["person"]), 1))
    return total


def numbers(dimension: str, rows: list[Row], column: str = "") -> Filter:
    values = list(dict.fromkeys(str(row[column or dimension]) for row in rows))
    return {"dimension": dimension, "operator": "is", "value": values}


def actions(asked: Asked, dates: Dates) -> list[Item]:
    """One page of actions: `href`, `title` and `action_type` say which, the other filters whose."""
    where = [
        {"dimension": "kind", "operator": "is", "value": list(SHOWN_KINDS)},
        *filters_of(asked.facts, asked.given, of_actions=True),
    ]
    rows = lists.actions(
        (asked.facts.site_id,), asked.listed_period(dates), where, asked.limit, asked.offset, now=asked.now
    )
    return [chosen(action(asked, row), asked) for row in rows]


def action(asked: Asked, row: Row) -> Item:
    kind = row["kind"]
    return {
        **moment(row["ts"], dates_zone(asked)),
        "ip_address": row["ip"],
        "uid": str(row["device"]),
        "session_id": str(row["visit"]),
        "action_type": ACTION_TYPE.get(kind, kind),
        "action_title": encoded(row["title"] if kind == "view" else row["text"] or row["name"]),
        "action_url": asked.links.address(row["target"], row["path"] or "/", row["host"]),
        **referrer(row),
        "stats_url": asked.links.visit(row["visit"]),
    }


def recent(row: Recent, asked: Asked, dates: Dates) -> list[Item]:
    """What was searched for or linked from, each with its time."""
    where = [*asked.where, *known(row.column)]
    if not row.unique:
        return [entry(row, asked, each) for each in visits(asked, dates, where, offset=asked.offset)]
    newest: dict[str, Row] = {}
    for each in visits(asked, dates, where, limit=UNIQUE_FROM):
        newest.setdefault(each[row.column], each)
    return [entry(row, asked, each) for each in list(newest.values())[asked.offset : asked.offset + asked.limit]]


def entry(row: Recent, asked: Asked, found: Row) -> Item:
    return {
        **moment(found["visit_start"], dates_zone(asked)),
        "item": encoded(found[row.column]),
        "stats_url": asked.links.visit(found["visit"]),
    }
