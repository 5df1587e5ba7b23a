"""Recent visits and event ids, read once when a process starts and restores its memory."""

from __future__ import annotations

from datetime import datetime

from tracking.schema import LINK_COLUMNS, ORIGIN_COLUMNS
from tracking.store.client import StoreRow, rows

MAX_ROWS = 400_000


def read_open_visits(since: datetime) -> list[StoreRow]:
    """Return a row per visit with an event since then, the longest idle first, for `tracking.state.visits`."""
    return rows(
        "SELECT site_id, device, visit, min(visit_start) AS start, max(ts) AS last, max(is_new) AS is_new,"
        " argMax(view_id, (kind = 'view', ts)) AS view_id,"
        " argMinIf(screen, ts, screen != '') AS screen, argMinIf(language, ts, language != '') AS language,"
        f" argMin(({', '.join((*ORIGIN_COLUMNS, *LINK_COLUMNS))}), ts) AS origin"
        " FROM events WHERE ts >= {since:DateTime64(3, 'UTC')} AND site_id > 0 AND visit > 0"
        " GROUP BY site_id, device, visit ORDER BY last LIMIT {most:UInt32}",
        {"since": since, "most": MAX_ROWS},
    )


def read_event_ids(since: datetime) -> list[int]:
    """Return the ids of the events since then; of too many the last ones."""
    result = rows(
        "SELECT groupArray(id) AS ids FROM"
        " (SELECT id FROM events WHERE ts >= {since:DateTime64(3, 'UTC')} ORDER BY ts DESC LIMIT {most:UInt32})",
        {"since": since, "most": MAX_ROWS},
    )
    return list(result[0]["ids"]) if result else []
