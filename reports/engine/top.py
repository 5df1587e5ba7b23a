"""The first pages by visitors without counting the visitors of all pages.

A page has no more visitors than views, and views add up, so they are read from rollups at no cost. Visitors are counted
for the pages with most views only. When the last page shown has more visitors than the first page left out has
views, no page left out can belong into the list: the answer is exact, and proven so. Otherwise the list is widened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from reports.engine import rolled
from reports.engine.assemble import order_by, statement
from reports.engine.breakdown import Breakdown
from reports.engine.freshness import Facts
from reports.engine.metrics import METRICS
from reports.engine.plan import CHEAPER, Plan, coverage, plan
from reports.engine.query import Query
from reports.engine.scene import Params, Scene

Row = dict[str, Any]
MOST_SHOWN = 500
WIDER = 6
ROUNDS = 3


def applies(query: Query, scene: Scene, facts: Facts) -> bool:
    """Whether the question is one for the first pages by visitors, and rollups know the views."""
    if query.dimensions != ("page",) or scene.tree is not None or query.offset + query.limit > MOST_SHOWN:
        return False
    if query.effective_order()[0] != ("visitors", "desc") or "visitors" not in query.metrics:
        return False
    covered = coverage(scene, Breakdown(query.metric_rows(), query.dimension_rows()), facts)
    return covered is not None and rolled.rows_of(covered.days, "page") * CHEAPER <= facts.rows


def top_rows(
    query: Query,
    scene: Scene,
    facts: Facts,
    table: Callable[[Query, Scene], list[Row]],
    run: Callable[[Plan, str, Params], list[tuple[Any, ...]]],
) -> list[Row] | None:
    """The rows of the question; None where no list of candidates could be proven."""
    shown = query.offset + query.limit
    most = shown * 2 + 2
    for _ in range(ROUNDS):
        candidates = by_views(query, scene, facts, most + 1, run)
        kept = tuple(path for path, _ in candidates[:most])
        rows = table(replace(query, offset=0, limit=shown), replace(scene, only={"page": kept}))
        if len(candidates) <= most or (len(rows) == shown and rows[-1]["visitors"] > candidates[most][1]):
            return rows[query.offset :]
        most *= WIDER
    return None


def by_views(query: Query, scene: Scene, facts: Facts, most: int, run: Callable[..., Any]) -> list[tuple[str, int]]:
    """The pages with most views, and how many."""
    breakdown = Breakdown((METRICS["views"],), query.dimension_rows())
    scene = replace(scene, params=Params())
    made = plan(query, scene, breakdown, facts)
    sql = statement(breakdown, made.parts, order_by(breakdown, (("views", "desc"),)), most, 0)
    return [(path, int(views)) for path, views in run(made, sql, scene.params)]
