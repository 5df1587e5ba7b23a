"""Which visit: an open one goes on, or a new one begins. Half an hour of silence ends it, or the site's choice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sites.facts import SiteFacts
from tracking import newcomers
from tracking.hit import Event, Hit, Refused
from tracking.seen import event_number
from tracking.steps.device import cookie_device, hashed_device
from tracking.steps.source import read_source
from tracking.visits import Key, Visit, Windows, new_number, visits_of_bots, windows

IDLE_MINUTES = 30
BACKDATED = timedelta(hours=1)
ORIGIN = (
    "referrer", "referrer_domain", "source", "channel", "search_term",
    "utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term",
)  # fmt: skip
LINK = ("link_id", "group_id", "click_id")
CARRIED = (*ORIGIN, *LINK)
TOLD = ("screen", "language")  # of the visitor, yet not every event tells them
NEEDS_VISIT = frozenset({"ping"})  # says nothing worth a visit of its own


def milliseconds(moment: datetime) -> int:
    """Unix time in milliseconds."""
    return int(moment.timestamp() * 1000)


@lru_cache(maxsize=50_000)
def moment(unix_ms: int) -> datetime:
    """The time of a number of milliseconds since 1970; all events of a visit ask for the same one."""
    return datetime.fromtimestamp(unix_ms / 1000, UTC)


def idle_time(hit: Hit, facts: SiteFacts) -> int:
    """How long this visit stays open without a sign of life, in milliseconds."""
    minutes = hit.timeout or facts.tracker.get("timeout")
    if not minutes:
        return IDLE_MINUTES * 60_000
    return int(min(240, max(5, minutes)) * 60_000) if isinstance(minutes, int | float) else IDLE_MINUTES * 60_000


def still_open(visit: Visit | None, at: int, idle: int) -> bool:
    """Whether an event at this time belongs to the visit."""
    return visit is not None and visit.start - idle <= at <= visit.last + idle


def find_open(known: Windows, hit: Hit, facts: SiteFacts, event: Event, at: int, idle: int) -> tuple[Key, Visit | None]:
    """The open visit and the key it is kept under: by the client's number, by device, by the device it was before."""
    if hit.session and hit.session.isascii() and hit.session.isdigit() and len(hit.session) <= 16:
        found = known.by_number(facts.site_id, int(hit.session))
        if found and still_open(found[1], at, idle):
            return found
    past = 1 if hit.at is not None and hit.now - hit.at > BACKDATED else 0
    key: Key = (facts.site_id, event["device"], past)
    visit = known.get(key)
    if visit is not None and visit.start - idle <= at <= visit.last + idle:
        return key, visit
    if cookie_device(hit, facts):
        return key, None if past else before_consent(hit, facts, event, at, idle)
    since_midnight = event["ts"].hour * 60 + event["ts"].minute
    if since_midnight <= idle / 60_000:
        yesterday = hashed_device(hit, facts, event["ts"].date() - timedelta(days=1))
        older: Key = (facts.site_id, yesterday, past)
        visit = known.get(older)
        if still_open(visit, at, idle):
            return older, visit
    return key, None


def before_consent(hit: Hit, facts: SiteFacts, event: Event, at: int, idle: int) -> Visit | None:
    """The visit this browser began without a cookie, where its cookie is a new one: consent must not split a visit.

    A cookie seen before is somebody who came back, not somebody behind the same address who just consented.
    """
    if facts.cookies != "consent" or newcomers.known(facts.site_id, event["device"]):
        return None
    visit = windows().get((facts.site_id, hashed_device(hit, facts, event["ts"].date()), 0))
    if not still_open(visit, at, idle):
        return None
    newcomers.first_time(facts.site_id, event["device"])
    return visit


def open_visit(hit: Hit, facts: SiteFacts, event: Event, at: int, is_new: bool) -> Visit:
    """A new visit that begins with this event. Only now it matters where the visitor came from, so only now it is
    read: every later event of the visit has the source that the visit began with."""
    read_source(hit, facts, event)
    origin: dict[str, Any] = {name: event[name] for name in CARRIED if event.get(name)}
    return Visit(new_number(), event["device"], at, at, is_new=int(is_new), origin=origin)


