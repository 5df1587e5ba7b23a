"""Visits and actions as people read them: who, from where, doing what; rows of the engine's lists made ready."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_time

from reports.engine.dimensions import DIMENSIONS
from reports.engine.vocabulary import country_name
from reports.pages.arrived import Link
from reports.pages.names import value_name
from reports.pages.numbers import duration, money

Row = dict[str, Any]
VERBS = {
    "view": "viewed", "event": "did", "click": "clicked", "outbound": "left for", "download": "downloaded",
    "form": "sent the form", "video": "watched", "goal": "reached", "conversion": "converted", "refund": "got back",
    "link": "followed the link", "pixel": "opened", "set": "was named",
}  # fmt: skip
ICONS = {"Mobile": "mobile", "Tablet": "tablet", "TV": "tv", "Console": "tv"}
EDGES = 8  # colours by which the lines of one visitor are told apart
A1, A2, A3, A4, M = 1.340264, -0.081106, 0.000893, 0.003796, math.sqrt(3) / 2
SCALE, LEFT, TOP = 179.218, 480.0, 244.968  # of static/map/world.svg


def on_map(latitude: float, longitude: float) -> tuple[str, str] | None:
    """Where a place lies on static/map/world.svg (Equal Earth); None where none is known."""
    if not latitude and not longitude:
        return None
    wide = math.radians(longitude)
    angle = math.asin(M * math.sin(math.radians(latitude)))
    square = angle * angle
    sixth = square**3
    x = wide * math.cos(angle) / (M * (A1 + 3 * A2 * square + sixth * (7 * A3 + 9 * A4 * square)))
    y = angle * (A1 + A2 * square + sixth * (A3 + A4 * square))
    return f"{LEFT + SCALE * x:.1f}", f"{TOP - SCALE * y:.1f}"


def instant(value: Any) -> datetime:
    """The store's time, a spool's text, or milliseconds, as an aware datetime."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=ZoneInfo("UTC"))
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value / 1000 if value > 1e11 else value, ZoneInfo("UTC"))
    read = datetime.fromisoformat(str(value))
    return read if read.tzinfo else read.replace(tzinfo=ZoneInfo("UTC"))


@dataclass(frozen=True)
class Person:
    """Who and where, of an action or a visit."""

    name: str
    place: str
    code: str
    source: str
    referrer: str
    technology: str
    icon: str
    href: str
    visit_href: str
    edge: str
    dot: tuple[str, str] | None
    ip: str
    known: bool  # by a name of their own


def place_name(row: Row) -> str:
    code = str(row.get("country") or "")
    country = country_name(code)
    return ", ".join(part for part in (str(row.get("city") or ""), country) if part) or "Somewhere"


def nickname(device: int) -> str:
    """What a visitor without a name is called: the same on every page."""
    return f"Visitor {int(device) % 0x10000:04x}"


def person(row: Row, site_id: int) -> Person:
    """The person of a row of events or visits."""
    device, visit = int(row.get("device") or 0), int(row.get("visit") or 0)
    technology = " · ".join(str(row[name]) for name in ("browser", "os") if row.get(name))
    return Person(
        str(row.get("person") or "") or nickname(device),
        place_name(row),
        str(row.get("country") or ""),
        value_name(DIMENSIONS["source"], row.get("source") or ""),
        str(row.get("referrer") or ""),
        technology,
        ICONS.get(str(row.get("device_type") or ""), "monitor"),
        f"/sites/{site_id}/visitors/{device}",
        f"/sites/{site_id}/visits/{visit}",
        f"edge-{visit % EDGES}",
        on_map(float(row.get("latitude") or 0), float(row.get("longitude") or 0)),
        str(row.get("ip") or ""),
        bool(row.get("person")),
    )


