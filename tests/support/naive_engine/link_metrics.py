"""The metrics of tracked links as plain Python over lists of events: metric -> number of some events."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

Event = dict[str, Any]
SALES = ("conversion", "refund")


def of(events: list[Event], *kinds: str) -> list[Event]:
    return [event for event in events if event["kind"] in kinds]


def first(events: list[Event]) -> int:
    return sum(event["is_unique"] for event in events)


def summed(events: list[Event], column: str) -> Decimal:
    return sum((Decimal(event.get(column, "0")) for event in events), Decimal(0))


def converted(events: list[Event]) -> int:
    return len({event["click_id"] for event in of(events, "conversion")})


LINK_METRICS: dict[str, Callable[[list[Event]], Any]] = {
    "clicks": lambda events: len(of(events, "link")),
    "unique_clicks": lambda events: first(of(events, "link")),
    "pixel_views": lambda events: len(of(events, "pixel")),
    "unique_pixel_views": lambda events: first(of(events, "pixel")),
    "spider_hits": lambda events: len(of(events, "spider")),
    "link_conversions": lambda events: len(of(events, "conversion")),
    "unique_link_conversions": lambda events: first(of(events, "conversion")),
    "converted_clicks": converted,
    "click_conversion_rate": lambda events: (
        100 * converted(events) / len(of(events, "link")) if of(events, "link") else None
    ),
    "conversion_value": lambda events: summed(of(events, *SALES), "revenue"),
    "commission_cost": lambda events: summed(of(events, *SALES), "commission"),
    "click_cost": lambda events: summed(of(events, "link"), "cost"),
    "last_hit": lambda events: max((int(event["ts"].timestamp()) for event in events), default=0),
    "joined_clicks": lambda events: len(
        {event["click_id"] for event in of(events, "view") if event.get("click_id", 0) != 0}
    ),
}
