"""Journeys: which pages visitors view before and after some pages, within one visit.

A visit is its pages in order, with reloads of the same page counted once. A path is some pages that directly follow one
another; of each visit its first occurrence counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from reports.query.analyses.base import build_context, fetch_page, write_visit_condition
from reports.query.context import QueryContext
from reports.query.errors import QueryRefused
from reports.query.filters import FilterInput
from reports.query.periods import Period
from reports.query.references import GoalSource
from reports.query.sql.select import Select

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
    visits = select_visits(context, path)
    (total,) = fetch_page(context, Select(["count() AS visits"], visits.as_rows()), 1)
    by_level: dict[int, list[Neighbour]] = {level: [] for level in LEVELS}
    for row in fetch_page(context, select_neighbours(visits, len(path)), MAX_NEIGHBOURS * len(LEVELS)):
        by_level[int(row["level"])].append(Neighbour(str(row["page"]), int(row["visits"])))
    return int(total["visits"]), by_level


def select_visits(context: QueryContext, path: Sequence[str]) -> Select:
    """Select the visits that contain the path: their pages in order, and the place of its first page among them."""
    pages = context.params.bind_texts(tuple(path))
    views = context.from_events("kind = 'view'", "path != ''", write_visit_condition(context))
    ordered = "arrayCompact(arrayMap(item -> item.3, arraySort(groupArray((ts, id, toString(path))))))"
    place = f"arrayFirstIndex(i -> arraySlice(pages, i, {len(path)}) = {pages}, arrayEnumerate(pages))"
    by_visit = Select([f"{ordered} AS pages"], views, "visit")
    return Select(["pages", f"{place} AS place"], by_visit.as_rows().where("place > 0"))


def select_neighbours(visits: Select, length: int) -> Select:
    """Select level, page and visits of the pages around a path of so many pages."""
    neighbours = ", ".join(
        f"({level}, {write_neighbour_page(level, length)}, {write_neighbour_condition(level, length)})"
        for level in LEVELS
    )
    items = Select([f"arrayJoin([{neighbours}]) AS item"], visits.as_rows())
    return Select(
        ["item.1 AS level", "item.2 AS page", "count() AS visits"], items.as_rows().where("item.3"), "level, page",
        order_by=["level", "visits DESC", "page"], limit_each=(MAX_NEIGHBOURS, "level"),
    )  # fmt: skip


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
