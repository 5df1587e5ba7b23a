"""Personal data: export or erase everything that is stored about one person."""

from __future__ import annotations

from collections.abc import Iterator

from tracking import spool
from tracking.store import subjects
from tracking.store.corrections import Selection, erase_events

MAX_VISITS_PER_CORRECTION = 1000


def find_visits(site_id: int, by: str, value: str) -> list[int]:
    """Return the person's visits, the latest included: the spool is inserted into the store first.

    Raises ValueError with a sentence for an unknown `by`, StoreError when the store is away.
    """
    subjects.build_condition(by, value)
    spool.flush()
    return subjects.find_visits(site_id, by, value)


def export_person(site_id: int, by: str, value: str) -> Iterator[dict[str, object]]:
    """Yield every stored row of the person."""
    yield from subjects.read_rows(site_id, find_visits(site_id, by, value))


def erase_person(site_id: int, by: str, value: str) -> int:
    """Erase the person's visits from events, bots, heatmaps and everything derived; return how many visits.

    Rollups of the touched days are rebuilt later, because a correction marks them stale.
    """
    visits = find_visits(site_id, by, value)
    for start in range(0, len(visits), MAX_VISITS_PER_CORRECTION):
        erase_events(Selection(site_id, {"visit": visits[start : start + MAX_VISITS_PER_CORRECTION]}))
    return len(visits)
