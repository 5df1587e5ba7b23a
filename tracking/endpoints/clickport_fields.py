"""Translate the JSON of POST /api/event into a hit."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import orjson

from accounts.host_names import normalize_host
from accounts.security.client_ip import normalize_address
from sites.site_config import SiteConfig
from tracking.endpoints.common import create_hit, parse_json_amount, parse_number
from tracking.event import Hit
from tracking.pipeline.page import split_address
from tracking.web import EndpointRequest

KINDS = {
    "pageview": "view", "custom": "event", "event": "event", "click": "click", "form": "form", "ping": "ping",
    "outbound": "outbound", "download": "download", "goal": "goal",
}  # fmt: skip
MAX_VALUE_LENGTH = 2000  # characters of an event property
MAX_AGE = timedelta(days=3653)
NO_PAGE_SCHEME = re.compile(r"(?:javascript|vbscript|data|blob|about|mailto|tel):", re.IGNORECASE)
SHORT_NAMES = {"url": "u", "referrer": "r", "name": "n"}  # as compact page scripts of this kind send them


class BadEvent(ValueError):
    """An invalid event; the message is sent to the client."""


def to_text(value: object) -> str:
    """Return a JSON text or number as text; "" for any other value."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def get_text(data: dict[str, object], name: str) -> str:
    """Return a field, also by its short name, as text."""
    return to_text(data.get(name)) or to_text(data.get(SHORT_NAMES.get(name, ""), ""))


def find_page_host(request: EndpointRequest, data: dict[str, object]) -> str:
    """Return the host of the page that sends the event: of `url`, else of the headers Origin and Referer."""
    headers = request.headers
    for url in (get_text(data, "url"), headers.get("origin", ""), headers.get("referer", "")):
        if host := split_address(url)[0]:
            return host
    return ""


def parse_time(value: object, now: datetime) -> datetime | None:
    """Parse a time: ISO 8601, or Unix seconds or milliseconds; None without one. Raises BadEvent."""
    if value in (None, ""):
        return None
    try:
        if isinstance(value, int | float):
            parsed = datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
        else:
            parsed = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError) as error:
        raise BadEvent("timestamp is not a time") from error
    parsed = parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    if not now - MAX_AGE <= parsed <= now + timedelta(minutes=5):
        raise BadEvent("timestamp lies in the future or more than ten years back")
    return min(parsed, now)


def parse_properties(data: dict[str, object]) -> dict[str, str]:
    """Parse the event properties: `meta_keys` and `meta_values` in parallel, or an object `props`."""
    keys, values = data.get("meta_keys"), data.get("meta_values")
    parsed = data.get("props") or data.get("p")
    pairs = dict(parsed) if isinstance(parsed, dict) else {}
    if isinstance(keys, list) and isinstance(values, list):
        pairs.update(zip([to_text(key) for key in keys], values, strict=False))
    return to_texts(pairs.items())


def to_texts(pairs: Iterable[tuple[object, object]]) -> dict[str, str]:
    """Return named values as texts, without those that are null."""
    return {name: format_value(value) for key, value in pairs if (name := to_text(key)) and value is not None}


def format_value(value: object) -> str:
    """Format a JSON value as the tracker does: booleans as `true`, arrays and objects as JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return orjson.dumps(value).decode()[:MAX_VALUE_LENGTH]
    return to_text(value)[:MAX_VALUE_LENGTH]


def parse_revenue(data: dict[str, object]) -> tuple[float, str]:
    """Return amount and currency; `revenue_currency` overrides a currency within the amount. Raises BadEvent."""
    parsed = parse_json_amount(data.get("revenue_amount"))
    if parsed is None:
        raise BadEvent("revenue_amount is not an amount such as 19.99")
    return parsed.value, get_text(data, "revenue_currency") or parsed.currency


def build_page_address(data: dict[str, object], site: SiteConfig, host: str) -> str:
    """Return the page's absolute address from an address, a path on `host`, or `host.of.site/path`. Raises BadEvent."""
    url = get_text(data, "url").strip()
    if not url:
        raise BadEvent("url is missing")
    if not isinstance(data.get("url") or data.get("u"), str) or NO_PAGE_SCHEME.match(url):
        raise BadEvent("url is not the address of a page, such as https://example.com/pricing")
    if split_address(url)[0]:
        return url
    host_part = normalize_host(url.partition("/")[0])
    if host_part and (host_part in site.hosts.exact or f".{host_part}".endswith(f".{site.domain}")):
        return f"https://{url}"
    return f"https://{host}/{url.lstrip('/')}"


def parse_event(request: EndpointRequest, site: SiteConfig, data: dict[str, object], keyed: bool, trusted: bool) -> Hit:
    """Translate one event into a hit. Raises BadEvent."""
    kind = KINDS.get(to_text(data.get("type")) or "pageview")
    short_name = to_text(data.get("n"))
    if "type" not in data and short_name:
        kind = "view" if short_name == "pageview" else "event"
    if kind is None:
        raise BadEvent("type is none of pageview, custom, click, form")
    hit = create_hit(request, site, kind)
    hit.keyed = keyed
    hit.url = build_page_address(data, site, site.domain if keyed else find_page_host(request, data))
    hit.referrer, hit.name = get_text(data, "referrer"), get_text(data, "name")
    hit.title, hit.language, hit.timezone = (get_text(data, name) for name in ("title", "language", "timezone"))
    hit.utm = {name: get_text(data, name) for name in data if isinstance(name, str) and name.startswith("utm_")}
    width = int(min(99_999, max(0, parse_number(data.get("screen_width")))))
    height = int(min(99_999, max(0, parse_number(data.get("screen_height")))))
    hit.screen = f"{width}x{height}" if width and height else str(width or "")
    hit.revenue, hit.currency = parse_revenue(data)
    hit.props, hit.event_id = parse_properties(data), get_text(data, "event_id")[:200]
    hit.target = get_text(data, "click_url") or get_text(data, "cu")
    hit.text = get_text(data, "click_text") or get_text(data, "ct")
    hit.session, hit.view_id = get_text(data, "session_id")[:16], get_text(data, "page_visit_id")[:16]
    hit.scroll = int(min(100, max(0, parse_number(data.get("scroll")))))
    hit.engaged = max(0.0, parse_number(data.get("engaged")))
    tags = data.get("visitor")
    hit.tags = to_texts(tags.items()) if isinstance(tags, dict) else {}
    return fill_trusted_hit(hit, data, request) if trusted else hit


def fill_trusted_hit(hit: Hit, data: dict[str, object], request: EndpointRequest) -> Hit:
    """Fill what only a trusted key may send: time of the event, address and user agent of the visitor."""
    hit.trusted = True
    hit.at = parse_time(data.get("timestamp"), request.now)
    hit.ip = normalize_address(get_text(data, "ip")) or hit.ip
    if "user_agent" in data:
        hit.user_agent, hit.headers = get_text(data, "user_agent"), {}
    return hit
