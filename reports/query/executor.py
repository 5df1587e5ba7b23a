"""The executor answers resolved queries: the only place where queries reach the store."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from reports.query import decode, top_pages
from reports.query.context import Params, QueryContext
from reports.query.data_version import DataVersion
from reports.query.dimensions import TIMES
from reports.query.execution_limits import explain_error, query_settings
from reports.query.model import MAX_ROWS, MAX_VALUES, Meta, Query, Result
from reports.query.periods import Period
from reports.query.planner import Plan, build_plan
from reports.query.references import GoalSource
from reports.query.resolve import ResolvedQuery, resolve_query
from reports.query.result_cache import RESULTS
from reports.query.sql.conditions import ConditionBuilder
from reports.query.sql.statement import GroupBy, write_order, write_statement
from tracking import store

Row = dict[str, Any]
MAX_BUCKETS = 1_000_000  # rows that are read where empty buckets are filled in, before the page is cut


@dataclass
class Execution:
    """Runs the statements of one query and adds up what they read."""

    rows_read: int = 0
    bytes_read: int = 0
    sources: list[str] = field(default_factory=list)
    estimated: set[str] = field(default_factory=set)
    error: float = 0.0

    def run(self, sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Run one statement. Raises QueryRefused if it exceeds a limit, StoreError if the store fails."""
        try:
            result = store.query(sql, params, settings=query_settings())
        except store.StoreError as error:
            refusal = explain_error(error)
            if refusal is None:
                raise
            raise refusal from error
        self.rows_read += result.rows_read
        self.bytes_read += result.bytes_read
        return [tuple(row) for row in result.rows]

    def run_plan(self, plan: Plan, sql: str, params: Params) -> list[tuple[Any, ...]]:
        """Run the statement of a plan and note which tables it reads and what it estimates."""
        self.sources += [subquery.source for subquery in plan.subqueries]
        self.estimated |= plan.estimated
        self.error = max(self.error, plan.error)
        return self.run(sql, params.values)


def ask(query: Query, *, now: datetime, source: GoalSource | None = None, cache: bool = True) -> Result:
    """Answer one query.

    `source` gives goals and segments (default: the database). Raises QueryRefused for a query that cannot be answered,
    QueryStopped for one that exceeds a limit, and StoreError if the store fails.
    """
    resolved = resolve_query(query, now, source)
    return (find_cached(resolved) if cache else None) or execute(resolved, cache)


def find_cached(resolved: ResolvedQuery) -> Result | None:
    """Return the result if the same query was answered from the same data before."""
    cached = RESULTS.get(resolved.key)
    if cached is None:
        return None
    seconds = time.perf_counter() - resolved.started
    meta = replace(cached.meta, seconds=seconds, cached=True, rows_read=0, bytes_read=0)
    return replace(cached, rows=copy_rows(cached.rows), meta=meta)


def execute(resolved: ResolvedQuery, cache: bool, fetched: tuple[Execution, list[Row]] | None = None) -> Result:
    """Answer a query from the store and cache the result. `fetched`: its rows, if they were read already."""
    result = build_result(resolved, fetched)
    if cache and resolved.cacheable:
        RESULTS.put(resolved.key, replace(result, rows=copy_rows(result.rows)), count_cells(result))
    return result


def copy_rows(rows: list[Row]) -> list[Row]:
    """Copy rows, because callers may write into theirs and those in the cache must not change."""
    return [dict(row) for row in rows]


def count_cells(result: Result) -> int:
    """Return about how many values a result holds."""
    return (len(result.rows) + 1) * (len(result.rows[0]) if result.rows else 1)


def build_result(resolved: ResolvedQuery, fetched: tuple[Execution, list[Row]] | None) -> Result:
    """Read everything a query consists of: the currency, rows, totals and comparison."""
    query, version, comparison_period = resolved.query, resolved.version, resolved.comparison_period
    execution, rows = fetched or (Execution(), None)
    currency, other_currencies = choose_currency(query, resolved.context, execution)
    context = replace(resolved.context, currency=currency)
    if rows is None:
        wanted = [{query.dimensions[0]: value} for value in query.values]
        restricted = replace(context, only_values=find_only_values(query, wanted))
        rows = fetch_rows(query, restricted, version, execution, wanted)
    totals = fetch_totals(query, context, version, execution) if query.totals else None
    comparison = fetch_comparison(resolved, context, execution, rows) if comparison_period else None
    meta = Meta(
        range=(context.period.start.isoformat(), context.period.end.isoformat()),
        zone=context.period.zone,
        freshness=version.changed,
        exact=not execution.estimated,
        error=execution.error,
        source="+".join(dict.fromkeys(execution.sources)),
        rows_read=execution.rows_read,
        seconds=time.perf_counter() - resolved.started,
        bytes_read=execution.bytes_read,
        estimated=tuple(sorted(execution.estimated)),
        currency=currency or "",
        other_currencies=other_currencies,
        comparison_range=format_range(comparison_period) if comparison_period else None,
    )
    return Result(rows, totals, comparison, meta)


def format_range(period: Period) -> tuple[str, str]:
    return period.start.isoformat(), period.end.isoformat()


