"""The subqueries of a query: one for each kind of table that its aggregates are counted in.

Every aggregate is counted in a table of its own (events, visits, dwells on a page …). Each table gives one subquery
with columns of the same names `d0 … a_<aggregate> …`; `sql.statement` adds them up by `d0 …`, and metrics are formulas
over the sums. So no subquery needs a join with another, and a rollup is just one more subquery.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from operator import attrgetter

from reports.query import filters
from reports.query.context import MAX_VISIT_LENGTH, VISITOR_SQL, QueryContext
from reports.query.dimensions import Dimension, find_exposures, write_kinds_condition
from reports.query.grouping import GroupBy
from reports.query.metrics import VISITOR, Aggregate, Scope
from reports.query.sql import goals
from reports.query.sql.conditions import ConditionBuilder
from reports.query.sql.select import Select
from reports.query.sql.statement import Subquery

AGGREGATE_NAME = attrgetter("name")
# Scopes that are counted in one pass where they have the same filter
OVER_EVENTS: tuple[Scope, ...] = ("events", "goals", "eligible")


@dataclass
class SubqueryBuilder:
    """Writes the subqueries of one context and grouping."""

    context: QueryContext
    group_by: GroupBy

    @cached_property
    def conditions(self) -> ConditionBuilder:
        return ConditionBuilder(self.context)

    # -- which table ----------------------------------------------------------------------------------------------

    @cached_property
    def needs_only_visits(self) -> bool:
        """Whether rows and filter are about something that only visits have."""
        mentioned = [*self.group_by.dimensions, *filters.list_dimensions(self.context.tree)]
        sides = {dimension.side for dimension in mentioned}
        return "entry" in sides and "event" not in sides

    def group_by_scope(self, aggregates: Iterable[Aggregate]) -> dict[Scope, list[Aggregate]]:
        """Return the aggregates by the table they are counted in: by their scope, or the one of an equal aggregate."""
        by_scope: dict[Scope, list[Aggregate]] = {}
        for aggregate in aggregates:
            scope = aggregate.scope
            if aggregate.over_visits and self.needs_only_visits:
                if scope != "eligible" or not self.context.required_goals:  # which have a filter of their own
                    scope = "visits"
            elif aggregate.function == "goal_value" and not self.context.has_goal_values:
                scope = "events"  # nothing to add, which needs no subquery of its own
            by_scope.setdefault(scope, []).append(aggregate)
        return by_scope

    def build(self, aggregates: Iterable[Aggregate]) -> list[Subquery]:
        """Write the subqueries that count these aggregates in events and visits.

        Where the filter requires goals, what is not about the goals is about the visits in which they were reached.
        """
        if not self.context.required_goals:
            return self.build_filtered(aggregates)
        about_goals: list[Aggregate] = []
        others: list[Aggregate] = []
        for aggregate in aggregates:
            of_goal_event = is_about_goals(aggregate) and not self.counts_visits_instead(aggregate)
            (about_goals if of_goal_event else others).append(aggregate)
        for_visits = SubqueryBuilder(self.context.for_goal_visits(), self.group_by)
        return [*self.build_filtered(about_goals), *for_visits.build_filtered(map(count_visitors_instead, others))]

    def counts_visits_instead(self, aggregate: Aggregate) -> bool:
        """Return whether converting visitors are counted by what their visits did, such as the pages they saw."""
        events = {dimension.name for dimension in self.group_by.dimensions if dimension.side == "event"} - {"site"}
        return aggregate.function == "converting_visitors" and bool(events) and "goal" not in events

    def build_filtered(self, aggregates: Iterable[Aggregate]) -> list[Subquery]:
        """Write the subqueries that count these aggregates under the context's own filter."""
        by_scope = self.group_by_scope(aggregates)
        if len(by_scope) > 1 and self.has_common_filter() and len(by_scope.keys() & set(OVER_EVENTS)) > 1:
            by_scope["events"] = [each for scope in OVER_EVENTS for each in by_scope.pop(scope, [])]
        writers: dict[Scope, Callable[[list[Aggregate]], Select]] = {
            "events": self.select_events, "visits": self.select_visits, "dwells": self.select_dwells,
            "online": self.select_online, "goals": self.select_goals, "eligible": self.select_eligible,
        }  # fmt: skip
        return [
            Subquery(
                "visits" if scope == "visits" else "events",
                writers[scope](members),
                tuple(map(AGGREGATE_NAME, members)),
            )
            for scope, members in by_scope.items()
        ]

    def has_common_filter(self) -> bool:
        """Return whether goals, and all who could reach them, are counted over the same events as everything else."""
        return not self.context.required_goals and not self.group_by.by_goal

    # -- pieces ---------------------------------------------------------------------------------------------------

    def value(self, dimension: Dimension) -> str:
        """Write the dimension's value for a row of events."""
        if dimension.family == "goal":
            return goals.write_goal_numbers(self.context, self.conditions)
        if dimension.family != "time" and not dimension.event:
            return name_entry_column(dimension)
        return self.conditions.event_value(dimension)

    def presence_conditions(self, dimensions: Iterable[Dimension]) -> list[str]:
        """Write the conditions that an event has a row among these dimensions."""
        conditions: list[str] = []
        for dimension in dimensions:
            if dimension.kinds:
                conditions.append(write_kinds_condition(dimension.kinds))
            if dimension.skip_empty and dimension.family != "goal":
                conditions.append(f"{self.value(dimension)} != ''")
            if dimension.name in self.context.only_values:
                conditions.append(self.value_condition(self.value(dimension), dimension))
        return conditions

    def value_condition(self, value: str, dimension: Dimension) -> str:
        """Write the condition that a value is one of those that are wanted; empty where all are."""
        wanted = self.context.only_values.get(dimension.name)
        if wanted is None:
            return ""
        texts = self.context.params.bind_texts(wanted)
        if dimension.event == "path" and value == "path":
            # evaluated once per entry of the column's dictionary, which IN is not
            ones = f"arrayResize([toUInt8(1)], {len(wanted)}, toUInt8(1))"
            return f"transform({value}, {texts}, {ones}, toUInt8(0)) = 1"
        return f"{value} IN {texts}"

    def join_entries(self) -> str:
        """Write the join that adds to events what only their visits have."""
        columns = [
            f"{self.conditions.visit_value(entry)} AS {name_entry_column(entry)}" for entry in self.group_by.entries
        ]
        visits = self.context.select_visits(["visit", *columns], before=MAX_VISIT_LENGTH)
        return f" INNER JOIN ({visits}) AS entered USING (visit)"

    def write_aggregate(self, aggregate: Aggregate, exposure: str = "", goal_column: str = "", shared: str = "") -> str:
        """Write an aggregate over rows of events, under the name of its column.

        `exposure`: the condition on those that show an exposure; `shared`: the one that WHERE has already.
        """
        if aggregate.scope == "goals":
            call = goals.aggregate_goals(aggregate, self.context, self.conditions, goal_column)
            return aggregate.column.format(call)
        conditions = [aggregate.condition] if aggregate.condition and aggregate.condition != shared else []
        if aggregate.first_visit_only:
            conditions.append(self.context.first_visit_condition())
        if aggregate.in_currency:
            conditions.append(self.context.currency_condition())
        if exposure and aggregate.exposure_only:
            conditions.append(exposure)
        return write_call(aggregate, self.context.visitor_sql, conditions)

    # -- subqueries -----------------------------------------------------------------------------------------------

    def select_events(self, aggregates: list[Aggregate], context: QueryContext | None = None) -> Select:
        """Return the subquery over events. A condition that all aggregates share is put into WHERE."""
        exposure = write_exposure_condition(self.group_by.dimensions, self.context.tree)
        shared = exposure
        for aggregate in aggregates:
            if not aggregate.exposure_only and aggregate.condition != exposure:
                shared = ""
        if shared:
            exposure = ""
        columns, has_persons = [], self.context.has_persons
        for aggregate in aggregates:
            depends = aggregate.scope == "goals" or aggregate.first_visit_only or aggregate.in_currency
            columns.append(
                self.write_aggregate(aggregate, exposure, shared=shared)
                if depends
                else write_simple_aggregate(aggregate, has_persons, exposure, shared)
            )
        return self.select_from_events(columns, context or self.context, shared)

    def select_from_events(self, aggregates: list[str], context: QueryContext, *conditions: str) -> Select:
        """Select these aggregates (SQL) by the dimensions, from the events that have them."""
        dimensions = self.group_by.dimensions
        present = self.presence_conditions(dimensions)
        columns = self.group_by.write_columns([*map(self.value, dimensions)], aggregates)
        rows = context.from_events(
            *present, self.conditions.for_events(self.context.tree), *conditions,
            join=self.join_entries() if self.group_by.entries else "",
        )  # fmt: skip
        return Select(columns, rows, self.group_by.sql)

    def select_online(self, aggregates: list[Aggregate]) -> Select:
        return self.select_events(aggregates, context=self.context.for_online())

    def select_goals(self, aggregates: list[Aggregate]) -> Select:
        """Return the subquery of conversions, converting visitors and goal values."""
        dimensions = enumerate(self.group_by.dimensions)
        goal_column = next((f"d{index}" for index, dimension in dimensions if dimension.family == "goal"), "")
        columns = [self.write_aggregate(aggregate, goal_column=goal_column) for aggregate in aggregates]
        return self.select_from_events(columns, self.context)

    def select_dwells(self, aggregates: list[Aggregate]) -> Select:
        """Return the subquery over dwells: what one visit did on one page.

        A dwell takes its engaged time, or without any the time from its first to its last event on the page.
        """
        dimensions = self.group_by.dimensions
        inner_columns = self.group_by.write_columns(
            [*map(self.value, dimensions)],
            [
                "sum(engaged) AS engaged_ms", "max(scroll) AS scroll",
                "if(engaged_ms > 0, engaged_ms, toUInt64(dateDiff('millisecond', min(ts), max(ts)))) AS ms",
            ],
        )  # fmt: skip
        rows = self.context.from_events(
            *self.presence_conditions(dimensions), self.conditions.for_events(self.context.tree),
            join=self.join_entries() if self.group_by.entries else "",
        )  # fmt: skip
        dwells = Select(inner_columns, rows, ", ".join(["visit", *self.group_by.keys]))
        columns = [*self.group_by.keys, *(self.write_aggregate(aggregate) for aggregate in aggregates)]
        return Select(columns, dwells.as_rows(), self.group_by.sql)

    def select_visits(self, aggregates: list[Aggregate]) -> Select:
        """Return the subquery over visits, joined with the event dimensions that they contain."""
        tree, contained = self.context.tree, self.contained_dimensions()
        conditions: list[str] = []
        if not (contained and filters.needs_events(tree)):  # else the joined events satisfy the filter
            conditions.append(self.conditions.for_visits(tree))
        values: list[str] = []
        for index, dimension in enumerate(self.group_by.dimensions):
            value = f"c{index}" if dimension in contained else self.conditions.visit_value(dimension)
            values.append(value)
            if dimension.skip_empty and dimension.family != "goal":
                conditions.append(f"{value} != ''")
            conditions.append(self.value_condition(value, dimension))
        columns = self.group_by.write_columns(values, [self.write_visit_aggregate(each) for each in aggregates])
        if contained:
            rows = self.context.from_visits(*conditions, name="visited").join(self.join_contained())
            return Select(columns, rows, self.group_by.sql)
        return self.context.select_visits(columns, *conditions, group_by=self.group_by.sql)

    def write_visit_aggregate(self, aggregate: Aggregate) -> str:
        if aggregate.scope == "visits":
            return self.write_aggregate(aggregate)
        return aggregate.column.format(f"{aggregate.visit_function}({aggregate.over_visits})")

    def contained_dimensions(self) -> list[Dimension]:
        """Return the dimensions that a visit has because it contains an event that has them."""
        return [
            dimension
            for dimension in self.group_by.dimensions
            if dimension.side == "event" and dimension.name != "page"
        ]

    def join_contained(self) -> str:
        """Write the join that adds to visits the event dimensions that they contain."""
        tree, contained = self.context.tree, self.contained_dimensions()
        indexed = enumerate(self.group_by.dimensions)
        columns = [f"{self.value(dimension)} AS c{i}" for i, dimension in indexed if dimension in contained]
        condition = self.conditions.for_events(tree) if filters.needs_events(tree) else ""
        events = self.context.from_events(*self.presence_conditions(contained), condition)
        select = Select(["visit", *columns], events, distinct=True)
        return f" INNER JOIN ({select}) AS contained USING (visit)"

    def select_eligible(self, aggregates: list[Aggregate]) -> Select:
        """Return the subquery of all visitors under the rest of the filter: those who could have reached a goal."""
        others = tuple(dimension for dimension in self.group_by.dimensions if dimension.family != "goal")
        if len(others) == len(self.group_by.dimensions):
            return self.select_without_goals(self.group_by, aggregates)
        visitors = self.select_without_goals(GroupBy(self.group_by.metrics, others), aggregates)
        return self.repeat_for_goals(visitors, others, aggregates)

    def select_without_goals(self, group_by: GroupBy, aggregates: list[Aggregate]) -> Select:
        builder = SubqueryBuilder(replace(self.context, tree=self.context.tree_without_goals), group_by)
        return builder.select_visits(aggregates) if builder.needs_only_visits else builder.select_events(aggregates)

    def repeat_for_goals(self, visitors: Select, others: tuple[Dimension, ...], aggregates: list[Aggregate]) -> Select:
        """Repeat the rows of a SELECT by the other dimensions for every goal."""
        numbers = ", ".join(str(goal.number) for goal in self.context.counted_goals()) or "0"
        names = iter(f"d{index}" for index in range(len(others)))
        values = [
            f"toInt64(arrayJoin([{numbers}]))" if dimension.family == "goal" else f"eligible.{next(names)}"
            for dimension in self.group_by.dimensions
        ]
        counts = [f"eligible.a_{aggregate.name} AS a_{aggregate.name}" for aggregate in aggregates]
        return Select(self.group_by.write_columns(values, counts), visitors.as_rows("eligible"))


