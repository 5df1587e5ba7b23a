"""Visits and actions formatted for lists: who, from where, doing what. Built from rows of the query engine's lists."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_time
from django.urls import reverse

from reports.formatting import format_duration, format_money
from reports.labels import LinkLabel, build_nickname, label_value
from reports.query.analyses.visit_lists import Visit
from reports.query.dimensions import DIMENSIONS
from reports.query.vocabulary import format_country
from tracking.event import Event

UTC = ZoneInfo("UTC")
VERBS = {
    "view": "viewed", "event": "did", "click": "clicked", "outbound": "left for", "download": "downloaded",
    "form": "sent the form", "video": "watched", "goal": "reached", "conversion": "converted", "refund": "was refunded",
    "link": "followed the link", "pixel": "opened", "set": "was named",
}  # fmt: skip
DEVICE_ICONS = {"Mobile": "mobile", "Tablet": "tablet", "TV": "tv", "Console": "tv"}
VISIT_COLORS = 8  # colors by which the visits of a list are distinguished
# The Equal Earth projection, and the scale and origin of static/map/world.svg
A1, A2, A3, A4, M = 1.340264, -0.081106, 0.000893, 0.003796, math.sqrt(3) / 2
MAP_SCALE, MAP_LEFT, MAP_TOP = 179.218, 480.0, 244.968
# Seconds below which a pause gets a class of its own: a timeline displays pauses in steps
PAUSE_CLASSES = ((60, ""), (600, "gap-1"), (3600, "gap-2"), (86_400, "gap-3"), (604_800, "gap-4"))


def project_on_map(latitude: float, longitude: float) -> tuple[str, str] | None:
    """Return the coordinates on static/map/world.svg; None where the place is unknown (0, 0)."""
    if not latitude and not longitude:
        return None
    lambda_ = math.radians(longitude)
    theta = math.asin(M * math.sin(math.radians(latitude)))
    theta2 = theta * theta
    theta6 = theta2**3
    x = lambda_ * math.cos(theta) / (M * (A1 + 3 * A2 * theta2 + theta6 * (7 * A3 + 9 * A4 * theta2)))
    y = theta * (A1 + A2 * theta2 + theta6 * (A3 + A4 * theta2))
    return f"{MAP_LEFT + MAP_SCALE * x:.1f}", f"{MAP_TOP - MAP_SCALE * y:.1f}"


def parse_instant(value: object) -> datetime:
    """Return a time of the store, of a spool file (text) or in seconds or milliseconds as an aware datetime."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
    parsed = datetime.fromisoformat(str(value))
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class VisitorSummary:
    """The visitor of an action or a visit: name, place, source and technology."""

    name: str
    place: str
    code: str
    source: str
    referrer: str
    technology: str
    icon: str
    href: str
    visit_href: str
    color_class: str
    dot: tuple[str, str] | None
    ip: str
    is_named: bool  # the site has sent a name for the visitor


def format_place(row: Event) -> str:
    """Return the city and country of a row."""
    country = format_country(str(row.get("country") or ""))
    return ", ".join(part for part in (str(row.get("city") or ""), country) if part) or "Somewhere"


def build_visitor(row: Event, site_id: int) -> VisitorSummary:
    """Return the visitor of a row of events or visits."""
    device, visit = int(row.get("device") or 0), int(row.get("visit") or 0)
    technology = " · ".join(filter(None, (row.get("browser"), row.get("os"))))
    return VisitorSummary(
        name=str(row.get("person") or "") or build_nickname(device),
        place=format_place(row),
        code=str(row.get("country") or ""),
        source=label_value(DIMENSIONS["source"], row.get("source") or ""),
        referrer=str(row.get("referrer") or ""),
        technology=technology,
        icon=DEVICE_ICONS.get(str(row.get("device_type") or ""), "monitor"),
        href=reverse("dashboard:visitor", args=[site_id, device]),
        visit_href=reverse("dashboard:visit", args=[site_id, visit]),
        color_class=f"visit-color-{visit % VISIT_COLORS}",
        dot=project_on_map(float(row.get("latitude") or 0), float(row.get("longitude") or 0)),
        ip=str(row.get("ip") or ""),
        is_named=bool(row.get("person")),
    )


