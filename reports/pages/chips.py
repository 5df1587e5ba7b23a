"""The filters of a sheet in words, each with the sheet without it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from goals.querysets import goals_of, segments_seen_by
from reports.engine.dimensions import dimension
from reports.pages.names import value_name
from reports.pages.state import Condition, State

OPERATOR_WORDS = {
    "is": "is", "is_not": "is not", "contains": "contains", "not_contains": "does not contain",
    "starts_with": "starts with", "ends_with": "ends with", "matches": "matches", "at_least": "is at least",
    "at_most": "is at most",
}  # fmt: skip


@dataclass(frozen=True)
class Chip:
    label: str
    href: str  # the sheet without it


def chips(state: State, user: Any) -> list[Chip]:
    """The filters of a sheet in words."""
    found = [Chip(condition_words(state, one), state.without(one).href()) for one in state.conditions]
    if state.segment:
        named = segments_seen_by(state.site, user).filter(pk=state.segment)
        found += [Chip(f"Segment: {one.name}", replace(state, segment=0).href()) for one in named]
    return found


def condition_words(state: State, condition: Condition) -> str:
    row = dimension(condition.dimension, "")
    goals = {str(one.pk): one.name for one in goals_of(state.ids)} if row.name == "goal" else {}
    values = " or ".join(goals.get(value) or value_name(row, value) for value in condition.values)
    return f"{row.label} {OPERATOR_WORDS[condition.operator]} {values}"