def fetch_totals(query: Query, context: QueryContext, version: DataVersion, execution: Execution) -> Row:
    """Read the metrics without the dimensions. Amounts are None beside rows of several currencies, never added."""
    without_dimensions = replace(query, dimensions=(), order=(), search="", values=())
    (totals,) = fetch_rows(without_dimensions, context, version, execution)
    if "currency" not in query.dimensions:
        return totals
    return {**totals, **{metric.name: None for metric in query.metric_definitions() if metric.money}}


def build_group_by(query: Query) -> GroupBy:
    return GroupBy(query.metric_definitions(), query.dimension_definitions())


def fetch_rows(
    query: Query, context: QueryContext, version: DataVersion, execution: Execution, keys: Iterable[Row] = ()
) -> list[Row]:
    """Read the rows of one period; with `keys`, only those with the same dimension values."""
    if not keys and top_pages.is_applicable(query, context, version):

        def fetch_candidates(query: Query, context: QueryContext) -> list[Row]:
            return fetch_planned_rows(query, context, version, execution)

        rows = top_pages.fetch_top_pages(query, context, version, fetch_candidates, execution.run_plan)
        if rows is not None:
            return rows
    return fetch_planned_rows(query, context, version, execution, keys)


def fetch_planned_rows(
    query: Query, context: QueryContext, version: DataVersion, execution: Execution, keys: Iterable[Row] = ()
) -> list[Row]:
    """Read the rows by one statement, as the planner writes it."""
    group_by = build_group_by(query)
    context = replace(context, params=Params())
    plan = build_plan(query, context, group_by, version)
    fills_gaps = query.fills_gaps()
    limit, offset = (MAX_BUCKETS, 0) if fills_gaps else (query.limit, query.offset)
    order = write_order(group_by, query.effective_order())
    key_condition = write_key_condition(group_by, context, list(keys))
    sql = write_statement(group_by, plan.subqueries, order, limit, offset, key_condition)
    rows = decode.decode_rows(group_by, context, execution.run_plan(plan, sql, context.params))
    if not query.dimensions:
        return rows or [decode.empty_metrics(group_by)]
    if not fills_gaps:
        return rows
    filled = decode.fill_gaps(group_by, context, rows)
    if query.effective_order()[0][1] == "desc":
        filled.reverse()
    return filled[query.offset : query.offset + query.limit]


def write_key_condition(group_by: GroupBy, context: QueryContext, rows: list[Row]) -> str:
    """Write the condition that the dimension values are those of one of the rows."""
    if not rows:
        return ""
    conditions = []
    for index, dimension in enumerate(group_by.dimensions):
        values = tuple(dict.fromkeys(row[dimension.name] for row in rows))
        if dimension.family == "goal" or dimension.name in ("hour_of_day", "weekday"):
            conditions.append(f"d{index} IN ({', '.join(map(str, values))})")
        elif dimension.name not in TIMES:
            conditions.append(f"d{index} IN {context.params.bind_texts(values)}")
    return " AND ".join(conditions)


def find_only_values(query: Query, rows: list[Row]) -> dict[str, tuple[str, ...]]:
    """Return the values whose rows are wanted, so that others are not even counted; nothing where all are."""
    families = {dimension.family for dimension in query.dimension_definitions()}
    if len(query.dimensions) != 1 or families & {"goal", "time"} or not 0 < len(rows) <= MAX_VALUES:
        return {}
    return {query.dimensions[0]: tuple(row[query.dimensions[0]] for row in rows)}


def fetch_comparison(
    resolved: ResolvedQuery, context: QueryContext, execution: Execution, rows: list[Row]
) -> list[Row] | Row:
    """Read the same query for the comparison period, in the shape that `Result.comparison` describes."""
    query, period, version = resolved.query, resolved.comparison_period, resolved.comparison_version
    assert period is not None
    context = context.for_period(period)
    other = replace(query, compare=None, period=period, values=())
    if not query.dimensions:
        return fetch_rows(other, context, version, execution)[0]
    if query.fills_gaps():
        return fetch_rows(other, context, version, execution)
    if not rows:
        return []
    context = replace(context, only_values=find_only_values(query, rows))
    other_rows = fetch_rows(replace(other, offset=0, limit=MAX_ROWS), context, version, execution, keys=rows)
    by_key = {tuple(row[name] for name in query.dimensions): row for row in other_rows}
    empty = decode.empty_metrics(build_group_by(query))
    keys = [tuple(row[name] for name in query.dimensions) for row in rows]
    return [by_key.get(key) or {**dict(zip(query.dimensions, key, strict=True)), **empty} for key in keys]


def choose_currency(query: Query, context: QueryContext, execution: Execution) -> tuple[str | None, dict[str, Decimal]]:
    """Return the currency of the result's amounts, the one with most orders, and the totals in the others.

    The currency is None where the query has no amounts, or a row for each currency.
    """
    if not any(metric.money for metric in query.metric_definitions()) or "currency" in query.dimensions:
        return None, {}
    condition = ConditionBuilder(context).for_events(context.tree)
    sql = (
        "SELECT currency, countIf(revenue > 0) AS orders, sum(revenue) "
        f"{context.from_events('revenue != 0', condition)} GROUP BY currency ORDER BY orders DESC, currency"
    )
    rows = execution.run(sql, context.params.values)
    if not rows:
        return next((goal.currency for goal in context.counted_goals() if goal.value and goal.currency), ""), {}
    return rows[0][0], {currency: total for currency, _, total in rows[1:]}