@lru_cache(maxsize=64)  # few, because a filter may hold very many values
def write_exposure_condition(dimensions: tuple[Dimension, ...], tree: filters.Node | None) -> str:
    """Write the condition that an event shows that its visitor saw what a query is about; empty = every event."""
    ways = find_exposures(dimensions) | find_exposures(filters.list_dimensions(tree))
    return "kind = 'view'" if ways == {"view"} else ""


def write_call(aggregate: Aggregate, visitor: str, conditions: list[str]) -> str:
    """Write an aggregate over the rows of which the conditions hold, under the name of its column."""
    arguments = visitor if aggregate.argument == VISITOR else aggregate.argument
    if conditions:
        arguments += (", " if arguments else "") + " AND ".join(conditions)
    return aggregate.column.format(f"{aggregate.function}{'If' if conditions else ''}({arguments})")


@lru_cache(maxsize=2048)
def write_simple_aggregate(aggregate: Aggregate, has_persons: bool, exposure: str, shared: str) -> str:
    """Write an aggregate as `SubqueryBuilder.write_aggregate` does, if nothing of it depends on the query."""
    conditions = [aggregate.condition] if aggregate.condition and aggregate.condition != shared else []
    if exposure and aggregate.exposure_only:
        conditions.append(exposure)
    return write_call(aggregate, VISITOR_SQL[has_persons], conditions)


def is_about_goals(aggregate: Aggregate) -> bool:
    """Return whether a goal in the filter restricts the aggregate to events that reach it: conversions and amounts."""
    return aggregate.scope in ("goals", "eligible") or aggregate.is_of_amounts


def count_visitors_instead(aggregate: Aggregate) -> Aggregate:
    """Count converting visitors as the visitors of the visits in which they converted; others stay as they are."""
    if aggregate.scope != "goals":
        return aggregate
    return replace(aggregate, scope="events", function="uniqExact", argument=VISITOR, exposure_only=True)


def name_entry_column(dimension: Dimension) -> str:
    """Name the column of a dimension that only visits have, where it is joined to events."""
    return "entered_" + re.sub(r"\W", "_", f"tag_{dimension.key.encode().hex()}" if dimension.key else dimension.name)
