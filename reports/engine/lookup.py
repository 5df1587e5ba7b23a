"""What a question refers to by number: goals and segments, made into filter trees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from goals.models import Goal as GoalRow
from goals.models import Segment
from goals.predicates import predicate
from reports.engine import filters
from reports.engine.filters import Group, Named, Node, Not, Visited
from reports.engine.refusal import QueryRefused
from reports.engine.scene import Goal

MOST_NESTING = 8
Worth = tuple[Decimal, str]  # what a goal is worth each time, and in which currency ("" = whichever is shown)
WORTH = ("pk", "fixed_revenue", "currency")


class Source(Protocol):
    """Where goals and segments come from, as filter JSON by number."""

    def goals(self, sites: tuple[int, ...]) -> Mapping[int, Any]: ...

    def headline(self, sites: tuple[int, ...]) -> frozenset[int]: ...

    def worths(self, sites: tuple[int, ...]) -> Mapping[int, Worth]: ...

    def segment(self, sites: tuple[int, ...], number: int) -> Any: ...


@dataclass(frozen=True)
class FromDatabase:
    """Goals and segments of the goals room."""

    def goals(self, sites: tuple[int, ...]) -> Mapping[int, Any]:
        return {row.pk: predicate(row) for row in GoalRow.objects.filter(site_id__in=sites, active=True)}

    def headline(self, sites: tuple[int, ...]) -> frozenset[int]:
        """The goals that conversions count when none is named."""
        rows = GoalRow.objects.filter(site_id__in=sites, active=True, conversion=True)
        return frozenset(rows.values_list("pk", flat=True))

    def worths(self, sites: tuple[int, ...]) -> Mapping[int, Worth]:
        """What the goals with a fixed revenue are worth each time."""
        rows = GoalRow.objects.filter(site_id__in=sites, active=True, fixed_revenue__isnull=False)
        return {number: (worth, currency) for number, worth, currency in rows.values_list(*WORTH)}

    def segment(self, sites: tuple[int, ...], number: int) -> Any:
        row = Segment.objects.filter(site_id__in=sites, pk=number).first()
        return row.filter if row else None


@dataclass(frozen=True)
class FromMappings:
    """Goals and segments given as filter JSON by number; every goal is a headline goal."""

    goal_filters: Mapping[int, Any]
    segment_filters: Mapping[int, Any]
    goal_worths: Mapping[int, Worth] = field(default_factory=dict)

    def goals(self, sites: tuple[int, ...]) -> Mapping[int, Any]:
        return self.goal_filters

    def headline(self, sites: tuple[int, ...]) -> frozenset[int]:
        return frozenset(self.goal_filters)

    def worths(self, sites: tuple[int, ...]) -> Mapping[int, Worth]:
        return self.goal_worths

    def segment(self, sites: tuple[int, ...], number: int) -> Any:
        return self.segment_filters.get(number)


class Lookup:
    """Resolves the names in one question's filter."""

    def __init__(self, sites: tuple[int, ...], source: Source) -> None:
        self.sites, self.source = sites, source
        self._goals: dict[int, Goal] | None = None

    def all_goals(self) -> dict[int, Goal]:
        """The sites' goals by number."""
        if self._goals is None:
            self._goals = {}
            worths = self.source.worths(self.sites)
            for number, given in self.source.goals(self.sites).items():
                tree = filters.parse(given, f"goal {number}")
                if tree is not None:
                    self._goals[number] = Goal(number, self.resolved(tree, "where"), *worths.get(number, ()))
        return self._goals

    def resolved(self, tree: Node, where: str, depth: int = 0) -> Node:
        """The tree with every goal and segment replaced by what it stands for."""
        if depth > MOST_NESTING * 2:
            raise QueryRefused("Segments refer to each other in a circle, or too deeply.", where)
        if isinstance(tree, Named):
            return Named(tree.kind, tree.number, self.meaning(tree, where, depth))
        if isinstance(tree, Group):
            return Group(tree.word, tuple(self.resolved(part, where, depth) for part in tree.parts))
        if isinstance(tree, Not):
            return Not(self.resolved(tree.part, where, depth))
        if isinstance(tree, Visited):
            return Visited(self.resolved(tree.part, where, depth))
        return tree

    def meaning(self, named: Named, where: str, depth: int) -> Node:
        missing = QueryRefused(f"There is no {named.kind} {named.number} on this site.", where)
        if named.kind == "goal":
            goal = self.all_goals().get(named.number)
            if goal is None:
                raise missing
            return goal.tree
        given = self.source.segment(self.sites, named.number)
        tree = filters.parse(given, f"segment {named.number}") if given is not None else None
        if tree is None:
            raise missing
        return self.resolved(tree, where, depth + 1)
