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
# What equal goals have in common: all that their filter and their value depend on
COMPARED = (
    "name", "kind", "pattern", "pattern_kind", "page", "text", "threshold", "fixed_revenue", "currency",
)  # fmt: skip


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
    sites_by_number: dict[tuple[object, ...], dict[int, int]] = {}
    rows = Goal.objects.filter(site_id__in=list(site_ids), active=True, conversion=True)
    for number, site_id, *values in rows.order_by("pk").values_list("pk", "site_id", *COMPARED):
        sites_by_number.setdefault(tuple(values), {})[number] = site_id
    goal_filters: dict[int, Filter] = {}
    goal_values: dict[int, GoalValue] = {}
    for values, equal in sites_by_number.items():
        goal = Goal(**dict(zip(COMPARED, values, strict=True)))
        numbers = list(equal)
        for first in range(0, len(numbers), MAX_EQUAL):
            part = numbers[first : first + MAX_EQUAL]
            goal_filters[part[0]] = build_joined_filter(goal, {number: equal[number] for number in part})
            if goal.fixed_revenue is not None:
                goal_values[part[0]] = (goal.fixed_revenue, goal.currency)
    return JoinedGoals(goal_filters, goal_values)


def build_joined_filter(goal: Goal, sites: Mapping[int, int]) -> Filter:
    """Build the filter of the events that reach one of the goals that are like `goal`; `sites` are theirs by number."""
    own_site = is_one_of("site", *map(str, sites.values()))
    named: Filter = {"and": [is_one_of("kind", "goal"), is_one_of("name", goal.name, *map(str, sites))]}
    if goal.kind == GoalKind.MANUAL:
        return {"and": [own_site, named]}
    return {"and": [own_site, {"or": [build_kind_filter(goal), named]}]}
