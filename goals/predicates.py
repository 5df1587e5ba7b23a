"""A goal as a filter over the dimensions of an event: matched when asked, so a new goal counts last year too.

Shapes are those of the query engine: `{"dimension", "operator", "value"}`, `{"and": […]}`, `{"or": […]}`.
"""

from __future__ import annotations

import re
from typing import Any

from goals.models import Goal, GoalKind, PatternKind
from sites.page_paths import decode_path, normalize_typed_path, normalize_typed_url

Filter = dict[str, Any]
STORED = {
    "page": normalize_typed_path,
    "target": normalize_typed_url,
}  # how addresses that people type become what is stored

# What of an event a goal's pattern is held against, and which kinds of events it may be.
SUBJECTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    GoalKind.PAGE: (("page",), ("view",)),
    GoalKind.EVENT: (("name", "target"), ("event",)),  # `clicky.log("/export", "Export")` has both
    GoalKind.OUTBOUND: (("target",), ("outbound",)),
    GoalKind.DOWNLOAD: (("target",), ("download",)),
    GoalKind.FORM: (("name",), ("form",)),
    GoalKind.CLICK: (("target",), ("click", "outbound", "download")),
}


def build_predicate(goal: Goal) -> Filter:
    """The filter of the events that reach `goal`: what its kind says, or a script that named it."""
    named = {"and": [is_one_of("kind", "goal"), is_one_of("name", goal.name, str(goal.pk))]}
    if goal.kind == GoalKind.MANUAL:
        return named
    return {"or": [by_kind(goal), named]}


def by_kind(goal: Goal) -> Filter:
    """The filter that the goal's kind, pattern, page and text make."""
    if goal.kind == GoalKind.DURATION:
        return at_least("duration", goal.threshold)
    if goal.kind == GoalKind.SCROLL:
        return joined([at_least("scroll", goal.threshold), *page_filter(goal)])
    subjects, kinds = SUBJECTS[goal.kind]
    parts = [is_one_of("kind", *kinds)]
    if goal.pattern:
        parts.append(any_of([matching(subject, goal.pattern_kind, goal.pattern) for subject in subjects]))
    if goal.text:
        parts.append({"dimension": "text", "operator": "contains", "value": [goal.text]})
    return joined([*parts, *page_filter(goal)])


def page_filter(goal: Goal) -> list[Filter]:
    """Only on the pages the goal names; the kind "page" has its own pattern."""
    if not goal.page or goal.kind == GoalKind.PAGE:
        return []
    return [matching("page", PatternKind.WILDCARD, goal.page)]


def matching(subject: str, pattern_kind: str, pattern: str) -> Filter:
    """`pattern` held against a dimension, addresses as they are stored.

    `*` alone at the end needs no regular expression.
    """
    if pattern_kind == PatternKind.REGEX:
        pattern = decode_path(pattern) if subject in STORED else pattern
        return {"dimension": subject, "operator": "matches", "value": [pattern]}
    pattern = STORED[subject](pattern) if subject in STORED else pattern
    if pattern_kind == PatternKind.EXACT or "*" not in pattern:
        return is_one_of(subject, pattern)
    if pattern.find("*") == len(pattern) - 1:
        return {"dimension": subject, "operator": "starts_with", "value": [pattern[:-1]]}
    return {"dimension": subject, "operator": "matches", "value": [wildcard_expression(pattern)]}


def wildcard_expression(pattern: str) -> str:
    """`/blog/*/end` as an anchored regular expression in which only `*` is special."""
    return "^" + ".*".join(re.escape(piece) for piece in pattern.split("*")) + "$"


def is_one_of(dimension: str, *values: str) -> Filter:
    return {"dimension": dimension, "operator": "is", "value": list(values)}


def any_of(parts: list[Filter]) -> Filter:
    return parts[0] if len(parts) == 1 else {"or": parts}


def joined(parts: list[Filter]) -> Filter:
    return parts[0] if len(parts) == 1 else {"and": parts}


def at_least(dimension: str, threshold: int) -> Filter:
    return {"dimension": dimension, "operator": "at_least", "value": [threshold]}
