"""Personal data: what is kept of one person, given out or erased, wherever it lies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tracking import spool
from tracking.store import people
from tracking.store.correct import Selection, erase

AT_ONCE = 1000  # visits of one correction


def visits_of(site_id: int, by: str, value: str) -> list[int]:
    """The person's visits, those a moment ago included: the spool is emptied into the store first.

    Raises ValueError with a sentence for an unknown `by`, StoreError when the store is away.
    """
    people.condition(by, value)
    spool.flush()
    return people.visits_of(site_id, by, value)


def export(site_id: int, by: str, value: str) -> Iterator[dict[str, Any]]:
    """Everything kept of the person, row by row."""
    yield from people.rows_of(site_id, visits_of(site_id, by, value))


def forget(site_id: int, by: str, value: str) -> int:
    """Erase the person's visits from events, bots, heatmaps and everything made of them; how many visits went.

    Rollups of the touched days follow by themselves, because a correction marks them stale.
    """
    visits = visits_of(site_id, by, value)
    for start in range(0, len(visits), AT_ONCE):
        erase(Selection(site_id, {"visit": visits[start : start + AT_ONCE]}))
    return len(visits)