@dataclass(frozen=True)
class Action:
    """One line of Spy or of a visit."""

    verb: str
    what: str
    title: str
    link: str  # the address outside, if there is one
    at: datetime
    clock: str
    person: Person
    kind: str
    view_id: str
    visit: str
    seconds: int  # of attention so far; grows while pings come
    stay: str
    worth: str = ""
    gap: str = ""  # class of the space before it, by time
    wait: str = ""


def what_of(row: Row) -> str:
    kind = row.get("kind")
    if kind == "view":
        return str(row.get("path") or "/")
    return str(row.get("text") or row.get("name") or row.get("target") or row.get("path") or "")


def action(row: Row, site_id: int, zone: ZoneInfo, locale: Locale, seconds: float = 0) -> Action:
    """A row of events as it is shown."""
    at = instant(row["ts"]).astimezone(zone)
    kind = str(row.get("kind") or "view")
    engaged = float(row.get("engaged") or 0) / 1000 or seconds
    revenue = row.get("revenue") or 0
    host = str(row.get("host") or "")
    page = f"https://{host}{row.get('path') or '/'}" if host and kind == "view" else str(row.get("target") or "")
    return Action(
        VERBS.get(kind, kind), what_of(row), str(row.get("title") or ""), page, at,
        str(format_time(at, "medium", locale=locale)), person(row, site_id), kind,
        str(row.get("view_id") or 0), str(row.get("visit") or 0), round(engaged),
        duration(engaged) if engaged else "",
        money(revenue, locale, str(row.get("currency") or "")) if float(revenue) else "",
    )  # fmt: skip


@dataclass
class Visit:
    """One visit on a list or in a history."""

    number: str
    person: Person
    began: datetime
    day: str
    clock: str
    length: str
    views: int
    actions: int
    entry: str
    exit: str
    referrer: str
    campaign: str
    ip: str
    tags: list[tuple[str, str]] = field(default_factory=list)
    new: bool = False
    scroll: int = 0
    gap: str = ""
    lines: list[Action] = field(default_factory=list)
    led: Link | None = None  # the tracked link that started it


def visit(row: Row, site_id: int, zone: ZoneInfo, locale: Locale) -> Visit:
    """A row of visits as it is shown."""
    began = instant(row["visit_start"]).astimezone(zone)
    return Visit(
        str(row["visit"]), person(row, site_id), began, str(format_date(began, "EEE d MMM", locale=locale)),
        str(format_time(began, "short", locale=locale)), duration(float(row.get("duration") or 0)),
        int(row.get("views") or 0), int(row.get("actions") or 0), str(row.get("entry_page") or ""),
        str(row.get("exit_page") or ""), str(row.get("referrer") or ""), str(row.get("utm_campaign") or ""),
        str(row.get("ip") or ""), sorted((str(k), str(v)) for k, v in (row.get("tags") or {}).items() if v),
        bool(row.get("is_new")), int(row.get("scroll") or 0),
    )  # fmt: skip


GAPS = ((60, ""), (600, "gap-1"), (3600, "gap-2"), (86_400, "gap-3"), (604_800, "gap-4"))


def gap(seconds: float) -> str:
    """The class of an empty stretch of time: a timeline shows gaps to a scale of steps."""
    return next((name for limit, name in GAPS if seconds < limit), "gap-5")


def waited(seconds: float) -> str:
    """A gap in words, where it is worth any."""
    if seconds < 60:
        return ""
    if seconds < 86_400:
        return f"{duration(seconds)} later"
    return f"{round(seconds / 86_400)} days later" if seconds >= 129_600 else "a day later"


def with_attention(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows without pings, whose attention is added to the views they belong to."""
    engaged: dict[Any, int] = {}
    for row in rows:
        engaged[row["view_id"]] = engaged.get(row["view_id"], 0) + int(row["engaged"] or 0)
    shown_rows = [row for row in rows if row["kind"] != "ping"]
    return [{**row, "engaged": engaged[row["view_id"]]} if row["kind"] == "view" else row for row in shown_rows]
