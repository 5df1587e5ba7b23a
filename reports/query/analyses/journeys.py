"""Journeys: which pages visitors view before and after some pages, within one visit.

A visit is its pages in order, with reloads of the same page counted once. A path is some pages that directly follow one
another; of each visit its first occurrence counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from reports.query.analyses.base import build_context, fetch_page, write_visit_condition
from reports.query.errors import QueryRefused
from reports.query.filters import FilterInput
from reports.query.periods import Period
from reports.query.references import GoalSource

LEVELS = (-2, -1, 1, 2, 3)  # distances from the path: before it and after it
MAX_PAGES = 8
MAX_NEIGHBOURS = 10  # pages per level


@dataclass(frozen=True)
class Neighbour:
    """A page at a distance from the path; "" = the visit began or ended there."""

    page: str
    visits: int


def find_journeys(
    site_id: int,
    period: Period,
    path: Sequence[str],
    where: FilterInput = None,
    *,
    now: datetime,
    source: GoalSource | None = None,
) -> tuple[int, dict[int, list[Neighbour]]]:
    """Return how many visits contain the path, and by level the pages there, the most visited first."""
    if not 1 <= len(path) <= MAX_PAGES or not all(path):
        raise QueryRefused(f"A path has 1 to {MAX_PAGES} pages.", "at")
    context = build_context((site_id,), period, where, now, source)
    pages, length = context.params.bind_texts(tuple(path)), len(path)
    views = context.from_events("kind = 'view'", "path != ''", write_visit_condition(context))
    ordered = "arrayCompact(arrayMap(item -> item.3, arraySort(groupArray((ts, id, toString(path))))))"
    place = f"arrayFirstIndex(i -> arraySlice(pages, i, {length}) = {pages}, arrayEnumerate(pages))"
    visits = f"SELECT pages, {place} AS place FROM (SELECT {ordered} AS pages {views} GROUP BY visit) WHERE place > 0"
    (total,) = fetch_page(context, f"SELECT count() AS visits FROM ({visits})", 1)
    neighbours = ", ".join(
        f"({level}, {write_neighbour_page(level, length)}, {write_neighbour_condition(level, length)})"
        for level in LEVELS
    )
    sql = (
        "SELECT item.1 AS level, item.2 AS page, count() AS visits "
        f"FROM (SELECT arrayJoin([{neighbours}]) AS item FROM ({visits})) WHERE item.3 "
        f"GROUP BY level, page ORDER BY level, visits DESC, page LIMIT {MAX_NEIGHBOURS} BY level"
    )
    by_level: dict[int, list[Neighbour]] = {level: [] for level in LEVELS}
    for row in fetch_page(context, sql, MAX_NEIGHBOURS * len(LEVELS)):
        by_level[int(row["level"])].append(Neighbour(str(row["page"]), int(row["visits"])))
    return int(total["visits"]), by_level


def write_neighbour_page(level: int, length: int) -> str:
    """Write the page at a level; empty beyond the visit's ends."""
    if level < 0:
        return f"if(place > {-level}, pages[toInt64(place) - {-level}], '')"
    return f"pages[toInt64(place) + {length - 1 + level}]"


def write_neighbour_condition(level: int, length: int) -> str:
    """Write the condition that the visit reached the level, or began or ended just before it."""
    if level < 0:
        return f"place >= {-level}"
    return f"toInt64(length(pages)) >= toInt64(place) + {length - 1 + level - 1}"
