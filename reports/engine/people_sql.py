"""What questions about the order of things share: who did it, and which visits a filter chooses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reports.engine import filters
from reports.engine.conditions import Conditions
from reports.engine.filters import Node
from reports.engine.lookup import FromDatabase, Lookup, Source
from reports.engine.refusal import QueryRefused
from reports.engine.scene import LONGEST_VISIT, Scene


def chosen(scene: Scene) -> str:
    """SQL: the event's visit satisfies the scene's filter; empty for no filter. A filter chooses whole visits."""
    if scene.tree is None:
        return ""
    condition = Conditions(scene).visits(scene.tree)
    return f"visit IN (SELECT visit FROM {scene.visits(LONGEST_VISIT)} WHERE {condition})"


def trees(sites: Sequence[int], given: Sequence[Any], source: Source | None, where: str) -> list[Node]:
    """Filters of events with their goals looked up. Raises QueryRefused for an empty or missing one."""
    lookup = Lookup(tuple(sites), source or FromDatabase())
    found = []
    for index, one in enumerate(given):
        tree = filters.parse(one, f"{where}[{index}]")
        if tree is None:
            raise QueryRefused("Every step needs a goal or a page.", f"{where}[{index}]")
        found.append(lookup.resolved(tree, f"{where}[{index}]"))
    return found
