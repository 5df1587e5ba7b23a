"""From a query to what answers it: goals, segments, comparison and the version of the data, looked up once.

A `Resolver` serves all queries of one request, so what they share (a filter, a period, the goals of a site) is looked
up for the first of them only.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from reports.query import filters
from reports.query.context import QueryContext, QueryGoal
from reports.query.data_version import DataVersion, read_version
from reports.query.filters import Node
from reports.query.grouping import GroupBy
from reports.query.model import MAX_ROWS, MAX_VALUES, Order, Query
from reports.query.periods import Period, find_comparison_period
from reports.query.references import GoalSource, ReferenceResolver, StoredGoals

Keys = tuple[tuple[str | int, ...], ...]  # the dimension values of rows


@dataclass(frozen=True, kw_only=True)
class ResolvedQuery:
    """A query with everything that its statements depend on.

    `keys`: only the rows with these dimension values are wanted; () = all rows. `comparison`: the same query of the
    period to compare with. `started`: when resolving began (time.perf_counter).
    """

    group_by: GroupBy
    context: QueryContext
    version: DataVersion
    order: Order
    limit: int
    offset: int
    fills_gaps: bool
    exact: bool
    with_totals: bool
    keys: Keys
    comparison: ResolvedQuery | None
    started: float

    @cached_property
    def dimensions(self) -> tuple[str, ...]:
        """The names of the dimensions."""
        return self.group_by.dimension_names

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics."""
        return self.group_by.metric_names

    @cached_property
    def key(self) -> tuple[Hashable, ...]:
        """All that the result depends on, for which it is cached."""
        context, other, until = self.context, self.comparison, None
        if self.fills_gaps:  # rows for empty buckets end now
            until = min(context.now, context.period.end).replace(minute=0, second=0, microsecond=0)
        return (
            self.group_by.metric_names, self.group_by.dimension_names, self.order, self.limit, self.offset,
            self.fills_gaps, self.exact, self.with_totals, self.keys, context.sites, context.period, context.tree,
            context.visit_tree, tuple(context.goals.values()), context.required_goals, context.has_persons, until,
            self.version.number, (other.context.period, other.version.number) if other else None,
        )  # fmt: skip

    @property
    def cacheable(self) -> bool:
        """Whether the result may be cached: nothing is half stored, and it is not about now."""
        complete = self.version.complete and (self.comparison is None or self.comparison.version.complete)
        return complete and "online" not in self.group_by.metric_names

    def for_keys(self, keys: Keys) -> ResolvedQuery:
        """Return the query for rows with these dimension values only: all of them, whatever their order."""
        context = replace(self.context, only_values=find_only_values(self.group_by, keys))
        return replace(self, keys=keys, context=context, limit=MAX_ROWS, offset=0)

    def for_totals(self) -> ResolvedQuery:
        """Return the query without its dimensions."""
        context = replace(self.context, only_values={})
        group_by = GroupBy(self.group_by.metrics, ())
        return replace(self, group_by=group_by, context=context, order=(), keys=(), fills_gaps=False)

    def in_currency(self, currency: str | None) -> ResolvedQuery:
        """Return the query with amounts in this currency, those of the comparison too."""
        if currency == self.context.currency:
            return self
        other = self.comparison.in_currency(currency) if self.comparison else None
        return replace(self, context=replace(self.context, currency=currency), comparison=other)


def find_only_values(group_by: GroupBy, keys: Keys) -> dict[str, tuple[str, ...]]:
    """Return the values whose rows are wanted, so that others are not even counted; nothing where all are."""
    if len(group_by.dimensions) != 1 or not 0 < len(keys) <= MAX_VALUES:
        return {}
    (dimension,) = group_by.dimensions
    return {} if dimension.family in ("goal", "time") else {dimension.name: tuple(str(value) for (value,) in keys)}


class ResolvedFilter(NamedTuple):
    """A filter with its goals and segments filled in, as contexts have it."""

    tree: Node | None
    required_goals: tuple[int, ...]
    tree_without_goals: Node | None
    visit_tree: Node | None


