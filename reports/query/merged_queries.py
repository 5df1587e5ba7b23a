"""One statement for several queries that differ only in their one dimension, where the same tables answer them.

Reading a table and planning a statement cost as much for one dimension as for ten. The statement groups by each
dimension on its own (`GroupingSets`), and the rows of each query are decoded as if it had been executed alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reports.query import decode, planner, top_pages
from reports.query.context import Params, QueryContext
from reports.query.data_version import DataVersion
from reports.query.dimensions import Dimension
from reports.query.metrics import Aggregate, Metric
from reports.query.model import Query
from reports.query.planner import Plan, TableChoice
from reports.query.rollups.devices import DEVICE_COLUMNS
from reports.query.sql.statement import GroupBy, GroupingSets, add_up, write_formula
from reports.query.sql.subqueries import SubqueryBuilder

MAX_ROWS_OF_QUERY = 1_000
MAX_DIMENSIONS = 10  # of one statement
VALUE = "value"  # the name of the dimension in an order, so that orders by different dimensions are equal
Row = dict[str, Any]


@dataclass(frozen=True)
class Mergeable:
    """A query of a form that can be merged, and the tables that answer it."""

    query: Query
    context: QueryContext
    version: DataVersion
    group_by: GroupBy
    choice: TableChoice

    @property
    def dimension(self) -> Dimension | None:
        return next(iter(self.group_by.dimensions), None)

    @property
    def order(self) -> tuple[tuple[str, str], ...]:
        return tuple(
            (VALUE if name in self.query.dimensions else name, direction)
            for name, direction in self.query.effective_order()
        )


def find_groups(
    queries: Sequence[tuple[Query, QueryContext, DataVersion]],
) -> Iterator[tuple[list[int], list[Mergeable]]]:
    """Yield the groups of at least two queries that one statement can answer: their indexes and themselves."""
    by_dimension: dict[Any, dict[int, Mergeable]] = {}
    totals: dict[Any, dict[int, Mergeable]] = {}
    for index, (query, context, version) in enumerate(queries):
        mergeable = check_mergeable(query, context, version)
        if mergeable and (tables := find_tables(mergeable)):
            key = build_group_key(mergeable, tables)
            if mergeable.dimension is None:
                totals.setdefault(key, {})[index] = mergeable
            else:
                by_dimension.setdefault((key, mergeable.order), {})[index] = mergeable
    for (key, _), members in by_dimension.items():
        group = select_members(members)
        group.update(select_members(totals.pop(key, {})))
        if len(group) > 1:
            yield list(group), list(group.values())


def select_members(members: dict[int, Mergeable]) -> dict[int, Mergeable]:
    """Select as many as one statement may answer. Two queries by the same dimension must agree on its rows."""
    aggregates: dict[Dimension | None, set[Aggregate]] = {}
    selected: dict[int, Mergeable] = {}
    for index, member in members.items():
        own = set(member.group_by.aggregates())
        if aggregates.setdefault(member.dimension, own) == own and len(aggregates) <= MAX_DIMENSIONS:
            selected[index] = member
    return selected


def check_mergeable(query: Query, context: QueryContext, version: DataVersion) -> Mergeable | None:
    """Return the query with its choice of tables; None if it is of no form that can be merged."""
    if len(query.dimensions) > 1 or query.offset + query.limit > MAX_ROWS_OF_QUERY:
        return None
    if top_pages.is_applicable(query, context, version):
        return None
    if query.values or any(metric.money for metric in query.metric_definitions()):
        return None
    group_by = GroupBy(query.metric_definitions(), query.dimension_definitions())
    if not all(every_row_has(dimension) for dimension in group_by.dimensions):
        return None
    return Mergeable(query, context, version, group_by, planner.choose_tables(query, context, group_by, version))


def every_row_has(dimension: Dimension) -> bool:
    """Return whether every row has the dimension. Other dimensions are found faster without reading all rows."""
    return dimension.family in ("visit", "event") and not dimension.skip_empty and not dimension.kinds


def find_tables(mergeable: Mergeable) -> str:
    """Return the only kind of tables that answers: "devices", "events" or "visits"; "" if it cannot be merged."""
    choice, dimension = mergeable.choice, mergeable.dimension
    if choice.estimated or choice.summed:
        return ""
    builder = SubqueryBuilder(mergeable.context.for_goal_visits(), mergeable.group_by)
    scopes = {builder.choose_scope(aggregate) for aggregate in choice.from_events}
    if choice.by_devices:
        scopes.add("devices")
    if len(scopes) != 1:
        return ""
    (tables,) = scopes
    allowed = {
        "devices": dimension is None or dimension.name in DEVICE_COLUMNS,
        "events": True,
        "visits": dimension is None or dimension.side != "event",
    }
    return tables if allowed.get(tables) else ""


def find_variants(mergeable: Mergeable) -> tuple[bool, bool]:
    """Return which variants of formulas the query needs: those by page, those by event."""
    variants = (mergeable.group_by.by_page, mergeable.group_by.by_event)
    metrics = mergeable.group_by.metrics
    if all(metric.choose_formula(*variants) == metric.choose_formula(False, False) for metric in metrics):
        return (False, False)
    return variants


def build_group_key(mergeable: Mergeable, tables: str) -> tuple[Any, ...]:
    """Return all that must be equal for two queries to be one statement, except their order."""
    context = mergeable.context
    exposure = ""
    if tables == "events":
        exposure = SubqueryBuilder(context.for_goal_visits(), mergeable.group_by).exposure_condition()
    return (
        tables, context.sites, context.period, context.now, repr((context.tree, context.visit_tree)),
        repr(context.goals), context.required_goals, context.has_persons, mergeable.version.number,
        repr(mergeable.choice.coverage), find_variants(mergeable), exposure,
    )  # fmt: skip


# -- the statement ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MergedStatement:
    """The plan and the statement of several queries."""

    members: Sequence[Mergeable]
    group_by: GroupingSets
    plan: Plan
    sql: str
    params: Params

    def split_rows(self, rows: Sequence[tuple[Any, ...]]) -> list[list[Row]]:
        """Return the rows of each query."""
        by_dimension: list[list[tuple[Any, ...]]] = [[] for _ in range(len(self.group_by.dimensions) + 1)]
        for row in rows:
            by_dimension[int(row[0])].append(row)
        indexes = index_dimensions(self.members)
        return [self.decode(member, by_dimension[index]) for member, index in zip(self.members, indexes, strict=True)]

    def decode(self, member: Mergeable, rows: Sequence[tuple[Any, ...]]) -> list[Row]:
        """Return the rows of one query with its own metrics, cut to its page."""
        metrics = [metric.name for metric in self.group_by.metrics]
        columns = [2 + metrics.index(metric.name) for metric in member.group_by.metrics]
        if member.dimension is not None:
            columns, query = [1, *columns], member.query
            rows = rows[query.offset : query.offset + query.limit]
        own_columns = [tuple(row[column] for column in columns) for row in rows]
        decoded = decode.decode_rows(member.group_by, member.context, own_columns)
        return decoded if decoded or member.dimension is not None else [decode.empty_metrics(member.group_by)]


def merge(members: Sequence[Mergeable]) -> MergedStatement:
    """Write one statement for all queries of a group."""
    first = members[0]
    by_page, by_event = find_variants(first)
    metrics: dict[Metric, None] = {metric: None for member in members for metric in member.group_by.metrics}
    group_by = GroupingSets(
        tuple(metrics),
        tuple(list_dimensions(members)),
        with_totals=any(member.dimension is None for member in members),
        page_variant=by_page,
        event_variant=by_event,
    )
    context = replace(first.context, params=Params())
    plan = planner.write_plan(context, group_by, unite_choices([member.choice for member in members]))
    limit = max(member.query.offset + member.query.limit for member in members)
    formulas = [f"{write_formula(formula)} AS m{index}" for index, formula in enumerate(group_by.formulas())]
    sql = (
        f"SELECT {', '.join([*group_by.keys, *formulas])} FROM {add_up(group_by, plan.subqueries)} "
        f"WHERE {' OR '.join(write_row_conditions(members))} "
        f"ORDER BY {', '.join(write_order(first, group_by))} LIMIT {limit} BY d0"
    )
    return MergedStatement(members, group_by, plan, sql, context.params)


def unite_choices(choices: Sequence[TableChoice]) -> TableChoice:
    """Return the aggregates of several choices of the same kind of tables."""
    from_events = dict.fromkeys(aggregate for choice in choices for aggregate in choice.from_events)
    by_devices = dict.fromkeys(aggregate for choice in choices for aggregate in choice.by_devices)
    return TableChoice(tuple(from_events), choices[0].coverage, by_devices=tuple(by_devices))


def list_dimensions(members: Sequence[Mergeable]) -> list[Dimension]:
    """Return the dimensions of the queries, each once."""
    return list(dict.fromkeys(member.dimension for member in members if member.dimension is not None))


def index_dimensions(members: Sequence[Mergeable]) -> list[int]:
    """Return the index of each query's dimension; of totals the one after the last."""
    dimensions = list_dimensions(members)
    return [len(dimensions) if member.dimension is None else dimensions.index(member.dimension) for member in members]


def write_row_conditions(members: Sequence[Mergeable]) -> Iterator[str]:
    """Write the conditions that a row is one of its query's, as a statement of its own would have them."""
    for member, index in zip(members, index_dimensions(members), strict=True):
        not_empty = " OR ".join(f"a_{aggregate.name} != 0" for aggregate in member.group_by.aggregates())
        yield f"d0 = {index}" if member.dimension is None else f"(d0 = {index} AND ({not_empty}))"


def write_order(member: Mergeable, group_by: GroupingSets) -> list[str]:
    """Write the terms of ORDER BY: by dimension, then in the order of the queries; the value breaks ties."""
    columns = {metric.name: f"m{index}" for index, metric in enumerate(group_by.metrics)} | {VALUE: "d1"}
    terms = {columns[name]: f"{columns[name]} {direction.upper()} NULLS LAST" for name, direction in member.order}
    terms.setdefault("d1", "d1 ASC")
    return ["d0", *terms.values()]
