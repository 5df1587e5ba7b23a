"""The first pages by visitors, without counting the visitors of all pages.

A page has no more visitors than views, and views add up, so they are read from rollups at little cost. Visitors are
counted only for the candidates, the pages with most views. If the last page of the answer has more visitors than the
first page that is not a candidate has views, that page cannot belong into the answer, which is proven exact. Otherwise
there are more candidates in the next round.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from reports.query.context import Params, QueryContext
from reports.query.data_version import DataVersion
from reports.query.metrics import METRICS
from reports.query.model import Query
from reports.query.planner import MIN_ROW_RATIO, Plan, build_plan, find_coverage
from reports.query.rollups.read import count_rows_of
from reports.query.sql.statement import GroupBy, write_order, write_statement

Row = dict[str, Any]
FetchRows = Callable[[Query, QueryContext], list[Row]]
RunPlan = Callable[[Plan, str, Params], list[tuple[Any, ...]]]
MAX_PAGES = 500
WIDENING = 6  # how many times more candidates the next round has
MAX_ROUNDS = 3


def is_applicable(query: Query, context: QueryContext, version: DataVersion) -> bool:
    """Return whether a query is for the first pages by visitors, and rollups have the views."""
    if query.dimensions != ("page",) or context.tree is not None or query.offset + query.limit > MAX_PAGES:
        return False
    if query.effective_order()[0] != ("visitors", "desc") or "visitors" not in query.metrics:
        return False
    group_by = GroupBy(query.metric_definitions(), query.dimension_definitions())
    coverage = find_coverage(context, group_by, version)
    return coverage is not None and count_rows_of(coverage.days, "page") * MIN_ROW_RATIO <= version.rows


def fetch_top_pages(
    query: Query, context: QueryContext, version: DataVersion, fetch_rows: FetchRows, run: RunPlan
) -> list[Row] | None:
    """Return the rows of the query; None if no round could prove its answer."""
    number = query.offset + query.limit
    candidates = number * 2 + 2
    for _ in range(MAX_ROUNDS):
        views = fetch_pages_by_views(query, context, version, candidates + 1, run)
        pages = tuple(path for path, _ in views[:candidates])
        rows = fetch_rows(replace(query, offset=0, limit=number), replace(context, only_values={"page": pages}))
        if len(views) <= candidates or (len(rows) == number and rows[-1]["visitors"] > views[candidates][1]):
            return rows[query.offset :]
        candidates *= WIDENING
    return None


def fetch_pages_by_views(
    query: Query, context: QueryContext, version: DataVersion, limit: int, run: RunPlan
) -> list[tuple[str, int]]:
    """Return the pages with most views and how many they have."""
    group_by = GroupBy((METRICS["views"],), query.dimension_definitions())
    context = replace(context, params=Params())
    plan = build_plan(query, context, group_by, version)
    order = write_order(group_by, (("views", "desc"),))
    sql = write_statement(group_by, plan.subqueries, order, limit, 0)
    return [(path, int(views)) for path, views in run(plan, sql, context.params)]
