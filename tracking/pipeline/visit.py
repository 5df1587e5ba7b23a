"""Join the event to an open visit or begin a new one. A visit ends after 30 idle minutes, or as the site chose."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sites.site_config import SiteConfig
from tracking.event import Event, Hit, Rejection
from tracking.pipeline.device import hash_device, parse_cookie_device
from tracking.pipeline.source import find_source_columns
from tracking.schema import LINK_COLUMNS, select_columns
from tracking.state import first_seen
from tracking.state.deduplication import derive_event_id
from tracking.state.visits import (
    CARRIED_COLUMNS,
    VISITOR_COLUMNS,
    OpenVisit,
    VisitKey,
    VisitStore,
    bot_visits,
    from_milliseconds,
    generate_id,
    get_visit_store,
    to_milliseconds,
)

DEFAULT_IDLE_MINUTES = 30
BACKDATED_AFTER = timedelta(hours=1)
KINDS_WITHIN_VISITS = frozenset({"ping"})  # never begin a visit


def get_idle_ms(hit: Hit, site: SiteConfig) -> int:
    """Return after how many idle milliseconds the visit ends."""
    minutes = hit.timeout or site.tracker.timeout or DEFAULT_IDLE_MINUTES
    return min(240, max(5, minutes)) * 60_000


def is_open(visit: OpenVisit | None, at: int, idle: int) -> bool:
    """Return whether an event at this time (Unix ms) belongs to the visit."""
    return visit is not None and visit.start - idle <= at <= visit.last + idle


def find_open(
    visits: VisitStore, hit: Hit, site: SiteConfig, event: Event, at: int, idle: int
) -> tuple[VisitKey, OpenVisit | None]:
    """Return the open visit, or None, and its key: by the number the client sent, by device, or by yesterday's device.

    The hash of a device changes at midnight UTC, and a visit must survive that.
    """
    if hit.session and hit.session.isascii() and hit.session.isdigit() and len(hit.session) <= 16:
        match = visits.by_id(site.site_id, int(hit.session))
        if match and is_open(match[1], at, idle):
            return match
    backdated = 1 if hit.at is not None and hit.now - hit.at > BACKDATED_AFTER else 0
    key: VisitKey = (site.site_id, event["device"], backdated)
    visit = visits.get(key)
    if visit is not None and visit.start - idle <= at <= visit.last + idle:
        return key, visit
    if parse_cookie_device(hit, site):
        return key, None if backdated else find_visit_before_consent(hit, site, event, at, idle)
    minutes_since_midnight = event["ts"].hour * 60 + event["ts"].minute
    if minutes_since_midnight <= idle / 60_000:
        old_device = hash_device(hit, site, event["ts"].date() - timedelta(days=1))
        old_key: VisitKey = (site.site_id, old_device, backdated)
        visit = visits.get(old_key)
        if is_open(visit, at, idle):
            return old_key, visit
    return key, None


def find_visit_before_consent(hit: Hit, site: SiteConfig, event: Event, at: int, idle: int) -> OpenVisit | None:
    """Return the visit that this browser began without a cookie, if its cookie is new: consent must not split a visit.

    An existing cookie belongs to a returning visitor, not to somebody behind the same address who just consented.
    """
    if site.cookies != "consent" or first_seen.was_seen(site.site_id, event["device"]):
        return None
    visit = get_visit_store().get((site.site_id, hash_device(hit, site, event["ts"].date()), 0))
    if not is_open(visit, at, idle):
        return None
    first_seen.register_device(site.site_id, event["device"])
    return visit


def open_visit(hit: Hit, site: SiteConfig, event: Event, at: int, is_new: bool) -> OpenVisit:
    """Begin a visit with this event. The source is parsed only here, since every later event keeps the visit's."""
    origin = select_columns({**event, **find_source_columns(hit, site, event)}, CARRIED_COLUMNS)
    return OpenVisit(generate_id(), event["device"], at, at, is_new=int(is_new), origin=origin)


