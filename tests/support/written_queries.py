"""Statements of queries as text, without a store: what tests of the SQL builder and the planner compare."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from reports.query import Period, Query, planner
from reports.query.context import Params
from reports.query.resolve import ResolvedQuery, Resolver
from reports.query.sql.statement import write_order, write_statement
from tests.support.mapped_goals import MappedGoals

SITE = 5
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
FIRST = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
GOALS = MappedGoals({7: {"dimension": "event", "operator": "is", "value": "Signup"}}, {})
START, END = "fromUnixTimestamp64Milli(1772323200000, 'UTC')", "fromUnixTimestamp64Milli(1772409600000, 'UTC')"
EVENTS = f"FROM events WHERE site_id = 5 AND ts >= {START} AND ts < {END}"
VISITS = (
    f"FROM visits FINAL WHERE site_id = 5 AND hour >= 1772323200 AND hour < 1772409600 "
    f"AND visit_start >= {START} AND visit_start < {END}"
)
MS = "WITH if(engaged > 0, engaged, toUInt64(greatest(dateDiff('millisecond', first, last), 0))) AS ms"


def leaf(dimension: str, operator: str, value: Any) -> dict[str, Any]:
    return {"dimension": dimension, "operator": operator, "value": value}


def resolved(metrics: str, *dimensions: str, **more: Any) -> ResolvedQuery:
    query = Query(
        sites=(SITE,), period=more.pop("period", FIRST), metrics=tuple(metrics.split()), dimensions=dimensions, **more
    )
    return Resolver(NOW, GOALS).resolve(query)


def choose_events(query: ResolvedQuery) -> planner.TableChoice:
    return planner.TableChoice(from_events=query.group_by.aggregates)


def written(metrics: str, *dimensions: str, **more: Any) -> tuple[str, dict[str, Any]]:
    """The statement of a query from events and visits, and its parameters."""
    query, params = resolved(metrics, *dimensions, **more), Params()
    context = replace(query.context, params=params)
    plan = planner.write_plan(context, query.group_by, choose_events(query))
    order = write_order(query.group_by, query.order)
    return str(write_statement(query.group_by, plan.subqueries, order, query.limit, query.offset)), params.values
