"""What people see before and after some pages, within one visit.

A visit is its pages in order, with reloads of the same page counted once. A way is some pages that directly follow one
another; in each visit its first occurrence counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reports.engine.lists import asked, scene_of
from reports.engine.lookup import Source
from reports.engine.people_sql import chosen
from reports.engine.period import Period
from reports.engine.refusal import QueryRefused

LEVELS = (-2, -1, 1, 2, 3)
MOST_PAGES, SHOWN = 8, 10


@dataclass(frozen=True)
class Neighbour:
    """A page at a distance from the way; empty = the visit began or ended there."""

    page: str
    visits: int


def journeys(
    site_id: int, period: Period, way: Sequence[str], where: Any = None, *, now: datetime, source: Source | None = None
) -> tuple[int, dict[int, list[Neighbour]]]:
    """Visits that went this way, and by distance (-2 before to 3 after) the pages there, the most visited first."""
    if not 1 <= len(way) <= MOST_PAGES or not all(way):
        raise QueryRefused(f"A way has 1 to {MOST_PAGES} pages.", "at")
    scene = scene_of((site_id,), period, where, now, source)
    wanted, length = scene.params.texts(tuple(way)), len(way)
    views = scene.events("kind = 'view'", "path != ''", chosen(scene))
    pages = "arrayCompact(arrayMap(one -> one.3, arraySort(groupArray((ts, id, toString(path))))))"
    place = f"arrayFirstIndex(i -> arraySlice(pages, i, {length}) = {wanted}, arrayEnumerate(pages))"
    found = f"SELECT pages, {place} AS place FROM (SELECT {pages} AS pages {views} GROUP BY visit) WHERE place > 0"
    (total,) = asked(scene, f"SELECT count() AS visits FROM ({found})", 1, 0)
    near = ", ".join(f"({level}, {neighbour(level, length)}, {there(level, length)})" for level in LEVELS)
    sql = (
        "SELECT one.1 AS level, one.2 AS page, count() AS visits "
        f"FROM (SELECT arrayJoin([{near}]) AS one FROM ({found})) WHERE one.3 "
        f"GROUP BY level, page ORDER BY level, visits DESC, page LIMIT {SHOWN} BY level"
    )
    by_level: dict[int, list[Neighbour]] = {level: [] for level in LEVELS}
    for row in asked(scene, sql, SHOWN * len(LEVELS), 0):
        by_level[int(row["level"])].append(Neighbour(str(row["page"]), int(row["visits"])))
    return int(total["visits"]), by_level


def neighbour(level: int, length: int) -> str:
    """SQL: the page at that distance; empty beyond the visit's ends."""
    if level < 0:
        return f"if(place > {-level}, pages[toInt64(place) - {-level}], '')"
    return f"pages[toInt64(place) + {length - 1 + level}]"


def there(level: int, length: int) -> str:
    """SQL: the visit reached that far, or ended just before."""
    if level < 0:
        return f"place >= {-level}"
    return f"toInt64(length(pages)) >= toInt64(place) + {length - 1 + level - 1}"
