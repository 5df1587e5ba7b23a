"""`GET /api/realtime`: who is on the site, newest first."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from reports.clickport.names import shown_value, whole
from reports.engine import Period, Query, ask
from reports.engine.lists import online

MOST_VISITORS = 20
MINUTES = 5


def realtime_body(site_id: int, now: datetime) -> dict[str, Any]:
    """`{"count", "visitors": [at most 20]}` of the last five minutes."""
    query = Query(sites=(site_id,), period=Period.parse("realtime", "UTC", now), metrics=("online",))
    count = whole(ask(query, now=now).rows[0]["online"])
    visits = online(site_id, now, minutes=MINUTES) if count else []
    return {"count": count, "visitors": [visitor(row) for row in visits[:MOST_VISITORS]]}


def visitor(row: dict[str, Any]) -> dict[str, Any]:
    """A visit in Clickport's words."""
    return {
        "session_id": row["visit"],
        "entry_page": row["entry_page"],
        "exit_page": row["exit_page"],
        "pageviews": row["views"],
        "duration": whole(row["duration"]),
        "source": shown_value("source", row["source"]),
        "country": row["country"],
        "city": row["city"],
        "device": row["device_type"],
        "browser": row["browser"],
        "os": row["os"],
        "scroll": row["scroll"],
    }
