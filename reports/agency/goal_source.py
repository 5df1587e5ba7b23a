"""The goals of many sites in one query: each counts on its own site only, and equal ones are one condition.

A template gives hundreds of sites the same goals. One by one, their conditions would be evaluated for every event.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from goals.models import Goal, GoalKind
from goals.predicates import Filter, build_kind_filter, is_one_of
from reports.query.references import GoalValue

MAX_EQUAL = 900  # goals in one condition, which takes at most 1,000 values
Key = tuple[str, str, str, GoalValue | None]  # the filter of the kind, the name, the kind, the fixed value


@dataclass(frozen=True)
class JoinedGoals:
    """Goals for the metrics `conversions` and `revenue`, as a query reads them. Segments cannot be referred to."""

    goal_filters: Mapping[int, Filter]
    values: Mapping[int, GoalValue]

    def load_goal_filters(self, sites: tuple[int, ...]) -> Mapping[int, Filter]:
        return self.goal_filters

    def load_counted_goals(self, sites: tuple[int, ...]) -> frozenset[int]:
        return frozenset(self.goal_filters)

    def load_goal_values(self, sites: tuple[int, ...]) -> Mapping[int, GoalValue]:
        return self.values

    def load_segment_filter(self, sites: tuple[int, ...], number: int) -> object:
        return None


def load_joined_goals(site_ids: Iterable[int]) -> JoinedGoals:
    """Load the goals that count as conversions on these sites; the number of equal ones is that of the first."""
    goals: dict[Key, list[Goal]] = {}
    rows = Goal.objects.filter(site_id__in=list(site_ids), active=True, conversion=True)
    for goal in rows.order_by("pk"):
        goals.setdefault(build_key(goal), []).append(goal)
    parts = [
        (equal[first : first + MAX_EQUAL], value)
        for (*_, value), equal in goals.items()
        for first in range(0, len(equal), MAX_EQUAL)
    ]
    return JoinedGoals(
        {part[0].pk: build_joined_filter(part) for part, _ in parts},
        {part[0].pk: value for part, value in parts if value is not None},
    )


def build_key(goal: Goal) -> Key:
    """Build what equal goals have in common."""
    value = None if goal.fixed_revenue is None else (goal.fixed_revenue, goal.currency)
    kind_filter = "" if goal.kind == GoalKind.MANUAL else repr(build_kind_filter(goal))
    return kind_filter, goal.name, goal.kind, value


def build_joined_filter(goals: list[Goal]) -> Filter:
    """Build the filter of the events on the sites of equal goals that reach one of them."""
    sites = is_one_of("site", *(str(goal.site_id) for goal in goals))
    names = is_one_of("name", goals[0].name, *(str(goal.pk) for goal in goals))
    named: Filter = {"and": [is_one_of("kind", "goal"), names]}
    if goals[0].kind == GoalKind.MANUAL:
        return {"and": [sites, named]}
    return {"and": [sites, {"or": [build_kind_filter(goals[0]), named]}]}