def find_origin(event: Event, visit: OpenVisit) -> Event:
    """Return the source that the event's visit began with, which all events of the visit have.

    A payment page or an external sign-in sends visitors back in the middle of a visit; it is not their source. A view
    that a click on a tracked link led to keeps that link.
    """
    return {**visit.origin, **select_columns(event, LINK_COLUMNS)} if event.get("click_id") else visit.origin


def parse_view_id(text: str) -> int:
    """Parse a hexadecimal view id of up to 16 digits to an integer below 2**53; 0 for anything else."""
    try:
        return int(text[:16], 16) & (2**53 - 1) if text else 0
    except ValueError:
        return 0


def join_visit(hit: Hit, site: SiteConfig, event: Event) -> Event | Rejection:
    """Return the visit, its start and origin, the view and the event's id; open a visit where none is open."""
    at, idle = to_milliseconds(event["ts"]), get_idle_ms(hit, site)
    visits = get_visit_store()
    key, visit = find_open(visits, hit, site, event, at, idle)
    if visit is None:
        if hit.kind in KINDS_WITHIN_VISITS or not hit.ip:
            return Rejection("unknown_visit")
        is_new = first_seen.register_device(event["site_id"], event["device"])
        visit = visits.claim_opening(key, open_visit(hit, site, event, at, is_new))
    if at > visit.last:
        visit.last = at  # `start` never moves, even if an earlier event arrives late: it is part of the key
    columns = update_visit(visit, hit, event)
    visits.put(key, visit)
    return columns


def join_bot_visit(hit: Hit, site: SiteConfig, event: Event) -> Event | Rejection:
    """Return the same columns of a quarantined event.

    It joins the open visit of its device, if there is one, without changing it; else a visit among those of bots,
    which takes no memory from people's visits and does not register the device as seen.
    """
    at, idle = to_milliseconds(event["ts"]), get_idle_ms(hit, site)
    _, visit = find_open(get_visit_store(), hit, site, event, at, idle)
    if visit is not None:
        return update_visit(replace(visit), hit, event)
    key: VisitKey = (site.site_id, event["device"], 0)
    visit = bot_visits.get(key)
    if visit is not None and is_open(visit, at, idle):
        visit.last = max(visit.last, at)
    elif hit.kind in KINDS_WITHIN_VISITS or not hit.ip:
        return Rejection("unknown_visit")
    else:
        visit = open_visit(hit, site, event, at, not first_seen.was_seen(site.site_id, event["device"]))
    columns = update_visit(visit, hit, event)
    bot_visits.put(key, visit)
    return columns


def update_visit(visit: OpenVisit, hit: Hit, event: Event) -> Event:
    """Note in the visit what it takes over from the event, and return the event's columns of its visit, its view and
    its own id.

    A page view becomes the visit's current one. The first screen and language become those of all events, so that a
    visit counts under one value of each.
    """
    view_id = parse_view_id(hit.view_id) if hit.view_id else 0
    if hit.kind == "view":
        visit.view_id = view_id or generate_id()
    if len(visit.reported) < len(VISITOR_COLUMNS):
        visit.reported = {**select_columns(event, VISITOR_COLUMNS), **visit.reported}
    return {
        **find_origin(event, visit), **visit.reported, "view_id": view_id or visit.view_id, "visit": visit.id,
        "device": visit.device, "is_new": visit.is_new, "visit_start": from_milliseconds(visit.start),
        "person": find_person(hit, event),
        "id": derive_event_id(event["site_id"], hit.event_id) if hit.event_id else generate_id(),
    }  # fmt: skip


def find_person(hit: Hit, event: Event) -> str:
    """Return the username that the page or its address sent; "" if none."""
    tags = hit.tags if "username" in hit.tags else event.get("tags")
    return tags.get("username", "")[:255] if tags else ""
