"""A query with everything that is looked up before its statements run: context, comparison period, data versions."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from reports.query import filters
from reports.query.context import QueryContext
from reports.query.data_version import DataVersion, read_version
from reports.query.model import Query
from reports.query.periods import Period, find_comparison_period
from reports.query.references import GoalSource, ReferenceResolver, StoredGoals

GOAL_METRICS = {"conversions", "conversion_rate", "revenue"}


@dataclass(frozen=True)
class ResolvedQuery:
    """A query, its context, and the versions of the data of its period and of the comparison period."""

    query: Query
    context: QueryContext
    comparison_period: Period | None
    version: DataVersion
    comparison_version: DataVersion
    started: float  # by time.perf_counter

    @property
    def key(self) -> tuple[Any, ...]:
        """What the result is cached under: the query and the version of its data."""
        return (build_query_key(self), self.version.number, self.comparison_version.number)

    @property
    def cacheable(self) -> bool:
        complete = self.version.complete and self.comparison_version.complete
        return complete and "online" not in self.query.metrics


def resolve_query(query: Query, now: datetime, source: GoalSource | None) -> ResolvedQuery:
    """Look up what the query depends on, in Django's database and among the arrivals of data."""
    started = time.perf_counter()
    context = build_context(query, now, source or StoredGoals())
    version = read_version(context)
    context = replace(context, has_persons=version.has_persons)
    comparison = find_comparison_period(query.period, query.compare, now) if query.compare else None
    comparison_version = read_version(context.for_period(comparison)) if comparison else version
    return ResolvedQuery(query, context, comparison, version, comparison_version, started)


def build_context(query: Query, now: datetime, source: GoalSource) -> QueryContext:
    """Look up the goals and segments that the query refers to. Raises QueryRefused if one is missing."""
    lookup = ReferenceResolver(query.sites, source)
    unresolved = query.build_filter()
    tree = lookup.resolve(unresolved, "where") if unresolved else None
    tree_without_goals, required = filters.remove_goals(tree)
    has_goal_metrics = GOAL_METRICS & set(query.metrics)
    by_goal = "goal" in query.dimensions
    goals = lookup.all_goals() if has_goal_metrics or by_goal or required else {}
    if has_goal_metrics and not by_goal and not required:
        counted = source.load_counted_goals(query.sites)
        goals = {number: goal for number, goal in goals.items() if number in counted}
    visit_tree = None
    if required:
        tree, visit_tree = filters.filter_goal_events(tree), filters.filter_goal_visits(tree)
    return QueryContext(query.sites, query.period, now, tree, goals, required, tree_without_goals, visit_tree)


def build_query_key(resolved: ResolvedQuery) -> tuple[Any, ...]:
    """Return all that a result depends on, except the data. The filter counts as it was looked up."""
    query, context = resolved.query, resolved.context
    until = None
    if query.fills_gaps():  # rows for empty buckets end now
        until = min(context.now, context.period.end).replace(minute=0, second=0, microsecond=0)
    trees = repr((context.tree, context.visit_tree))
    return (
        replace(query, where=None, compare=None), trees, repr(context.goals), context.required_goals,
        resolved.comparison_period, context.has_persons, until,
    )  # fmt: skip
