"""Heatmap capture: clicks with coordinates and element, and scroll reach, in a table of their own.

A beacon brings rows `href|x|y|w` (Clicky's) or `href|x|y|w|kind|ox|oy|element` (ours, `static/tracker/WIRE.md`, 4).
It passes the same pipeline as every hit, so hosts, exclusions, privacy and bots hold; then each row becomes one row
of `heat`: page coordinates in CSS pixels, and offsets within the element in per mille of its size.

A site chooses in `Site.tracker`: `heatmap` is the share of devices that record (0 to 1, true = all, the default),
`heatmap_off` a list of paths (`*` as wildcard) that record nothing.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sites.facts import SiteFacts
from sites.page_patterns import PagePatterns
from tracking import intake, seen, spool
from tracking.doors.clicky_fields import fill
from tracking.doors.common import Fields, new_hit, number, one, page_url
from tracking.hit import Event, Hit, Refused
from tracking.pipeline import SetApart, process
from tracking.steps.page import clip, read_address
from tracking.web import Request

KINDS = ("click", "rage", "dead", "reach")
MOST_ROWS = 100
LONGEST_ELEMENT = 500
SHARES = 10_000


def share(facts: SiteFacts) -> float:
    """The part of devices this site records, 0 to 1."""
    chosen = facts.tracker.get("heatmap", True)
    return min(1.0, max(0.0, float(chosen))) if isinstance(chosen, int | float) else 0.0


def sampled(facts: SiteFacts, device: int) -> bool:
    """Whether this device records: always the same answer, so whole visits are recorded or not."""
    mixed = (device * 0x9E3779B97F4A7C15) & (2**64 - 1)
    return (mixed >> 32) % SHARES < share(facts) * SHARES


@lru_cache(maxsize=2000)
def _off(patterns: tuple[str, ...]) -> PagePatterns:
    return PagePatterns(patterns)


def page_is_off(facts: SiteFacts, path: str) -> bool:
    """Whether the site records nothing on this page."""
    chosen = facts.tracker.get("heatmap_off") or ()
    return isinstance(chosen, list | tuple) and _off(tuple(map(str, chosen))).match(path)


def wanted(facts: SiteFacts, event: Event) -> bool:
    """Whether clicks of this event's device on this event's page are recorded."""
    return sampled(facts, event.get("device", 0)) and not page_is_off(facts, event.get("path", ""))


def receive(request: Request, fields: Fields, facts: SiteFacts) -> Refused | None:
    """Store a heatmap beacon's rows; or the refusal, counted."""
    hit = new_hit(request, facts, "ping")
    fill(hit, fields, request.headers.get("referer") or request.headers.get("origin", ""))
    reason = _store(hit, fields, facts)
    return intake.turn_away(facts.site_id, reason, request.now) if reason else None


def _store(hit: Hit, fields: Fields, facts: SiteFacts) -> str:
    """The reason why not; "" when the rows are in the kernel's hands."""
    if hit.event_id and seen.repeated(facts.site_id, hit.event_id, hit.brief_id, hit.now):
        return "duplicate"
    event = process(hit, facts)
    if isinstance(event, SetApart):  # of a bot nothing is kept here
        return "no_heatmap"
    if isinstance(event, Refused):
        return event.reason
    if not wanted(facts, event):
        return "no_heatmap"
    page = {"host": one(fields, "host"), "layout": one(fields, "lw"), "height": one(fields, "lh")}
    texts = fields.every("heatmap[]")[:MOST_ROWS]
    rows = [row for text in texts if (row := heat_row(text, event, facts, page)) is not None]
    if not rows:
        return "bad_request"
    try:
        spool.write_rows("heat", rows)
    except (spool.SpoolFull, OSError):
        return "spool_full"
    return ""


def heat_row(text: str, event: Event, facts: SiteFacts, page: dict[str, str]) -> dict[str, Any] | None:
    """One click as a row; None for what is none, or lies on a page that records nothing."""
    parts = text.split("|", 7)
    if len(parts) not in (4, 8) or not all(_is_number(part) for part in parts[1:4]):
        return None
    kind, offset_x, offset_y, element = parts[4:] if len(parts) == 8 else ("click", "0", "0", "")
    address = page_url(parts[0].replace("%7C", "|"), page["host"] or event["host"], "")
    chosen = facts.tracker
    path = read_address(clip(address, 8000), bool(chosen.get("internal_search")), bool(chosen.get("hash_routes"))).path
    if kind not in KINDS or page_is_off(facts, path):
        return None
    return {
        **{name: event[name] for name in ("site_id", "ts", "device", "visit", "view_id", "host")},
        "device_type": event.get("device_type", ""),
        "path": path, "kind": kind, "element": clip(element.replace("%7C", "|"), LONGEST_ELEMENT),
        "x": _within(parts[1], 2**31), "y": _within(parts[2], 2**31), "viewport": _within(parts[3], 65_535),
        "layout": _within(page["layout"] or parts[3], 65_535), "layout_height": _within(page["height"], 2**31),
        "offset_x": _within(offset_x, 1000), "offset_y": _within(offset_y, 1000),
    }  # fmt: skip


def _is_number(text: str) -> bool:
    return bool(text) and (number(text) != 0 or text.strip("0.-") == "")


def _within(text: str, most: int) -> int:
    return int(min(most, max(0, number(text))))
