"""Builds the filter of the events that reach a goal or a step of a funnel. Each query applies it, so a new goal also
counts past events.

Filters have the query engine's form (`Filter`): conditions, combined by `and`, `or` and `not`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypedDict, final

from goals.models import Goal, GoalKind, PatternKind
from sites.page_paths import decode_path, normalize_typed_path, normalize_typed_url

# The types are final, so that their keys tell them apart: `"goal" in step`


@final
class Condition(TypedDict):
    """A dimension compared with values, of which one must match."""

    dimension: str
    operator: str
    value: Sequence[object]


AndFilter = TypedDict("AndFilter", {"and": "Sequence[Filter]"})
OrFilter = TypedDict("OrFilter", {"or": "Sequence[Filter]"})
NotFilter = TypedDict("NotFilter", {"not": "Filter"})


@final
class VisitedFilter(TypedDict):
    """The visit contains an event that satisfies the filter."""

    visited: Filter


@final
class GoalFilter(TypedDict):
    """An event that reaches the goal of this id."""

    goal: int


@final
class SegmentFilter(TypedDict):
    """The filter of the segment of this id."""

    segment: int


Filter = Condition | AndFilter | OrFilter | NotFilter | VisitedFilter | GoalFilter | SegmentFilter


@final
class PageStep(TypedDict):
    """A step of a funnel: the view of a page whose path matches the pattern."""

    page: str


StoredStep = GoalFilter | PageStep

# Turns an address as people type it into the form in which the dimension is stored
NORMALIZERS = {"page": normalize_typed_path, "target": normalize_typed_url}

# By kind of goal: the dimensions that its pattern is compared with, and the kinds of events that can reach it
PATTERN_DIMENSIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    GoalKind.PAGE: (("page",), ("view",)),
    GoalKind.EVENT: (("name", "target"), ("event",)),  # `clicky.log("/export", "Export")` has both
    GoalKind.OUTBOUND: (("target",), ("outbound",)),
    GoalKind.DOWNLOAD: (("target",), ("download",)),
    GoalKind.FORM: (("name",), ("form",)),
    GoalKind.CLICK: (("target",), ("click", "outbound", "download")),
}


def build_predicate(goal: Goal) -> Filter:
    """Build the filter of the events that reach `goal`: by its kind, or because a script sent it by name or id."""
    named: Filter = {"and": [is_one_of("kind", "goal"), is_one_of("name", goal.name, str(goal.pk))]}
    if goal.kind == GoalKind.MANUAL:
        return named
    return {"or": [build_kind_filter(goal), named]}


def build_step_filter(step: StoredStep) -> Filter:
    """Build the filter of the events that satisfy a step."""
    if "goal" in step:
        return step
    return {"and": [is_one_of("kind", "view"), match_pattern("page", PatternKind.WILDCARD, step["page"])]}


def build_kind_filter(goal: Goal) -> Filter:
    """Build the filter of the goal's kind, pattern, page and text."""
    if goal.kind == GoalKind.DURATION:
        return is_at_least("duration", goal.threshold)
    if goal.kind == GoalKind.SCROLL:
        return combine_all([is_at_least("scroll", goal.threshold), *build_page_filters(goal)])
    dimensions, kinds = PATTERN_DIMENSIONS[goal.kind]
    parts: list[Filter] = [is_one_of("kind", *kinds)]
    if goal.pattern:
        patterns = [match_pattern(dimension, goal.pattern_kind, goal.pattern) for dimension in dimensions]
        parts.append(patterns[0] if len(patterns) == 1 else {"or": patterns})
    if goal.text:
        parts.append({"dimension": "text", "operator": "contains", "value": [goal.text]})
    return combine_all([*parts, *build_page_filters(goal)])


def build_page_filters(goal: Goal) -> list[Filter]:
    """Build the filter that restricts a goal to some pages, if it has one; the kind "page" has its own pattern."""
    if not goal.page or goal.kind == GoalKind.PAGE:
        return []
    return [match_pattern("page", PatternKind.WILDCARD, goal.page)]


def match_pattern(dimension: str, pattern_kind: str, pattern: str) -> Filter:
    """Build the filter that compares a dimension with `pattern`; addresses are normalized as when they are stored."""
    if pattern_kind == PatternKind.REGEX:
        pattern = decode_path(pattern) if dimension in NORMALIZERS else pattern
        return {"dimension": dimension, "operator": "matches", "value": [pattern]}
    pattern = NORMALIZERS[dimension](pattern) if dimension in NORMALIZERS else pattern
    if pattern_kind == PatternKind.EXACT or "*" not in pattern:
        return is_one_of(dimension, pattern)
    if pattern.find("*") == len(pattern) - 1:  # cheaper than a regular expression
        return {"dimension": dimension, "operator": "starts_with", "value": [pattern[:-1]]}
    return {"dimension": dimension, "operator": "matches", "value": [build_wildcard_regex(pattern)]}


def build_wildcard_regex(pattern: str) -> str:
    """Turn a pattern such as `/blog/*/end` into an anchored regular expression in which only `*` is special."""
    return "^" + ".*".join(re.escape(piece) for piece in pattern.split("*")) + "$"


def is_one_of(dimension: str, *values: object) -> Condition:
    """Build the filter that a dimension has one of the values."""
    return {"dimension": dimension, "operator": "is", "value": list(values)}


def combine_all(parts: list[Filter]) -> Filter:
    return parts[0] if len(parts) == 1 else {"and": parts}


def combine_any(parts: list[Filter]) -> Filter:
    return parts[0] if len(parts) == 1 else {"or": parts}


def is_at_least(dimension: str, threshold: int) -> Condition:
    return {"dimension": dimension, "operator": "at_least", "value": [threshold]}
