"""POST /api/event: events from servers and apps with an `x-api-key`, and from pages of a known host without one.

Beyond Clickport: an array of events, an `event_id` that makes a repeated event count once for 24 hours, and for
trusted keys a `timestamp`, an `ip` and a `user_agent` of the visitor.
"""

from __future__ import annotations

from typing import Any

import orjson

from sites import known
from sites.facts import SiteFacts
from sites.known import KeyFacts
from tracking import intake
from tracking.doors.clickport_fields import BadEvent, page_host, read_event, text_of
from tracking.doors.common import address_of
from tracking.doors.limits import PerMinute
from tracking.hit import Event, Refused
from tracking.web import Reply, Request

PER_MINUTE = 60
MOST_AT_ONCE = 500
JSON = b"application/json"
limit = PerMinute("event", PER_MINUTE)


def event(request: Request) -> Reply:
    """`POST /api/event`."""
    plain_key = presented_key(request)
    key = known.key(plain_key) if plain_key else None
    if plain_key and (key is None or not key.can_track):
        intake.turn_away(key.site_id if key else 0, "bad_key", request.now)
        return failure(401, "Unauthorized", "Invalid API key", "bad_key")
    data = parse(request.body)
    if data is None:
        intake.turn_away(key.site_id if key else 0, "bad_request", request.now)
        return failure(400, "Bad Request", "The body is not a JSON object or an array of them", "bad_request")
    facts = known.site(key.site_id) if key else site_of_page(request, data[0])
    if facts is None:
        intake.turn_away(0, "unknown_site", request.now)
        return failure(401, "Unauthorized", "Missing API key", "unknown_site")
    results = [one_event(request, facts, key, item) for item in data]
    if request.body.lstrip()[:1] == b"[":
        body = {"success": all(result["success"] for result in results), "results": results}
        return Reply(orjson.dumps(body), JSON)
    return Reply(orjson.dumps(results[0]), JSON, dropped=results[0].get("dropped", ""))


def presented_key(request: Request) -> str:
    """The key in the `x-api-key` header, or in `Authorization: Bearer ck_…`; "" without one."""
    given = request.headers.get("x-api-key", "").strip()
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    return given or (bearer if bearer.startswith("ck_") else "")


def parse(body: bytes) -> list[dict[str, Any]] | None:
    """One event or a batch; None for anything else."""
    try:
        data = orjson.loads(body)
    except ValueError:
        return None
    items = data if isinstance(data, list) else [data]
    good = 0 < len(items) <= MOST_AT_ONCE and all(isinstance(item, dict) for item in items)
    return items if good else None


def site_of_page(request: Request, data: dict[str, Any]) -> SiteFacts | None:
    """A page without a key names its site by number or domain, or is it."""
    for name in ("site", "site_id", "domain", "d"):
        value = text_of(data.get(name))
        found = known.site(int(value)) if value.isascii() and value.isdigit() else None
        found = found or (known.site_by_host(value) if value else None)
        if found:
            return found
    return known.site_by_host(page_host(request, data))


def one_event(request: Request, facts: SiteFacts, key: KeyFacts | None, data: dict[str, Any]) -> dict[str, Any]:
    """Record one event; what is said about it."""
    trusted = bool(key and key.trusted)
    if not trusted and not limit.allows(address_of(request, facts), request.now):
        return dropped(intake.turn_away(facts.site_id, "rate_limit", request.now))
    try:
        hit = read_event(request, facts, data, bool(key), trusted)
    except BadEvent as error:
        return dropped(intake.turn_away(facts.site_id, "bad_request", request.now), str(error))
    outcome: Event | Refused = intake.receive(hit, facts)
    if isinstance(outcome, Refused):
        return dropped(outcome)
    return {"success": True, "session_id": outcome["visit"], "page_visit_id": f"{outcome['view_id']:08x}"}


def dropped(refused: Refused, message: str = "") -> dict[str, Any]:
    """An event that was not stored; a repeated one was, so it succeeded."""
    if refused.reason == "duplicate":
        return {"success": True, "dropped": "duplicate"}
    return {"success": False, "dropped": refused.reason, **({"message": message} if message else {})}


def failure(status: int, error: str, message: str, reason: str) -> Reply:
    """An error in Clickport's form."""
    return Reply(orjson.dumps({"error": error, "message": message}), JSON, status, dropped=reason)
