"""Reading the rows of one query and one period by a statement of their own, and noting what that took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter

from reports.query import decode, planner
from reports.query.context import Params
from reports.query.dimensions import TIMES
from reports.query.execution_limits import StoreRow, run_statement
from reports.query.model import Row
from reports.query.planner import Plan, TableChoice
from reports.query.resolve import ResolvedQuery
from reports.query.sql.select import Select
from reports.query.sql.statement import write_order, write_statement

SOURCE = attrgetter("source")
MAX_BUCKETS = 1_000_000  # rows that are read where empty buckets are filled in, before the page is cut


@dataclass(kw_only=True)
class Execution:
    """Runs the statements of one query and adds up what they read."""

    sites: tuple[int, ...]
    rows_read: int = 0
    bytes_read: int = 0
    sources: list[str] = field(default_factory=list)
    estimated: set[str] = field(default_factory=set)
    error: float = 0.0
    incomplete: bool = False

    def run(self, sql: Select, params: Mapping[str, object]) -> list[StoreRow]:
        """Run one statement. Raises QueryRefused if it exceeds a limit, StoreError if the store fails."""
        result = run_statement(sql, params, self.sites)
        self.rows_read += result.rows_read
        self.bytes_read += result.bytes_read
        self.incomplete |= result.incomplete
        return result.rows

    def run_plan(self, plan: Plan, sql: Select, params: Mapping[str, object]) -> list[StoreRow]:
        """Run the statement of a plan and note which tables it reads and what it estimates."""
        self.sources.extend(map(SOURCE, plan.subqueries))
        self.estimated |= plan.estimated
        self.error = max(self.error, plan.error)
        return self.run(sql, params)


def fetch_rows(resolved: ResolvedQuery, execution: Execution, choice: TableChoice | None = None) -> list[Row]:
    """Read the rows of a query from the tables of `choice`, by default those that the planner chooses."""
    group_by, params = resolved.group_by, Params()
    context = replace(resolved.context, params=params)
    plan = planner.write_plan(context, group_by, choice or planner.choose_tables(resolved))
    limit, offset = (MAX_BUCKETS, 0) if resolved.fills_gaps else (resolved.limit, resolved.offset)
    order = write_order(group_by, resolved.order)
    key_condition = write_key_condition(resolved, params) if resolved.keys else ""
    sql = write_statement(group_by, plan.subqueries, order, limit, offset, key_condition)
    rows = decode.decode_rows(group_by, context, execution.run_plan(plan, sql, params.values))
    if not group_by.dimensions:
        return rows or [decode.empty_metrics(group_by)]
    if not resolved.fills_gaps:
        return rows
    filled = decode.fill_gaps(group_by, context, rows)
    if resolved.order[0][1] == "desc":
        filled.reverse()
    return filled[resolved.offset : resolved.offset + resolved.limit]


def write_key_condition(resolved: ResolvedQuery, params: Params) -> str:
    """Write the condition that the dimension values are those of one of the keys."""
    conditions = []
    columns = zip(resolved.group_by.dimensions, zip(*resolved.keys, strict=True), strict=True)
    for index, (dimension, values) in enumerate(columns):
        wanted = tuple(dict.fromkeys(values))
        if dimension.family == "goal" or dimension.name in ("hour_of_day", "weekday"):
            conditions.append(f"d{index} IN ({', '.join(map(str, wanted))})")
        elif dimension.name not in TIMES:
            conditions.append(f"d{index} IN {params.bind_texts(wanted)}")
    return " AND ".join(conditions)
