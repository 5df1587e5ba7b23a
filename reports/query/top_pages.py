"""The first pages by visitors, without counting the visitors of all pages.

A page has no more visitors than views, and views add up, so they are read from rollups at little cost. Visitors are
counted only for the candidates, the pages with most views. If the last page of the answer has more visitors than the
first page that is not a candidate has views, that page cannot belong into the answer, which is proven exact. Otherwise
there are more candidates in the next round.
"""

from __future__ import annotations

from dataclasses import replace

from reports.query.grouping import GroupBy
from reports.query.metrics import METRICS
from reports.query.model import Row
from reports.query.planner import MIN_ROW_RATIO, TableChoice
from reports.query.resolve import ResolvedQuery
from reports.query.rollups.read import count_rows_of
from reports.query.rows import Execution, fetch_rows

MAX_PAGES = 500
BY_PAGE = ("page",)  # the dimensions of such a query
WIDENING = 6  # how many times more candidates the next round has
MAX_ROUNDS = 3


def is_applicable(resolved: ResolvedQuery, choice: TableChoice) -> bool:
    """Return whether a query is for the first pages by visitors, and rollups have the views."""
    if resolved.group_by.dimension_names != BY_PAGE or resolved.keys or resolved.offset + resolved.limit > MAX_PAGES:
        return False
    if resolved.order[0] != ("visitors", "desc") or "visitors" not in resolved.metrics:
        return False
    days = choice.coverage.days if choice.coverage else []
    return bool(days) and count_rows_of(days, "page") * MIN_ROW_RATIO <= resolved.version.rows


def fetch_top_pages(resolved: ResolvedQuery, execution: Execution) -> list[Row] | None:
    """Return the rows of the query; None if no round could prove its answer."""
    number = resolved.offset + resolved.limit
    candidates = number * 2 + 2
    for _ in range(MAX_ROUNDS):
        views = fetch_pages_by_views(resolved, candidates + 1, execution)
        pages = tuple(str(row["page"]) for row in views[:candidates])
        among = replace(resolved.context, only_values={"page": pages})
        rows = fetch_rows(replace(resolved, context=among, offset=0, limit=number), execution)
        if len(views) <= candidates or (len(rows) == number and rows[-1]["visitors"] > views[candidates]["views"]):
            return rows[resolved.offset :]
        candidates *= WIDENING
    return None


def fetch_pages_by_views(resolved: ResolvedQuery, limit: int, execution: Execution) -> list[Row]:
    """Return the pages with most views and how many they have."""
    group_by = GroupBy((METRICS["views"],), resolved.group_by.dimensions)
    by_views = replace(resolved, group_by=group_by, order=(("views", "desc"),), offset=0, limit=limit)
    return fetch_rows(by_views, execution)
