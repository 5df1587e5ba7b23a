"""The bodies of `/api/realtime`, `/api/goals` and `/api/ledger`."""

from __future__ import annotations

from datetime import datetime

from goals.models import Goal, GoalKind
from goals.selectors import list_active_goals
from reports.clickport.serializers import OnlineVisitor
from reports.clickport.vocabulary import round_integer
from reports.query import Period, Query, ask
from reports.query.analyses.ingestion_audit import fetch_audit, sum_entries
from reports.query.analyses.visit_lists import list_online_visits
from reports.query.model import Row
from sites.amounts import round_amount

MAX_ONLINE_VISITORS = 20
ONLINE_MINUTES = 5
MAX_GOALS = 1_000
GOAL_TYPES = {GoalKind.PAGE: "pageview", GoalKind.EVENT: "custom", GoalKind.MANUAL: "custom"}
COUNT_FIELDS = {GoalKind.FORM: "submissions"}  # every other type counts "events"


def build_realtime(site_id: int, now: datetime) -> dict[str, object]:
    """Build `{"count", "visitors"}` of the last five minutes, newest first; at most 20 visitors are listed."""
    query = Query(sites=(site_id,), period=Period.parse("realtime", "UTC", now), metrics=("online",))
    count = round_integer(ask(query, now=now).rows[0]["online"])
    visits = list_online_visits(site_id, now, minutes=ONLINE_MINUTES) if count else []
    return {"count": count, "visitors": OnlineVisitor(visits[:MAX_ONLINE_VISITORS], many=True).data}


def build_goals(site_id: int, period: Period, now: datetime) -> list[dict[str, object]]:
    """Build every active goal of the site, most visitors first; goals that nobody reached come last, with zeros."""
    goals = list_active_goals([site_id])
    if not goals:
        return []
    query = Query(
        sites=(site_id,),
        period=period,
        metrics=("visitors", "conversions", "revenue"),
        dimensions=("goal",),
        limit=MAX_GOALS,
    )
    result = ask(query, now=now)
    rows_by_goal = {int(row["goal"]): row for row in result.rows}
    rows = [(goal, rows_by_goal.get(goal.pk, {})) for goal in goals]
    rows.sort(key=lambda pair: -round_integer(pair[1].get("visitors")))
    return [build_goal(goal, row, result.meta.currency) for goal, row in rows]


def build_goal(goal: Goal, row: Row, currency: str) -> dict[str, object]:
    """Build one goal, with `total_revenue` only if it has any. `currency`: of the amounts of its events."""
    count = round_integer(row.get("conversions"))
    body: dict[str, object] = {
        "id": goal.pk,
        "name": goal.name,
        "type": GOAL_TYPES.get(GoalKind(goal.kind), goal.kind),
        "visitors": round_integer(row.get("visitors")),
        COUNT_FIELDS.get(GoalKind(goal.kind), "events"): count,
    }
    if revenue := goal.compute_revenue(count, row.get("revenue")):
        body["total_revenue"] = float(round_amount(revenue, goal.find_revenue_currency(currency)))
    return body


def build_ingestion_audit(site_id: int, period: Period, interval: str) -> dict[str, object]:
    """Build `{"results": [by interval], "totals"}`: what was received, stored and rejected. Raises QueryRefused.

    Clickport itself has no such endpoint.
    """
    entries = fetch_audit(site_id, period, interval)
    totals = sum_entries(entries).to_json()
    del totals["time"]
    return {"results": [entry.to_json() for entry in entries], "totals": totals}
