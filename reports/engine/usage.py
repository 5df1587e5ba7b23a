"""What was recorded of many sites at once, for periodic work: the sites are asked about in chunks, so that no number
of sites is too large for one statement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from reports.engine.ledger import clock_text
from reports.engine.limits import query_settings
from reports.engine.tables import rows_of_sites

UNCOUNTED = ("ping", "set")  # they say more about an event that is counted already
IN_PERIOD = "ts >= {start:DateTime} AND ts < {end:DateTime}"
AT_ONCE = 5_000  # site numbers in one question


def recorded(site_ids: Iterable[int], start: datetime, end: datetime) -> dict[int, int]:
    """site -> events recorded in [start, end). Bots, refusals and what still lies in the spool are not counted."""
    rows = _rows_by_chunk(
        "site_id, count()", "kind NOT IN {uncounted:Array(String)}", "GROUP BY site_id",
        site_ids, start, end, uncounted=list(UNCOUNTED),
    )  # fmt: skip
    return {int(site_id): int(count) for site_id, count in rows}


def goals_named(site_ids: Iterable[int], start: datetime, end: datetime, per_site: int) -> Iterator[tuple[int, str]]:
    """(site, name) of the goals that events named in [start, end): of each site its `per_site` most frequent names.

    Names of digits alone are the numbers of goals, and are left out. The limit is each site's own, so that a site that
    names very many takes nothing from the others.
    """
    rows = _rows_by_chunk(
        "site_id, name", "kind = 'goal' AND NOT match(name, '^[0-9]*$')",
        "GROUP BY site_id, name ORDER BY site_id, count() DESC, name LIMIT {per_site:UInt32} BY site_id",
        site_ids, start, end, per_site=per_site,
    )  # fmt: skip
    return ((int(site_id), str(name)) for site_id, name in rows)


def _rows_by_chunk(
    columns: str, condition: str, rest: str, site_ids: Iterable[int], start: datetime, end: datetime, **parameters: Any
) -> Iterator[tuple[Any, ...]]:
    """SELECT `columns` of the events in [start, end) that satisfy the condition, of AT_ONCE sites at a time.

    `rest` is what follows WHERE.
    """
    from tracking import store

    numbers = sorted(set(site_ids))
    parameters |= {"start": clock_text(start), "end": clock_text(end)}
    for first in range(0, len(numbers), AT_ONCE):
        rows = rows_of_sites("events", numbers[first : first + AT_ONCE], IN_PERIOD, condition)
        yield from store.query(f"SELECT {columns} {rows} {rest}", parameters, settings=query_settings()).rows
