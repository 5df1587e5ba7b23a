"""What the JSON of POST /api/event means."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from accounts.host_names import host_name
from accounts.security.client_ip import normalize_address
from sites.facts import SiteFacts
from tracking.doors.common import new_hit, number, read_amount
from tracking.hit import Hit
from tracking.steps.page import split_address
from tracking.web import Request

KINDS = {
    "pageview": "view", "custom": "event", "event": "event", "click": "click", "form": "form", "ping": "ping",
    "outbound": "outbound", "download": "download", "goal": "goal",
}  # fmt: skip
LONGEST_VALUE = 2000  # characters of a property
OLDEST = timedelta(days=3653)
NO_PAGE = re.compile(r"(?:javascript|vbscript|data|blob|about|mailto|tel):", re.IGNORECASE)
SHORT = {"url": "u", "referrer": "r", "name": "n"}  # how small page scripts of this family say it


class BadEvent(ValueError):
    """The event cannot be understood; the message is for its sender."""


def text_of(value: Any) -> str:
    """Text of a JSON value; "" for what is no text or number."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def word(data: dict[str, Any], name: str) -> str:
    """A field as text, also under its short name."""
    return text_of(data.get(name)) or text_of(data.get(SHORT.get(name, ""), ""))


def page_host(request: Request, data: dict[str, Any]) -> str:
    """The host of the page that speaks."""
    headers = request.headers
    for url in (word(data, "url"), headers.get("origin", ""), headers.get("referer", "")):
        if host := split_address(url)[0]:
            return host
    return ""


def moment(value: Any, now: datetime) -> datetime | None:
    """A stated time: ISO 8601, or Unix seconds or milliseconds. None when none is stated. Raises BadEvent."""
    if value in (None, ""):
        return None
    try:
        if isinstance(value, int | float):
            found = datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
        else:
            found = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError) as error:
        raise BadEvent("timestamp is not a time") from error
    found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    if not now - OLDEST <= found <= now + timedelta(minutes=5):
        raise BadEvent("timestamp lies in the future or more than ten years back")
    return min(found, now)


def properties(data: dict[str, Any]) -> dict[str, str]:
    """`meta_keys` and `meta_values` side by side, or a `props` object."""
    keys, values = data.get("meta_keys"), data.get("meta_values")
    found = data.get("props") or data.get("p")
    pairs = dict(found) if isinstance(found, dict) else {}
    if isinstance(keys, list) and isinstance(values, list):
        pairs.update(zip([text_of(key) for key in keys], values, strict=False))
    return texts(pairs.items())


def texts(pairs: Iterable[tuple[Any, Any]]) -> dict[str, str]:
    """Named values as texts; null says that there is no value."""
    return {name: value_text(value) for key, value in pairs if (name := text_of(key)) and value is not None}


def value_text(value: Any) -> str:
    """A JSON value as the text of a property, as the tracker sends it: `true`, and JSON for arrays and objects."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return orjson.dumps(value).decode()[:LONGEST_VALUE]
    return text_of(value)[:LONGEST_VALUE]


def revenue_of(data: dict[str, Any]) -> tuple[float, str]:
    """The amount and its currency, the stated one before the one the amount is written with. Raises BadEvent."""
    found = read_amount(data.get("revenue_amount"))
    if found is None:
        raise BadEvent("revenue_amount is not an amount such as 19.99")
    return found.value, word(data, "revenue_currency") or found.currency


def page_address(data: dict[str, Any], facts: SiteFacts, host: str) -> str:
    """The page's absolute address, from an address, a path on `host`, or a host of the site and a path. Raises
    BadEvent."""
    url = word(data, "url").strip()
    if not url:
        raise BadEvent("url is missing")
    if not isinstance(data.get("url") or data.get("u"), str) or NO_PAGE.match(url):
        raise BadEvent("url is not the address of a page, such as https://example.com/pricing")
    if split_address(url)[0]:
        return url
    first = host_name(url.partition("/")[0])
    if first and (first in facts.hosts.exact or f".{first}".endswith(f".{facts.domain}")):
        return f"https://{url}"
    return f"https://{host}/{url.lstrip('/')}"


def read_event(request: Request, facts: SiteFacts, data: dict[str, Any], keyed: bool, trusted: bool) -> Hit:
    """The hit of one event. Raises BadEvent."""
    kind = KINDS.get(text_of(data.get("type")) or "pageview")
    short = text_of(data.get("n"))
    if "type" not in data and short:
        kind = "view" if short == "pageview" else "event"
    if kind is None:
        raise BadEvent("type is none of pageview, custom, click, form")
    hit = new_hit(request, facts, kind)
    hit.keyed = keyed
    hit.url = page_address(data, facts, facts.domain if keyed else page_host(request, data))
    hit.referrer, hit.name = word(data, "referrer"), word(data, "name")
    hit.title, hit.language, hit.timezone = (word(data, name) for name in ("title", "language", "timezone"))
    hit.utm = {name: word(data, name) for name in data if isinstance(name, str) and name.startswith("utm_")}
    width = int(min(99_999, max(0, number(data.get("screen_width")))))
    height = int(min(99_999, max(0, number(data.get("screen_height")))))
    hit.screen = f"{width}x{height}" if width and height else str(width or "")
    hit.revenue, hit.currency = revenue_of(data)
    hit.props, hit.event_id = properties(data), word(data, "event_id")[:200]
    hit.target = word(data, "click_url") or word(data, "cu")
    hit.text = word(data, "click_text") or word(data, "ct")
    hit.session, hit.view_id = word(data, "session_id")[:16], word(data, "page_visit_id")[:16]
    hit.scroll = int(min(100, max(0, number(data.get("scroll")))))
    hit.engaged = max(0.0, number(data.get("engaged")))
    tags = data.get("visitor")
    hit.tags = texts(tags.items()) if isinstance(tags, dict) else {}
    return trust(hit, data, request) if trusted else hit


def trust(hit: Hit, data: dict[str, Any], request: Request) -> Hit:
    """What only a trusted key may state: time, address and user agent of the visitor."""
    hit.trusted = True
    hit.at = moment(data.get("timestamp"), request.now)
    hit.ip = normalize_address(word(data, "ip")) or hit.ip
    if "user_agent" in data:
        hit.user_agent, hit.headers = word(data, "user_agent"), {}
    return hit
