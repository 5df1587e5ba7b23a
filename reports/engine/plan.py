"""Which tables answer: events and visits, or rollups of closed days."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reports.engine.compile import Breakdown, Compiler, Part
from reports.engine.freshness import Facts
from reports.engine.query import Query
from reports.engine.scene import Scene

Run = Callable[[str, dict[str, Any]], list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Plan:
    """The parts of a statement, and which metrics they only estimate."""

    parts: list[Part]
    estimated: frozenset[str] = field(default_factory=frozenset)
    error: float = 0.0


def plan(query: Query, scene: Scene, breakdown: Breakdown, facts: Facts, run: Run) -> Plan:
    """The cheapest parts that answer exactly, or as exactly as the question asks."""
    return Plan(Compiler(scene, breakdown).parts(breakdown.atoms()))
