"""What happened a moment ago: read once, when a process starts and rebuilds what it kept in memory."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tracking.store.session import rows

MOST = 400_000


def open_visits(since: datetime) -> list[dict[str, Any]]:
    """One row per visit with an event since then, oldest sign of life first: what `tracking.visits` keeps of it."""
    return rows(
        "SELECT site_id, device, visit, min(visit_start) AS began, max(ts) AS seen, max(is_new) AS fresh,"
        " argMax(view_id, (kind = 'view', ts)) AS view,"
        " argMinIf(screen, ts, screen != '') AS screen, argMinIf(language, ts, language != '') AS language,"
        " argMin((referrer, referrer_domain, source, channel, search_term, utm_source, utm_medium, utm_campaign,"
        " utm_content, utm_term, link_id, group_id, click_id), ts) AS origin"
        " FROM events WHERE ts >= {since:DateTime64(3, 'UTC')} AND site_id > 0 AND visit > 0"
        " GROUP BY site_id, device, visit ORDER BY seen LIMIT {most:UInt32}",
        {"since": since, "most": MOST},
    )


def event_numbers(since: datetime) -> list[int]:
    """The events' own numbers since then."""
    found = rows(
        "SELECT groupArray({most:UInt32})(id) AS ids FROM events WHERE ts >= {since:DateTime64(3, 'UTC')}",
        {"since": since, "most": MOST},
    )
    return list(found[0]["ids"]) if found else []
