"""POST /api/event: events from servers and apps with an `x-api-key`, and from pages of a known host without one.

Beyond Clickport: an array of events, an `event_id` that makes a repeated event count once for 24 hours, and for
trusted keys a `timestamp`, an `ip` and a `user_agent` of the visitor. Requests are limited per minute and address.
"""

from __future__ import annotations

from typing import Required, TypedDict

import orjson

from accounts.security.client_ip import get_rate_limit_key
from accounts.security.rate_limits import RateLimit, count_request
from sites import site_cache
from sites.site_config import KeyConfig, SiteConfig
from tracking import ingestion
from tracking.endpoints.clickport_fields import BadEvent, find_page_host, parse_event, to_text
from tracking.endpoints.common import find_visitor_address
from tracking.event import Event, Rejection
from tracking.web import EndpointRequest, Reply

EVENT_LIMIT = RateLimit("event", 60, 60)  # events of one client
MAX_BATCH_SIZE = 500
JSON = b"application/json"


class EventResult(TypedDict, total=False):
    """What the response says about one event: the ids of a stored one, the reason of a dropped one."""

    success: Required[bool]
    session_id: int
    page_visit_id: str
    dropped: str
    message: str


def answer_event(request: EndpointRequest) -> Reply:
    """Answer `POST /api/event`."""
    plain_key = get_api_key(request)
    key = site_cache.find_key(plain_key) if plain_key else None
    if plain_key and (key is None or not key.can_track):
        ingestion.reject_request(key.site_id if key else 0, "bad_key", request.now)
        return build_error(401, "Unauthorized", "Invalid API key", "bad_key")
    data = parse_events(request.body)
    if data is None:
        ingestion.reject_request(key.site_id if key else 0, "bad_request", request.now)
        return build_error(400, "Bad Request", "The body is not a JSON object or an array of them", "bad_request")
    site = site_cache.get_site(key.site_id) if key else find_site_of_page(request, data[0])
    if site is None:
        ingestion.reject_request(0, "unknown_site", request.now)
        return build_error(401, "Unauthorized", "Missing API key", "unknown_site")
    results = [receive_event(request, site, key, item) for item in data]
    if request.body.lstrip()[:1] == b"[":
        body = {"success": all(result["success"] for result in results), "results": results}
        return Reply(orjson.dumps(body), JSON)
    return Reply(orjson.dumps(results[0]), JSON, dropped=results[0].get("dropped", ""))


def get_api_key(request: EndpointRequest) -> str:
    """Return the key of the header `x-api-key` or `Authorization: Bearer ck_…`; "" without one."""
    header_key = request.headers.get("x-api-key", "").strip()
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    return header_key or (bearer if bearer.startswith("ck_") else "")


def parse_events(body: bytes) -> list[dict[str, object]] | None:
    """Parse one event or an array of them; None for anything else."""
    try:
        data = orjson.loads(body)
    except ValueError:
        return None
    items = data if isinstance(data, list) else [data]
    is_valid = 0 < len(items) <= MAX_BATCH_SIZE and all(isinstance(item, dict) for item in items)
    return items if is_valid else None


def find_site_of_page(request: EndpointRequest, data: dict[str, object]) -> SiteConfig | None:
    """Find the site of a page without a key: by the number or domain it sends, else by its own host."""
    for name in ("site", "site_id", "domain", "d"):
        value = to_text(data.get(name))
        site = site_cache.get_site(int(value)) if value.isascii() and value.isdigit() else None
        site = site or (site_cache.find_site_by_host(value) if value else None)
        if site:
            return site
    return site_cache.find_site_by_host(find_page_host(request, data))


def receive_event(
    request: EndpointRequest, site: SiteConfig, key: KeyConfig | None, data: dict[str, object]
) -> EventResult:
    """Record one event and return its result for the response."""
    trusted = bool(key and key.trusted)
    if not trusted:
        client = get_rate_limit_key(find_visitor_address(request, site))
        if count_request(EVENT_LIMIT, client, request.now, request.state.count_request).retry_after:
            return build_drop_result(ingestion.reject_request(site.site_id, "rate_limit", request.now))
    try:
        hit = parse_event(request, site, data, bool(key), trusted)
    except BadEvent as error:
        return build_drop_result(ingestion.reject_request(site.site_id, "bad_request", request.now), str(error))
    outcome: Event | Rejection = ingestion.receive(hit, site, request.state)
    if isinstance(outcome, Rejection):
        return build_drop_result(outcome)
    return {"success": True, "session_id": outcome["visit"], "page_visit_id": f"{outcome['view_id']:08x}"}


def build_drop_result(rejection: Rejection, message: str = "") -> EventResult:
    """Return the result of an event that was not stored. A duplicate was stored before, so it succeeded."""
    if rejection.reason == "duplicate":
        return {"success": True, "dropped": "duplicate"}
    result: EventResult = {"success": False, "dropped": rejection.reason}
    if message:
        result["message"] = message
    return result


def build_error(status: int, error: str, message: str, reason: str) -> Reply:
    """Build an error response in Clickport's format."""
    return Reply(orjson.dumps({"error": error, "message": message}), JSON, status, dropped=reason)
