"""Join the event to an open visit or begin a new one. A visit ends after 30 idle minutes, or as the site chose."""

from __future__ import annotations

from datetime import timedelta

from sites.site_config import SiteConfig
from tracking.event import Event, Hit, Rejection
from tracking.pipeline.device import hash_device, parse_cookie_device
from tracking.pipeline.source import find_source_columns
from tracking.schema import LINK_COLUMNS, select_columns
from tracking.state.base import State
from tracking.state.deduplication import create_sender_id, derive_event_id
from tracking.state.questions import JoinVisit
from tracking.state.visits import (
    CARRIED_COLUMNS,
    OpenVisit,
    VisitKey,
    from_milliseconds,
    generate_id,
    to_milliseconds,
)

DEFAULT_IDLE_MS = 30 * 60_000
BACKDATED_AFTER = timedelta(hours=1)
DAY_MS = 86_400_000
KINDS_WITHIN_VISITS = frozenset({"ping"})  # never begin a visit


def get_idle_ms(hit: Hit, site: SiteConfig) -> int:
    """Return after how many idle milliseconds the visit ends."""
    minutes = hit.timeout or site.tracker.timeout
    return min(240, max(5, minutes)) * 60_000 if minutes else DEFAULT_IDLE_MS


def build_question(hit: Hit, site: SiteConfig, event: Event, state: State) -> JoinVisit:
    """Build the question which visit the event belongs to: by the number the client sent, by device, or by the device
    without its cookie or before midnight. The hash of a device changes at midnight UTC, and a visit must survive that.
    """
    at, idle = to_milliseconds(event["ts"]), get_idle_ms(hit, site)
    backdated = 1 if hit.at is not None and hit.now - hit.at > BACKDATED_AFTER else 0
    question = JoinVisit(
        (site.site_id, event["device"], backdated), at, idle, event, open_visit=open_visit, basis=(hit, site)
    )
    if hit.session and hit.session.isascii() and hit.session.isdigit() and len(hit.session) <= 16:
        question.session = int(hit.session)
    if hit.event_id:
        question.sender_id = create_sender_id(hit.site_id, hit.event_id, hit.brief_id, hit.now)
    if site.cookies == "consent" and parse_cookie_device(hit, site):
        if not backdated:
            question.before_consent = find_key_before_consent(hit, site, event, state)
    elif at % DAY_MS < idle + 60_000 and not parse_cookie_device(hit, site):
        yesterday = event["ts"].date() - timedelta(days=1)
        question.yesterday = (site.site_id, hash_device(hit, site, yesterday, state), backdated)
    return question


def find_key_before_consent(hit: Hit, site: SiteConfig, event: Event, state: State) -> VisitKey:
    """Return the key of a visit that this browser began without a cookie: consent must not split a visit.

    It is joined only if the cookie is new. An existing cookie belongs to a returning visitor, not to somebody behind
    the same address who just consented.
    """
    return (site.site_id, hash_device(hit, site, event["ts"].date(), state), 0)


def open_visit(question: JoinVisit) -> OpenVisit | None:
    """Begin a visit with this event. The source is parsed only here, since every later event keeps the visit's."""
    hit, site = question.basis
    if hit.kind in KINDS_WITHIN_VISITS or not hit.ip:
        return None
    event, at = question.reported, question.at
    origin = select_columns({**event, **find_source_columns(hit, site, event)}, CARRIED_COLUMNS)
    return OpenVisit(generate_id(), event["device"], at, at, origin=origin)


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


def join_visit(hit: Hit, site: SiteConfig, event: Event, state: State, is_bot: bool = False) -> Event | Rejection:
    """Return the visit, its start and origin, the view and the event's id; open a visit where none is open.

    A bot's event joins the open visit of its device, if there is one, without changing it; else a visit among those of
    bots, which takes no memory from people's visits and does not register the device as seen.
    """
    view_id = parse_view_id(hit.view_id) if hit.view_id else 0
    question = build_question(hit, site, event, state)
    if is_bot:
        question.is_bot = True
    if hit.kind == "view":
        question.view_id = view_id or generate_id()
    visit = state.join_visit(question)
    if isinstance(visit, str):
        return Rejection(visit)
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
