"""Goals and segments that a filter refers to by id, replaced by their own filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from goals.models import Goal, Segment
from goals.predicates import Filter, build_predicate, is_one_of
from reports.query import filters
from reports.query.context import QueryGoal
from reports.query.errors import QueryRefused
from reports.query.filters import FilterGroup, Node, Not, Reference, Visited

MAX_NESTED_REFERENCES = 16
GoalValue = tuple[Decimal, str]  # value of one conversion and its currency ("" = whichever the answer is in)


class GoalSource(Protocol):
    """Loads the goals and segments of sites, as filter JSON by id. The filter of a goal restricts it to its own site,
    where there are several."""

    def load_goal_filters(self, sites: tuple[int, ...]) -> Mapping[int, Filter]: ...

    def load_counted_goals(self, sites: tuple[int, ...]) -> frozenset[int]: ...

    def load_goal_values(self, sites: tuple[int, ...]) -> Mapping[int, GoalValue]: ...

    def load_segment_filter(self, sites: tuple[int, ...], number: int) -> object: ...


@dataclass(frozen=True)
class StoredGoals:
    """The goals and segments that are stored for the sites."""

    def load_goal_filters(self, sites: tuple[int, ...]) -> Mapping[int, Filter]:
        """Return the filters of the active goals. Of several sites, each goal is reached on its own site only."""
        goals = Goal.objects.filter(site_id__in=sites, active=True)
        if len(sites) == 1:
            return {goal.pk: build_predicate(goal) for goal in goals}
        return {goal.pk: {"and": [is_one_of("site", str(goal.site_id)), build_predicate(goal)]} for goal in goals}

    def load_counted_goals(self, sites: tuple[int, ...]) -> frozenset[int]:
        """Return the ids of the goals that the metric `conversions` counts unless the filter requires others."""
        goals = Goal.objects.filter(site_id__in=sites, active=True, conversion=True)
        return frozenset(goals.values_list("pk", flat=True))

    def load_goal_values(self, sites: tuple[int, ...]) -> Mapping[int, GoalValue]:
        """Return the value of one conversion, of the goals with a fixed value."""
        goals = Goal.objects.filter(site_id__in=sites, active=True, fixed_revenue__isnull=False)
        columns = goals.values_list("pk", "fixed_revenue", "currency")
        return {number: (value, currency) for number, value, currency in columns if value is not None}

    def load_segment_filter(self, sites: tuple[int, ...], number: int) -> object:
        segment = Segment.objects.filter(site_id__in=sites, pk=number).first()
        return segment.filter if segment else None


class ReferenceResolver:
    """Looks up the references of filters about some sites; the goals are read once."""

    def __init__(self, sites: tuple[int, ...], source: GoalSource) -> None:
        self.sites, self.source = sites, source
        self._goals: dict[int, QueryGoal] | None = None
        self._counted: dict[int, QueryGoal] | None = None

    def all_goals(self) -> dict[int, QueryGoal]:
        """Return the sites' goals by id."""
        if self._goals is None:
            self._goals = {}
            values = self.source.load_goal_values(self.sites)
            for number, goal_filter in self.source.load_goal_filters(self.sites).items():
                tree = filters.parse(goal_filter, f"goal {number}")
                if tree is not None:
                    value = values.get(number, ())
                    self._goals[number] = QueryGoal(number, self.resolve(tree, "where"), *value)
        return self._goals

    def counted_goals(self) -> dict[int, QueryGoal]:
        """Return those of the goals that metrics count unless the filter requires others."""
        if self._counted is None:
            goals, counted = self.all_goals(), self.source.load_counted_goals(self.sites)
            self._counted = {number: goal for number, goal in goals.items() if number in counted}
        return self._counted

    def resolve(self, tree: Node, where: str, depth: int = 0) -> Node:
        """Return the tree with the filters of its goals and segments. Raises QueryRefused if one is missing."""
        if depth > MAX_NESTED_REFERENCES:
            raise QueryRefused("Segments refer to each other in a circle, or too deeply.", where)
        if isinstance(tree, Reference):
            return Reference(tree.kind, tree.number, self.find_filter(tree, where, depth))
        if isinstance(tree, FilterGroup):
            return FilterGroup(tree.operator, tuple(self.resolve(part, where, depth) for part in tree.parts))
        if isinstance(tree, Not):
            return Not(self.resolve(tree.part, where, depth))
        if isinstance(tree, Visited):
            return Visited(self.resolve(tree.part, where, depth))
        return tree

    def find_filter(self, reference: Reference, where: str, depth: int) -> Node:
        """Return the filter of a goal or segment, its own references filled in."""
        missing = QueryRefused(f"There is no {reference.kind} {reference.number} on this site.", where)
        if reference.kind == "goal":
            goal = self.all_goals().get(reference.number)
            if goal is None:
                raise missing
            return goal.tree
        segment_filter = self.source.load_segment_filter(self.sites, reference.number)
        tree = filters.parse(segment_filter, f"segment {reference.number}") if segment_filter is not None else None
        if tree is None:
            raise missing
        return self.resolve(tree, where, depth + 1)