@dataclass(frozen=True, kw_only=True)
class ActionRow:
    """One row of Spy or of a visit."""

    verb: str
    what: str
    title: str
    link: str  # the external address, if there is one
    at: datetime
    clock: str
    visitor: VisitorSummary
    kind: str
    view_id: str
    visit: str
    seconds: int  # engaged time so far; grows while pings arrive
    engaged: str  # the same in words; empty for none
    revenue: str = ""
    pause_class: str = ""  # CSS class of the space before it
    pause: str = ""  # since the action before it, in words


def describe_object(row: Event) -> str:
    """Return what an action is of: the page, or the text, name or address of another action."""
    if row.get("kind") == "view":
        return str(row.get("path") or "/")
    return str(row.get("text") or row.get("name") or row.get("target") or row.get("path") or "")


def build_action(row: Event, site_id: int, zone: ZoneInfo, locale: Locale) -> ActionRow:
    """Format a row of events."""
    at = parse_instant(row["ts"]).astimezone(zone)
    kind = str(row.get("kind") or "view")
    engaged = float(row.get("engaged") or 0) / 1000
    revenue = row.get("revenue") or 0
    host = str(row.get("host") or "")
    page = f"https://{host}{row.get('path') or '/'}" if host and kind == "view" else str(row.get("target") or "")
    return ActionRow(
        verb=VERBS.get(kind, kind),
        what=describe_object(row),
        title=str(row.get("title") or ""),
        link=page,
        at=at,
        clock=str(format_time(at, "medium", locale=locale)),
        visitor=build_visitor(row, site_id),
        kind=kind,
        view_id=str(row.get("view_id") or 0),
        visit=str(row.get("visit") or 0),
        seconds=round(engaged),
        engaged=format_duration(engaged) if engaged else "",
        revenue=format_money(revenue, locale, str(row.get("currency") or "")) if float(revenue) else "",
    )


@dataclass(kw_only=True)
class VisitRow:
    """One visit of a list or of a visitor's history."""

    number: str
    visitor: VisitorSummary
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
    pause: str = ""  # since the visit before it, in words
    lines: list[ActionRow] = field(default_factory=list)
    link: LinkLabel | None = None  # the tracked link that started it


def build_visit(row: Visit, site_id: int, zone: ZoneInfo, locale: Locale) -> VisitRow:
    """Format a row of visits."""
    began = parse_instant(row["visit_start"]).astimezone(zone)
    return VisitRow(
        number=str(row["visit"]),
        visitor=build_visitor(row, site_id),
        began=began,
        day=str(format_date(began, "EEE d MMM", locale=locale)),
        clock=str(format_time(began, "short", locale=locale)),
        length=format_duration(float(row.get("duration") or 0)),
        views=int(row.get("views") or 0),
        actions=int(row.get("actions") or 0),
        entry=str(row.get("entry_page") or ""),
        exit=str(row.get("exit_page") or ""),
        referrer=str(row.get("referrer") or ""),
        campaign=str(row.get("utm_campaign") or ""),
        ip=str(row.get("ip") or ""),
        tags=sorted((str(k), str(v)) for k, v in (row.get("tags") or {}).items() if v),
        new=bool(row.get("is_new")),
        scroll=int(row.get("scroll") or 0),
    )


def choose_pause_class(seconds: float) -> str:
    """Return the CSS class of the space that a pause takes in a timeline."""
    return next((name for limit, name in PAUSE_CLASSES if seconds < limit), "gap-5")


def format_pause(seconds: float) -> str:
    """Format a pause, such as "1h 01m later"; empty below a minute."""
    if seconds < 60:
        return ""
    if seconds < 86_400:
        return f"{format_duration(seconds)} later"
    return f"{round(seconds / 86_400)} days later" if seconds >= 129_600 else "a day later"


def merge_pings(rows: list[Event]) -> list[Event]:
    """Return the rows without pings, whose engaged time is added to the page views they belong to."""
    engaged: dict[int, int] = {}
    for row in rows:
        engaged[row["view_id"]] = engaged.get(row["view_id"], 0) + int(row["engaged"] or 0)
    return [
        {**row, "engaged": engaged[row["view_id"]]} if row["kind"] == "view" else row
        for row in rows
        if row["kind"] != "ping"
    ]