def carry_origin(event: Event, visit: Visit) -> None:
    """Give an event of an open visit the source the visit began with, whatever page the visitor returns from.

    A payment page or a log-in elsewhere sends people back in the middle of a visit, and did not bring them. A view
    that a click on a tracked link led to keeps that link.
    """
    own_link = {name: event[name] for name in LINK if name in event} if "click_id" in event else None
    for name in ORIGIN:
        if name in event:
            del event[name]
    event.update(visit.origin)
    if own_link and own_link["click_id"]:
        event.update(own_link)


def view_number(text: str) -> int:
    """A view's number from the hexadecimal one of tracker or door; 0 for anything else."""
    try:
        return int(text[:16], 16) & (2**53 - 1) if text else 0
    except ValueError:
        return 0


def share_screen_and_language(visit: Visit, event: Event) -> None:
    """Give the event the screen and language of its visit, so that the visit counts under one value of each."""
    told = visit.told
    for name in TOLD:
        if name in told:
            event[name] = told[name]
        elif event.get(name):
            told[name] = event[name]


def join_visit(hit: Hit, facts: SiteFacts, event: Event) -> Refused | None:
    """Fill visit, its start, the view and the event's own number."""
    at, idle = milliseconds(event["ts"]), idle_time(hit, facts)
    known = windows()
    key, visit = find_open(known, hit, facts, event, at, idle)
    mine: Visit | None = None
    if visit is None:
        if hit.kind in NEEDS_VISIT or not hit.ip:
            return Refused("unknown_visit")
        mine = open_visit(hit, facts, event, at, newcomers.first_time(event["site_id"], event["device"]))
        visit = known.opened(key, mine)
    if visit is not mine:
        carry_origin(event, visit)
    if at > visit.last:
        visit.last = at  # its start stays, however late what happened before it comes: events carry it
    fill_visit(hit, facts, event, visit)
    known.put(key, visit)
    return None


def join_visit_of_bot(hit: Hit, facts: SiteFacts, event: Event) -> Refused | None:
    """Fill the same of an event that is set apart.

    It belongs to the open visit of its device, if there is one, and leaves that as it is; else to a visit of bots,
    which takes no place among those of people and makes no device known.
    """
    at, idle = milliseconds(event["ts"]), idle_time(hit, facts)
    _, visit = find_open(windows(), hit, facts, event, at, idle)
    if visit is not None:
        carry_origin(event, visit)
        fill_visit(hit, facts, event, replace(visit))
        return None
    key: Key = (facts.site_id, event["device"], 0)
    visit = visits_of_bots.get(key)
    if visit is not None and still_open(visit, at, idle):
        carry_origin(event, visit)
        visit.last = max(visit.last, at)
    elif hit.kind in NEEDS_VISIT or not hit.ip:
        return Refused("unknown_visit")
    else:
        visit = open_visit(hit, facts, event, at, not newcomers.known(facts.site_id, event["device"]))
    fill_visit(hit, facts, event, visit)
    visits_of_bots.put(key, visit)
    return None


def fill_visit(hit: Hit, facts: SiteFacts, event: Event, visit: Visit) -> None:
    """Fill the event's columns of its visit, its view and its own number; a view becomes the visit's last one."""
    view = view_number(hit.view_id) if hit.view_id else 0
    if hit.kind == "view":
        visit.view = view or new_number()
    event["view_id"] = view or visit.view
    share_screen_and_language(visit, event)
    event["device"], event["visit"], event["is_new"] = visit.device, visit.number, visit.is_new
    event["visit_start"] = moment(visit.start)
    event["person"] = hit.tags.get("username", "")[:255] if hit.tags else ""
    event["id"] = event_number(facts.site_id, hit.event_id) if hit.event_id else new_number()
