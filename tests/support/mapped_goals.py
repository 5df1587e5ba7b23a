"""Goals and segments for tests without a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reports.query.references import GoalValue


@dataclass(frozen=True)
class MappedGoals:
    """Goals and segments from mappings of id to filter JSON; every goal is counted."""

    goal_filters: Mapping[int, Any]
    segment_filters: Mapping[int, Any]
    values: Mapping[int, GoalValue] = field(default_factory=dict)

    def load_goal_filters(self, sites: tuple[int, ...]) -> Mapping[int, Any]:
        return self.goal_filters

    def load_counted_goals(self, sites: tuple[int, ...]) -> frozenset[int]:
        return frozenset(self.goal_filters)

    def load_goal_values(self, sites: tuple[int, ...]) -> Mapping[int, GoalValue]:
        return self.values

    def load_segment_filter(self, sites: tuple[int, ...], number: int) -> Any:
        return self.segment_filters.get(number)