class Resolver:
    """Looks up what the queries of one request depend on, in Django's database and among the arrivals of data."""

    def __init__(self, now: datetime, source: GoalSource | None) -> None:
        self.now, self.source = now, source or StoredGoals()
        self._references: dict[tuple[int, ...], ReferenceResolver] = {}
        self._filters: dict[tuple[tuple[int, ...], Node | None], ResolvedFilter] = {}
        self._versions: dict[tuple[tuple[int, ...], Period], DataVersion] = {}
        self._contexts: dict[Hashable, tuple[QueryContext, DataVersion]] = {}
        self._comparisons: dict[tuple[Period, Hashable], Period] = {}

    def resolve(self, query: Query) -> ResolvedQuery:
        """Look up what a query depends on. Raises QueryRefused if a goal or segment of its filter is missing."""
        started = time.perf_counter()
        context, version = self.find_context(query)
        keys: Keys = ()
        if query.values:
            keys = tuple((value,) for value in query.values)
            context = replace(context, only_values=find_only_values(query.group_by, keys))
        resolved = ResolvedQuery(
            group_by=query.group_by, context=context,
            version=version, order=query.effective_order, limit=query.limit, offset=query.offset,
            fills_gaps=query.fills_gaps, exact=query.exact, with_totals=query.totals, keys=keys, comparison=None,
            started=started,
        )  # fmt: skip
        if query.compare is None:
            return resolved
        other = context.for_period(self.find_comparison(query))
        compared = replace(resolved, context=other, version=self.find_version(other), with_totals=False, keys=())
        return replace(resolved, comparison=compared)

    def find_context(self, query: Query) -> tuple[QueryContext, DataVersion]:
        """Return the context of a query and the version of its data; equal ones are built once."""
        by_goal = query.group_by.by_goal
        key = query.sites, query.period, query.tree, by_goal, by_goal or query.group_by.counts_goals
        if key not in self._contexts:
            context = self.build_context(query)
            version = self.find_version(context)
            self._contexts[key] = replace(context, has_persons=version.has_persons), version
        return self._contexts[key]

    def build_context(self, query: Query) -> QueryContext:
        """Return the context of a query: its filter, and the goals that its metrics count."""
        resolved_filter = self.find_filter(query.sites, query.tree)
        goals = self.find_goals(query, resolved_filter.required_goals)
        return QueryContext(
            sites=query.sites, period=query.period, now=self.now, tree=resolved_filter.tree, goals=goals,
            required_goals=resolved_filter.required_goals, tree_without_goals=resolved_filter.tree_without_goals,
            visit_tree=resolved_filter.visit_tree,
        )  # fmt: skip

    def find_references(self, sites: tuple[int, ...]) -> ReferenceResolver:
        return self._references.setdefault(sites, ReferenceResolver(sites, self.source))

    def find_filter(self, sites: tuple[int, ...], unresolved: Node | None) -> ResolvedFilter:
        """Return the filter with its goals and segments filled in, and split by what it requires."""
        key = sites, unresolved
        if key not in self._filters:
            tree = self.find_references(sites).resolve(unresolved, "where") if unresolved else None
            without_goals, required = filters.remove_goals(tree)
            visit_tree = None
            if required:
                tree, visit_tree = filters.filter_goal_events(tree), filters.filter_goal_visits(tree)
            self._filters[key] = ResolvedFilter(tree, required, without_goals, visit_tree)
        return self._filters[key]

    def find_goals(self, query: Query, required: Sequence[int]) -> dict[int, QueryGoal]:
        """Return the goals that the query counts, by id."""
        if required or query.group_by.by_goal:
            return self.find_references(query.sites).all_goals()
        return self.find_references(query.sites).counted_goals() if query.group_by.counts_goals else {}

    def find_version(self, context: QueryContext) -> DataVersion:
        """Return the version of the data of a context's sites and period."""
        key = context.sites, context.period
        if key not in self._versions:
            self._versions[key] = read_version(context)
        return self._versions[key]

    def find_comparison(self, query: Query) -> Period:
        """Return the period to compare with."""
        assert query.compare is not None
        key = query.period, query.compare
        if key not in self._comparisons:
            self._comparisons[key] = find_comparison_period(query.period, query.compare, self.now)
        return self._comparisons[key]
