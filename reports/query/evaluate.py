"""Evaluating a filter's tree on one event in memory, for live views: the same trees and meanings as in SQL.

A single event does not have everything: on which page its visit began, how long it lasted, what else it contained. A
filter about such things is rejected beforehand, and so are regular expressions, which only the store evaluates safely.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from reports.query.dimensions import Dimension
from reports.query.errors import QueryRefused
from reports.query.filters import NEGATED_OPERATORS, FilterGroup, Leaf, Node, Not, Reference, Visited, list_children
from reports.query.periods import find_monday
from reports.query.sql.conditions import parse_bucket
from reports.query.timezones import EPOCH
from tracking.schema import EVENT_COLUMNS

Event = Mapping[str, Any]
LIVE_VISIT_DIMENSIONS = ("person",)  # dimensions of visits that live views fill into the event
WORD = re.compile(r"[a-z_]+")

TEXT_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "is": lambda value, operand: value == operand,
    "contains": lambda value, operand: operand.lower() in value.lower(),
    "starts_with": lambda value, operand: value.startswith(operand),
    "ends_with": lambda value, operand: value.endswith(operand),
}
NUMBER_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "is": lambda value, operand: value == operand,
    "at_least": lambda value, operand: value >= operand,
    "at_most": lambda value, operand: value <= operand,
}


def check_evaluable(tree: Node | None) -> None:
    """Raise QueryRefused if a single event does not have what the tree is about."""
    if tree is None:
        return
    if isinstance(tree, Visited):
        raise QueryRefused(
            "A filter on other actions of the same visit does not work live; remove it to watch live.", "where"
        )
    if isinstance(tree, Reference) and tree.part is None:
        raise QueryRefused(f"There is no {tree.kind} {tree.number} on this site.", "where")
    if isinstance(tree, Leaf):
        check_leaf(tree)
    for part in list_children(tree):
        check_evaluable(part)


def check_leaf(leaf: Leaf) -> None:
    dimension = leaf.dimension
    if dimension.family != "time" and not dimension.event and dimension.name not in LIVE_VISIT_DIMENSIONS:
        raise QueryRefused(
            f"“{dimension.label}” describes complete visits, not single actions; remove this filter to watch live.",
            "where",
        )
    if leaf.operator == "matches":
        raise QueryRefused(
            "Patterns with * and regular expressions do not work live; filter by an exact value or “contains”.", "where"
        )
    if dimension.family == "time":
        for text in leaf.values:
            parse_bucket(dimension.name, text)  # raises QueryRefused for a time that does not exist


def satisfies(tree: Node | None, event: Event, zone: ZoneInfo) -> bool:
    """Return whether the event satisfies a tree that `check_evaluable` accepted. `zone`: of its local time."""
    if tree is None:
        return True
    if isinstance(tree, FilterGroup):
        return (all if tree.operator == "and" else any)(satisfies(part, event, zone) for part in tree.parts)
    if isinstance(tree, Not):
        return not satisfies(tree.part, event, zone)
    if isinstance(tree, Leaf):
        return satisfies_leaf(tree, event, zone)
    return tree.part is not None and satisfies(tree.part, event, zone)


def satisfies_leaf(leaf: Leaf, event: Event, zone: ZoneInfo) -> bool:
    if positive := NEGATED_OPERATORS.get(leaf.operator):
        return not satisfies_leaf(Leaf(leaf.dimension, positive, leaf.values), event, zone)
    dimension = leaf.dimension
    if dimension.family == "time":
        number = compute_bucket(dimension.name, event["ts"].astimezone(zone))
        return number in {parse_bucket(dimension.name, text) for text in leaf.values}
    if dimension.number:
        measured = float(event.get(find_event_column(dimension)) or 0)
        return any(NUMBER_COMPARISONS[leaf.operator](measured, operand) for operand in leaf.values)
    value = find_text(dimension, event)
    return any(TEXT_COMPARISONS[leaf.operator](value, operand) for operand in leaf.values)


def find_event_column(dimension: Dimension) -> str:
    """Return the column of events that the dimension's SQL reads."""
    words: list[str] = WORD.findall(dimension.event or dimension.visit)
    return next(word for word in words if word in EVENT_COLUMNS)


def find_text(dimension: Dimension, event: Event) -> str:
    """Return the dimension's value of an event, as its SQL would; "" if its kind of event has none."""
    if dimension.kinds and event.get("kind") not in dimension.kinds:
        return ""
    value = event.get(find_event_column(dimension))
    if dimension.key:
        return str((value or {}).get(dimension.key, ""))
    if value is None:
        return "0" if dimension.event.startswith("toString") else ""
    return "" if value == 0 and dimension.event.startswith("if(") else str(value)


def compute_bucket(name: str, local: datetime) -> int:
    """Return the number of the bucket that a local time lies in, as `parse_bucket` numbers them."""
    day = local.date()
    if name == "minute":
        return int(local.replace(second=0, microsecond=0).timestamp())
    if name == "hour":
        return int(local.replace(minute=0, second=0, microsecond=0).timestamp())
    if name == "hour_of_day":
        return local.hour
    if name == "weekday":
        return local.isoweekday()
    if name == "month":
        return day.year * 12 + day.month
    return ((find_monday(day) if name == "week" else day) - EPOCH).days
