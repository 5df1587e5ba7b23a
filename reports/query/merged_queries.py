"""One statement for several queries that differ only in their one dimension, where the same tables answer them.

Reading a table and planning a statement cost as much for one dimension as for ten. The statement groups by each
dimension on its own (`GroupingSets`), and the rows of each query are decoded as if it had been executed alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from operator import attrgetter, itemgetter

from reports.query import decode, planner, top_pages
from reports.query.context import Params
from reports.query.dimensions import Dimension
from reports.query.execution_limits import StoreRow
from reports.query.grouping import GroupingSets
from reports.query.metrics import Aggregate, Metric
from reports.query.model import Order, Row
from reports.query.planner import Plan, TableChoice
from reports.query.resolve import ResolvedQuery
from reports.query.rollups.devices import DEVICE_COLUMNS
from reports.query.sql.select import Select
from reports.query.sql.statement import add_up
from reports.query.sql.subqueries import SubqueryBuilder, write_exposure_condition

MAX_ROWS_OF_QUERY = 1_000
MAX_DIMENSIONS = 10  # of one statement
FROM_EVENTS, BY_DEVICES = attrgetter("from_events"), attrgetter("by_devices")
VALUE = "value"  # the name of the dimension in an order, so that orders by different dimensions are equal


@dataclass(frozen=True)
class Planned:
    """A query and the tables that answer it."""

    query: ResolvedQuery
    choice: TableChoice

    @cached_property
    def dimension(self) -> Dimension | None:
        return next(iter(self.query.group_by.dimensions), None)

    @cached_property
    def order(self) -> Order:
        names, order = self.query.group_by.dimension_names, []
        for name, direction in self.query.order:
            order.append((VALUE if name in names else name, direction))
        return tuple(order)


def find_groups(queries: Sequence[Planned]) -> list[list[Planned]]:
    """Return the groups of at least two queries that one statement can answer."""
    by_dimension: dict[tuple[Hashable, Order], list[Planned]] = {}
    totals: dict[Hashable, list[Planned]] = {}
    for planned in queries:
        if is_mergeable(planned) and (key := build_group_key(planned)):
            if planned.dimension is None:
                totals.setdefault(key, []).append(planned)
            else:
                by_dimension.setdefault((key, planned.order), []).append(planned)
    groups = [add_totals(select_members(members), totals.pop(key, [])) for (key, _), members in by_dimension.items()]
    return [group for group in groups if len(group) > 1]


def add_totals(members: list[Planned], totals: Sequence[Planned]) -> list[Planned]:
    """Return the members and those totals that need nothing that the members do not count anyway.

    Every aggregate is computed for every dimension, so others cost more than a statement of their own.
    """
    counted = {aggregate for member in members for aggregate in member.query.group_by.aggregates}
    return [*members, *(each for each in select_members(totals) if counted.issuperset(each.query.group_by.aggregates))]


def select_members(members: Sequence[Planned]) -> list[Planned]:
    """Select as many as one statement may answer. Two queries by the same dimension must agree on its rows."""
    aggregates: dict[Dimension | None, set[Aggregate]] = {}
    selected: list[Planned] = []
    for member in members:
        own = set(member.query.group_by.aggregates)
        if aggregates.setdefault(member.dimension, own) == own and len(aggregates) <= MAX_DIMENSIONS:
            selected.append(member)
    return selected


def is_mergeable(planned: Planned) -> bool:
    """Return whether a query is of a form that can be merged."""
    query = planned.query
    if len(query.group_by.dimensions) > 1 or query.offset + query.limit > MAX_ROWS_OF_QUERY:
        return False
    if query.keys or query.group_by.has_money or not query.group_by.every_row_has:
        return False
    return query.group_by.dimension_names != top_pages.BY_PAGE or not top_pages.is_applicable(query, planned.choice)


def find_tables(planned: Planned, builder: SubqueryBuilder) -> str:
    """Return the only kind of tables that answers: "devices", "events" or "visits"; "" if it cannot be merged."""
    choice, dimension = planned.choice, planned.dimension
    if choice.estimated or choice.summed:
        return ""
    scopes: set[str] = set(builder.group_by_scope(choice.from_events))
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


def build_group_key(planned: Planned) -> tuple[Hashable, ...]:
    """Return all that must be equal for two queries to be one statement, except their order; () for no statement."""
    context, coverage = planned.query.context, planned.choice.coverage
    builder = SubqueryBuilder(context.for_goal_visits(), planned.query.group_by)
    tables = find_tables(planned, builder)
    if not tables:
        return ()
    exposure = write_exposure_condition(planned.query.group_by.dimensions, context.tree) if tables == "events" else ""
    return (
        tables, context.sites, context.period, context.now, context.tree, context.visit_tree,
        tuple(context.goals.values()), context.required_goals, context.has_persons, planned.query.version.number,
        repr(coverage) if coverage else None, planned.query.group_by.variants, exposure,
    )  # fmt: skip


# -- the statement ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class MergedStatement:
    """The plan and the statement of several queries."""

    members: Sequence[Planned]
    group_by: GroupingSets
    plan: Plan
    sql: Select
    params: Params

    def split_rows(self, rows: Sequence[StoreRow]) -> list[list[Row]]:
        """Return the rows of each query."""
        by_dimension: list[list[StoreRow]] = [[] for _ in range(len(self.group_by.dimensions) + 1)]
        for row in rows:
            by_dimension[int(row[0])].append(row)
        indexes = index_dimensions(self.members, self.group_by.dimensions)
        return [self.decode(member, by_dimension[index]) for member, index in zip(self.members, indexes, strict=True)]

    def decode(self, member: Planned, rows: Sequence[StoreRow]) -> list[Row]:
        """Return the rows of one query with its own metrics, cut to its page."""
        query, metrics = member.query, self.group_by.metrics
        columns = [] if member.dimension is None else [1]
        for metric in query.group_by.metrics:
            columns.append(2 + metrics.index(metric))
        if member.dimension is not None:
            rows = rows[query.offset : query.offset + query.limit]
        pick = itemgetter(*columns) if len(columns) > 1 else itemgetter(slice(columns[0], columns[0] + 1))
        decoded = decode.decode_rows(query.group_by, query.context, list(map(pick, rows)))
        return decoded if decoded or member.dimension is not None else [decode.empty_metrics(query.group_by)]


def merge(members: Sequence[Planned]) -> MergedStatement:
    """Write one statement for all queries of a group."""
    by_page, by_event = members[0].query.group_by.variants
    metrics: dict[Metric, None] = {}
    by: dict[Dimension, None] = {}
    limit = 0
    for member in members:
        metrics |= dict.fromkeys(member.query.group_by.metrics)
        by |= dict.fromkeys(member.query.group_by.dimensions)
        limit = max(limit, member.query.offset + member.query.limit)
    dimensions = tuple(by)
    group_by = GroupingSets(
        tuple(metrics),
        dimensions,
        with_totals=any(member.dimension is None for member in members),
        page_variant=by_page,
        event_variant=by_event,
    )
    context = replace(members[0].query.context, params=Params())
    plan = planner.write_plan(context, group_by, unite_choices([member.choice for member in members]))
    rows = add_up(group_by, plan.subqueries).where(" OR ".join(write_row_conditions(members, dimensions)))
    sql = Select(
        [*group_by.keys, *group_by.metric_columns], rows, order_by=write_order(members[0], group_by),
        limit_each=(limit, "d0"),
    )  # fmt: skip
    return MergedStatement(members=members, group_by=group_by, plan=plan, sql=sql, params=context.params)


def unite_choices(choices: Sequence[TableChoice]) -> TableChoice:
    """Return the aggregates of several choices of the same kind of tables."""
    from_events = dict.fromkeys(chain.from_iterable(map(FROM_EVENTS, choices)))
    by_devices = dict.fromkeys(chain.from_iterable(map(BY_DEVICES, choices)))
    return TableChoice(from_events=tuple(from_events), coverage=choices[0].coverage, by_devices=tuple(by_devices))


def index_dimensions(members: Sequence[Planned], dimensions: tuple[Dimension, ...]) -> list[int]:
    """Return the index of each query's dimension; of totals the one after the last."""
    return [len(dimensions) if member.dimension is None else dimensions.index(member.dimension) for member in members]


def write_row_conditions(members: Sequence[Planned], dimensions: tuple[Dimension, ...]) -> list[str]:
    """Write the conditions that a row is one of its query's, as a statement of its own would have them."""
    conditions = []
    for member, index in zip(members, index_dimensions(members, dimensions), strict=True):
        not_empty = member.query.group_by.not_empty
        conditions.append(f"d0 = {index}" if member.dimension is None else f"(d0 = {index} AND ({not_empty}))")
    return conditions


def write_order(member: Planned, group_by: GroupingSets) -> list[str]:
    """Write the terms of ORDER BY: by dimension, then in the order of the queries; the value breaks ties."""
    columns = {metric.name: f"m{index}" for index, metric in enumerate(group_by.metrics)} | {VALUE: "d1"}
    terms = {columns[name]: f"{columns[name]} {direction.upper()} NULLS LAST" for name, direction in member.order}
    terms.setdefault("d1", "d1 ASC")
    return ["d0", *terms.values()]
