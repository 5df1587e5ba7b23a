"""Heatmap beacons: clicks with coordinates and element, and scroll depth, in a table of their own.

A beacon brings rows `href|x|y|w` (Clicky's) or `href|x|y|w|kind|ox|oy|element` (ours, `static/tracker/WIRE.md`, 4).
It passes the same pipeline as every hit, so host checks, exclusions, privacy and bot checks apply; then each row
becomes one row of `heat`: page coordinates in CSS pixels, and offsets within the element in per mille of its size.

Settings of a site: `heatmap` is the share of devices that record, `heatmap_off` the paths (`*` as wildcard) on which
nothing is recorded.
"""

from __future__ import annotations

from functools import lru_cache

from sites.page_paths import PagePatterns
from sites.site_config import SiteConfig
from tracking import ingestion, spool
from tracking.endpoints.clicky_fields import fill_hit
from tracking.endpoints.common import build_page_url, create_hit, parse_number
from tracking.event import Event, Hit, Rejection
from tracking.pipeline.page import MAX_URL_LENGTH, clip_text, get_page_address
from tracking.pipeline.processing import Quarantine, process
from tracking.state.base import State
from tracking.web import EndpointRequest, Fields

KINDS = ("click", "rage", "dead", "reach")
MAX_ROWS = 100
MAX_ELEMENT_LENGTH = 500
SAMPLING_STEPS = 10_000


def is_sampled(site: SiteConfig, device: int) -> bool:
    """Return whether this device records. Constant per device, so a visit is recorded completely or not at all."""
    hashed = (device * 0x9E3779B97F4A7C15) & (2**64 - 1)
    return (hashed >> 32) % SAMPLING_STEPS < site.tracker.heatmap * SAMPLING_STEPS


@lru_cache(maxsize=2000)
def _compile_patterns(patterns: tuple[str, ...]) -> PagePatterns:
    return PagePatterns(patterns)


def is_page_off(site: SiteConfig, path: str) -> bool:
    """Return whether the site records nothing on this page."""
    return bool(site.tracker.heatmap_off) and _compile_patterns(site.tracker.heatmap_off).match(path)


def records_clicks(site: SiteConfig, event: Event) -> bool:
    """Return whether clicks of this event's device on this event's page are recorded."""
    return is_sampled(site, event.get("device", 0)) and not is_page_off(site, event.get("path", ""))


def receive_heatmap(request: EndpointRequest, fields: Fields, site: SiteConfig) -> Rejection | None:
    """Store a heatmap beacon's rows; return the counted rejection if they are not stored."""
    hit = create_hit(request, site, "ping")
    fill_hit(hit, fields, request.headers.get("referer") or request.headers.get("origin", ""))
    reason = _store_rows(hit, fields, site, request.state)
    return ingestion.reject_request(site.site_id, reason, request.now) if reason else None


def _store_rows(hit: Hit, fields: Fields, site: SiteConfig, state: State) -> str:
    """Write the rows to the spool; return the reason if they are not stored, else ""."""
    if hit.event_id and ingestion.was_sent_here(hit, state):
        return "duplicate"
    event = process(hit, site, state)
    if isinstance(event, Quarantine):  # bots' clicks are not stored at all
        return "no_heatmap"
    if isinstance(event, Rejection):
        return event.reason
    if not records_clicks(site, event):
        return "no_heatmap"
    page = {"host": fields.get("host", ""), "layout": fields.get("lw", ""), "height": fields.get("lh", "")}
    texts = fields.get_all("heatmap[]")[:MAX_ROWS]
    rows = [row for text in texts if (row := parse_row(text, event, site, page)) is not None]
    if not rows:
        return "bad_request"
    if hit.event_id:
        rows[0]["id"] = event["id"]  # no column: it says in the spool that the beacon is stored
    try:
        spool.write_rows("heat", rows)
    except (spool.SpoolFull, OSError):
        ingestion.release_id(hit, state)
        return "spool_full"
    return ""


def parse_row(text: str, event: Event, site: SiteConfig, page: dict[str, str]) -> dict[str, object] | None:
    """Parse one click to a row; None for an invalid one, or one on a page where nothing is recorded."""
    parts = text.split("|", 7)
    if len(parts) not in (4, 8) or not all(_is_number(part) for part in parts[1:4]):
        return None
    kind, offset_x, offset_y, element = parts[4:] if len(parts) == 8 else ("click", "0", "0", "")
    address = build_page_url(parts[0].replace("%7C", "|"), page["host"] or event["host"], "")
    path = get_page_address(clip_text(address, MAX_URL_LENGTH), site).path
    if kind not in KINDS or is_page_off(site, path):
        return None
    return {
        **{name: event[name] for name in ("site_id", "ts", "device", "visit", "view_id", "host")},
        "device_type": event.get("device_type", ""),
        "path": path, "kind": kind, "element": clip_text(element.replace("%7C", "|"), MAX_ELEMENT_LENGTH),
        "x": _clamp(parts[1], 2**31), "y": _clamp(parts[2], 2**31), "viewport": _clamp(parts[3], 65_535),
        "layout": _clamp(page["layout"] or parts[3], 65_535), "layout_height": _clamp(page["height"], 2**31),
        "offset_x": _clamp(offset_x, 1000), "offset_y": _clamp(offset_y, 1000),
    }  # fmt: skip


def _is_number(text: str) -> bool:
    return bool(text) and (parse_number(text) != 0 or text.strip("0.-") == "")


def _clamp(text: str, maximum: int) -> int:
    return int(min(maximum, max(0, parse_number(text))))
