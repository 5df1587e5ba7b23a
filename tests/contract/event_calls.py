"""Which calls of POST /api/event are recorded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.support.hits import CHROME
from tracking.endpoints.clickport_fields import KINDS

URL = "https://example.com/pricing"
Event = tuple[str, Any, dict[str, str]]  # whose key, what is sent, further headers
PURCHASE = {
    "type": "custom", "name": "Purchase", "url": URL, "revenue_amount": 49.99, "revenue_currency": "USD",
    "meta_keys": ["plan"], "meta_values": ["pro"], "utm_source": "letter", "screen_width": 1440,
}  # fmt: skip
NO_EVENTS = (b"", b"{", b"[]", b"[1]", b"null", b'"x"', b"\xff\xfe", b'{"url":"\\ud800"}')


def list_events() -> Iterator[tuple[str, Event]]:
    """The calls by name."""
    yield from list_good_events()
    for number, body in enumerate(NO_EVENTS, 1):
        yield f"bad, no event {number}", ("tracker", body, {})
    bodies: tuple[tuple[str, dict[str, object]], ...] = (
        ("empty", {}), ("wrong types", {"url": {"a": 1}, "type": 5, "name": []}), ("type", {"type": "x", "url": URL}),
        ("revenue", {**PURCHASE, "revenue_amount": "much"}),
        ("another host", {"url": "https://unknown.org/"}),
    )  # fmt: skip
    for name, wrong in bodies:
        yield f"bad, {name}", ("tracker", wrong, {})
    times: tuple[object, ...] = ("soon", "2999-01-01", {})
    for when in times:
        yield f"bad, time {when}", ("trusted", {"url": URL, "timestamp": when, "user_agent": CHROME}, {})
    yield "refused, asks not to be tracked", ("tracker", {"url": URL}, {"dnt": "1"})
    yield "refused, a program", ("tracker", {"url": URL}, {"user_agent": "curl/8"})
    yield "refused, says nothing of itself", ("tracker", {"url": URL}, {"user_agent": ""})
    yield "stranger", ("stranger", {"url": URL}, {})
    yield "no key, unknown page", ("no key", {"url": "https://unknown.org/"}, {})
    yield "unknown key", ("unknown key", {"url": URL}, {})
    yield "key that only reads", ("key that only reads", {"url": URL}, {})


def list_good_events() -> Iterator[tuple[str, Event]]:
    """Every type, a sale, several together, the same again, and a page that speaks without a key."""
    for kind in KINDS:
        yield f"good, {kind}", ("tracker", {"type": kind, "url": f"{URL}/{kind}", "name": "x"}, {})
    yield "good, a sale", ("tracker", PURCHASE, {})
    yield "good, the same again", ("tracker", PURCHASE, {})
    yield "good, several", ("tracker", [{"url": f"{URL}/1"}, {"url": "javascript:1"}, {"url": f"{URL}/2"}], {})
    yield "good, in a session", ("tracker", {"url": f"{URL}/3", "session_id": 12_345}, {})
    stated = {"url": URL, "timestamp": "2026-03-29T10:00:00Z", "ip": "198.51.100.1", "user_agent": CHROME}
    yield "good, of another time", ("trusted", stated, {})
    yield "good, from a page", ("no key", {"url": f"{URL}/page"}, {})
