"""Join the event to an open visit or begin a new one. A visit ends after 30 idle minutes, or as the site chose."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sites.site_config import SiteConfig
from tracking.event import Event, Hit, Rejection
from tracking.pipeline.device import hash_device, parse_cookie_device
from tracking.pipeline.source import fill_source
from tracking.schema import LINK_COLUMNS, ORIGIN_COLUMNS
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
    minutes = hit.timeout or site.tracker.get("timeout")
    if not minutes:
        return DEFAULT_IDLE_MINUTES * 60_000
    return (
        int(min(240, max(5, minutes)) * 60_000) if isinstance(minutes, int | float) else DEFAULT_IDLE_MINUTES * 60_000
    )


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
    fill_source(hit, site, event)
    origin: dict[str, Any] = {name: event[name] for name in CARRIED_COLUMNS if event.get(name)}
    return OpenVisit(generate_id(), event["device"], at, at, is_new=int(is_new), origin=origin)


def copy_origin(event: Event, visit: OpenVisit) -> None:
    """Give the event the source that its visit began with.

    A payment page or an external sign-in sends visitors back in the middle of a visit; it is not their source. A view
    that a click on a tracked link led to keeps that link.
    """
    own_link = {name: event[name] for name in LINK_COLUMNS if name in event} if "click_id" in event else None
    for name in ORIGIN_COLUMNS:
        if name in event:
            del event[name]
    event.update(visit.origin)
    if own_link and own_link["click_id"]:
        event.update(own_link)


def parse_view_id(text: str) -> int:
    """Parse a hexadecimal view id of up to 16 digits to an integer below 2**53; 0 for anything else."""
    try:
        return int(text[:16], 16) & (2**53 - 1) if text else 0
    except ValueError:
        return 0


def copy_screen_and_language(visit: OpenVisit, event: Event) -> None:
    """Give the event the first screen and language of its visit, so that a visit counts under one value of each."""
    reported = visit.reported
    for name in VISITOR_COLUMNS:
        if name in reported:
            event[name] = reported[name]
        elif event.get(name):
            reported[name] = event[name]


def join_visit(hit: Hit, site: SiteConfig, event: Event) -> Rejection | None:
    """Fill the visit, its start, the view and the event's id; open a visit where none is open."""
    at, idle = to_milliseconds(event["ts"]), get_idle_ms(hit, site)
    visits = get_visit_store()
    key, visit = find_open(visits, hit, site, event, at, idle)
    opened: OpenVisit | None = None
    if visit is None:
        if hit.kind in KINDS_WITHIN_VISITS or not hit.ip:
            return Rejection("unknown_visit")
        opened = open_visit(hit, site, event, at, first_seen.register_device(event["site_id"], event["device"]))
        visit = visits.claim_opening(key, opened)
    if visit is not opened:
        copy_origin(event, visit)
    if at > visit.last:
        visit.last = at  # `start` never moves, even if an earlier event arrives late: it is part of the key
    fill_visit_columns(hit, site, event, visit)
    visits.put(key, visit)
    return None


def join_bot_visit(hit: Hit, site: SiteConfig, event: Event) -> Rejection | None:
    """Fill the same columns of a quarantined event.

    It joins the open visit of its device, if there is one, without changing it; else a visit among those of bots,
    which takes no memory from people's visits and does not register the device as seen.
    """
    at, idle = to_milliseconds(event["ts"]), get_idle_ms(hit, site)
    _, visit = find_open(get_visit_store(), hit, site, event, at, idle)
    if visit is not None:
        copy_origin(event, visit)
        fill_visit_columns(hit, site, event, replace(visit))
        return None
    key: VisitKey = (site.site_id, event["device"], 0)
    visit = bot_visits.get(key)
    if visit is not None and is_open(visit, at, idle):
        copy_origin(event, visit)
        visit.last = max(visit.last, at)
    elif hit.kind in KINDS_WITHIN_VISITS or not hit.ip:
        return Rejection("unknown_visit")
    else:
        visit = open_visit(hit, site, event, at, not first_seen.was_seen(site.site_id, event["device"]))
    fill_visit_columns(hit, site, event, visit)
    bot_visits.put(key, visit)
    return None


def fill_visit_columns(hit: Hit, site: SiteConfig, event: Event, visit: OpenVisit) -> None:
    """Fill the event's columns of its visit, its view and its own id; a page view becomes the visit's current one."""
    view_id = parse_view_id(hit.view_id) if hit.view_id else 0
    if hit.kind == "view":
        visit.view_id = view_id or generate_id()
    event["view_id"] = view_id or visit.view_id
    copy_screen_and_language(visit, event)
    event["device"], event["visit"], event["is_new"] = visit.device, visit.id, visit.is_new
    event["visit_start"] = from_milliseconds(visit.start)
    event["person"] = hit.tags.get("username", "")[:255] if hit.tags else ""
    event["id"] = derive_event_id(site.site_id, hit.event_id) if hit.event_id else generate_id()
