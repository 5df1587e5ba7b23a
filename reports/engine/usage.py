"""How much was recorded of many sites, for quotas: one question, whatever the number of sites."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from reports.engine.ledger import clock_text
from reports.engine.limits import query_settings
from reports.engine.tables import rows_of_sites

UNCOUNTED = ("ping", "set")  # they say more about an event that is counted already
COUNTED = "ts >= {start:DateTime} AND ts < {end:DateTime} AND kind NOT IN {uncounted:Array(String)}"
AT_ONCE = 5_000  # site numbers in one question


def recorded(site_ids: Iterable[int], start: datetime, end: datetime) -> dict[int, int]:
    """site -> events recorded in [start, end). Bots, refusals and what still lies in the spool are not counted."""
    from tracking import store

    numbers, found = sorted(set(site_ids)), dict[int, int]()
    for first in range(0, len(numbers), AT_ONCE):
        answer = store.query(
            f"SELECT site_id, count() {rows_of_sites('events', numbers[first : first + AT_ONCE], COUNTED)} "
            "GROUP BY site_id",
            {
                "start": clock_text(start),
                "end": clock_text(end),
                "uncounted": list(UNCOUNTED),
            },
            settings=query_settings(),
        )
        found.update((int(site_id), int(count)) for site_id, count in answer.rows)
    return found
