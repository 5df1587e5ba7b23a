"""A filter's tree held against one event in memory, for live views: the same trees and meanings as in SQL.

One event does not tell everything: which page its visit began on, how long it lasted, what else it contained. A filter
that asks for such things is refused before anything is shown, and so are regular expressions, which only the store
evaluates safely.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from reports.engine.conditions import bucket
from reports.engine.dimensions import Dimension
from reports.engine.filters import NEGATIVE, Group, Leaf, Named, Node, Not, Visited, children
from reports.engine.period import monday
from reports.engine.refusal import QueryRefused
from reports.engine.zones import EPOCH
from tracking.columns import COLUMN_NAMES

Event = Mapping[str, Any]
KNOWN_OF_EVENTS = ("person",)  # dimensions of visits alone that a live event carries: live views fill it in
WORD = re.compile(r"[a-z_]+")

TEXT_CHECKS: dict[str, Callable[[str, str], bool]] = {
    "is": lambda value, wanted: value == wanted,
    "contains": lambda value, wanted: wanted.lower() in value.lower(),
    "starts_with": lambda value, wanted: value.startswith(wanted),
    "ends_with": lambda value, wanted: value.endswith(wanted),
}
NUMBER_CHECKS: dict[str, Callable[[float, float], bool]] = {
    "is": lambda value, wanted: value == wanted,
    "at_least": lambda value, wanted: value >= wanted,
    "at_most": lambda value, wanted: value <= wanted,
}


def check_evaluable(tree: Node | None) -> None:
    """Raise QueryRefused with a sentence if one event cannot tell whether it satisfies the tree."""
    if tree is None:
        return
    if isinstance(tree, Visited):
        raise QueryRefused("Live lines cannot be chosen by what else their visit contains.", "where")
    if isinstance(tree, Named) and tree.part is None:
        raise QueryRefused(f"There is no {tree.kind} {tree.number} on this site.", "where")
    if isinstance(tree, Leaf):
        check_leaf(tree)
    for part in children(tree):
        check_evaluable(part)


def check_leaf(leaf: Leaf) -> None:
    row = leaf.dimension
    if row.family != "time" and not row.event and row.name not in KNOWN_OF_EVENTS:
        raise QueryRefused(
            f"“{row.label}” is known of whole visits only, so live lines cannot be chosen by it.", "where"
        )
    if leaf.operator == "matches":
        raise QueryRefused("Live lines cannot be chosen by a pattern with * in it or a regular expression.", "where")
    if row.family == "time":
        for text in leaf.values:
            bucket(row.name, text)  # refuses what is no such time


def satisfies(tree: Node | None, event: Event, zone: ZoneInfo) -> bool:
    """Whether the event satisfies the tree, which `check_evaluable` let pass. `zone` tells its day and hour."""
    if tree is None:
        return True
    if isinstance(tree, Group):
        return (all if tree.word == "and" else any)(satisfies(part, event, zone) for part in tree.parts)
    if isinstance(tree, Not):
        return not satisfies(tree.part, event, zone)
    if isinstance(tree, Leaf):
        return leaf_holds(tree, event, zone)
    return tree.part is not None and satisfies(tree.part, event, zone)


def leaf_holds(leaf: Leaf, event: Event, zone: ZoneInfo) -> bool:
    if positive := NEGATIVE.get(leaf.operator):
        return not leaf_holds(Leaf(leaf.dimension, positive, leaf.values), event, zone)
    row = leaf.dimension
    if row.family == "time":
        return time_bucket(row.name, event["ts"].astimezone(zone)) in {bucket(row.name, text) for text in leaf.values}
    if row.number:
        number = float(event.get(column_of(row)) or 0)
        return any(NUMBER_CHECKS[leaf.operator](number, wanted) for wanted in leaf.values)
    value = text_of(row, event)
    return any(TEXT_CHECKS[leaf.operator](value, wanted) for wanted in leaf.values)


def column_of(row: Dimension) -> str:
    """The event's column that the dimension reads."""
    return next(word for word in WORD.findall(row.event or row.visit) if word in COLUMN_NAMES)


def text_of(row: Dimension, event: Event) -> str:
    """The dimension's value of an event, "" where its kind of event has none."""
    if row.kinds and event.get("kind") not in row.kinds:
        return ""
    value = event.get(column_of(row))
    if row.key:
        return str((value or {}).get(row.key, ""))
    if value is None:
        return "0" if row.event.startswith("toString") else ""
    return "" if value == 0 and row.event.startswith("if(") else str(value)


def time_bucket(name: str, local: datetime) -> int:
    """The number of the bucket that a local time lies in, as `conditions.bucket` numbers them."""
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
    return ((monday(day) if name == "week" else day) - EPOCH).days
