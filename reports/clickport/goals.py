"""`GET /api/goals`: every active goal of the site with who reached it and how often."""

from __future__ import annotations

from typing import Any

from goals.models import Goal, GoalKind
from goals.querysets import goals_of
from reports.clickport.names import amount, whole
from reports.engine import Period, Query, ask

TYPES = {GoalKind.PAGE: "pageview", GoalKind.EVENT: "custom", GoalKind.MANUAL: "custom"}
COUNTED_AS = {GoalKind.FORM: "submissions"}  # every other type counts "events"
MOST_GOALS = 1_000


def goal_rows(site_id: int, period: Period, now: Any) -> list[dict[str, Any]]:
    """The goals with most visitors first; those nobody reached last, with zeros."""
    goals = goals_of([site_id])
    if not goals:
        return []
    query = Query(
        sites=(site_id,),
        period=period,
        metrics=("visitors", "conversions", "revenue"),
        dimensions=("goal",),
        limit=MOST_GOALS,
    )
    result = ask(query, now=now)
    reached = {int(row["goal"]): row for row in result.rows}
    rows = [goal_row(goal, reached.get(goal.pk, {}), result.meta.currency) for goal in goals]
    return sorted(rows, key=lambda row: -row["visitors"])


def goal_row(goal: Goal, found: dict[str, Any], currency: str) -> dict[str, Any]:
    """One goal; `total_revenue` only where it has any. `currency`: of what its events carried."""
    count = whole(found.get("conversions"))
    row = {
        "id": goal.pk,
        "name": goal.name,
        "type": TYPES.get(GoalKind(goal.kind), goal.kind),
        "visitors": whole(found.get("visitors")),
        COUNTED_AS.get(GoalKind(goal.kind), "events"): count,
    }
    if total := goal.earned(count, found.get("revenue")):
        row["total_revenue"] = amount(total, goal.earns_in(currency))
    return row
