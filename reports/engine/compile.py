"""From a scene and a breakdown to one statement.

Every atom is counted in its own table (events, visits, stays on a page …); each table gives one part with the same
columns `d0 … a_<atom> …`; the parts are put on top of each other and added up by `d0 …`, and the metrics are formulas
over the sums. So no part needs a join with another, and a rollup is just one more part.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from reports.engine import filters, reached
from reports.engine.breakdown import Breakdown, Part
from reports.engine.conditions import Conditions
from reports.engine.dimensions import Dimension, kinds_in
from reports.engine.metrics import IN_CURRENCY, Atom
from reports.engine.scene import LONGEST_VISIT, Scene, visit_table, visit_words

TOGETHER = ("events", "goals", "base")  # counted in one pass where they have one filter


@dataclass
class Compiler:
    """Writes the parts of one scene and breakdown."""

    scene: Scene
    breakdown: Breakdown
    conditions: Conditions = field(init=False)

    def __post_init__(self) -> None:
        self.conditions = Conditions(self.scene)

    # -- which table ----------------------------------------------------------------------------------------------

    def sides(self) -> set[str]:
        """What breakdown and filter are about: "entry" and "event" decide which table a visitor is counted in."""
        rows = [*self.breakdown.dimensions]
        rows += [leaf.dimension for leaf in filters.leaves(self.scene.tree, inside_visited=False)]
        return {row.side for row in rows}

    def asks_only_visits(self) -> bool:
        """Whether only visits know what breakdown and filter are about."""
        sides = self.sides()
        return "entry" in sides and "event" not in sides

    def scope(self, atom: Atom) -> str:
        if atom.scope == "base" and self.scene.chosen_goals:
            return "base"  # has a filter of its own
        if atom.visits and self.asks_only_visits():
            return "visits"
        if atom.how == "worth" and all(goal.worth is None for goal in self.scene.counted_goals()):
            return "events"  # nothing to add, and no part of its own for that
        return atom.scope

    def parts(self, atoms: Iterable[Atom]) -> list[Part]:
        """The parts that count these atoms from events and visits.

        Where the filter chooses goals, what is not of the goals is of the visits in which they were reached.
        """
        if not self.scene.chosen_goals:
            return self.parts_of(atoms)
        listed = list(atoms)
        own = [atom for atom in listed if is_of_goals(atom) and not self.by_visits(atom)]
        others = [atom for atom in listed if atom not in own]
        of_visits = Compiler(self.scene.of_visits(), self.breakdown)
        return [*self.parts_of(own), *of_visits.parts_of(map(as_visitors, others))]

    def by_visits(self, atom: Atom) -> bool:
        """Whether who reached the goals is counted by what their visits did, such as the pages they saw."""
        events = {row.name for row in self.breakdown.dimensions if row.side == "event"} - {"site"}
        return atom.how == "converters" and bool(events) and "goal" not in events

    def parts_of(self, atoms: Iterable[Atom]) -> list[Part]:
        """The parts that count these atoms under the scene's own filter."""
        by_scope: dict[str, list[Atom]] = {}
        for atom in atoms:
            by_scope.setdefault(self.scope(atom), []).append(atom)
        if self.one_filter() and len(by_scope.keys() & set(TOGETHER)) > 1:
            by_scope["events"] = [atom for scope in TOGETHER for atom in by_scope.pop(scope, [])]
        writers: dict[str, Callable[[list[Atom]], str]] = {
            "events": self.events, "visits": self.visits, "stays": self.stays, "online": self.online,
            "goals": self.goals, "base": self.base,
        }  # fmt: skip
        return [
            Part(
                "visits" if scope == "visits" else "events",
                writers[scope](group),
                tuple(atom.name for atom in group),
            )
            for scope, group in by_scope.items()
        ]

    def one_filter(self) -> bool:
        """Whether goals, and all who could reach them, are counted over the same events as everything else."""
        return not self.scene.chosen_goals and all(row.family != "goal" for row in self.breakdown.dimensions)

    # -- pieces ---------------------------------------------------------------------------------------------------

    def seen(self) -> str:
        """The condition under which an event shows that its visitor saw what this is about; empty = always."""
        rows = [*self.breakdown.dimensions]
        rows += [leaf.dimension for leaf in filters.leaves(self.scene.tree, inside_visited=False)]
        marks = {row.shown_by for row in rows if row.side == "event"} - {""}
        return "kind = 'view'" if marks == {"view"} else ""

    def value(self, row: Dimension) -> str:
        """SQL of a dimension of an event's row."""
        if row.family == "goal":
            return reached.numbers(self.scene, self.conditions)
        if row.family != "time" and not row.event:
            return entry_alias(row)
        return self.conditions.event_value(row)

    def present(self, dimensions: Iterable[Dimension]) -> list[str]:
        """The conditions under which an event belongs into this breakdown."""
        found: list[str] = []
        for row in dimensions:
            if row.kinds:
                found.append(kinds_in(row.kinds))
            if row.skip_empty and row.family != "goal":
                found.append(f"{self.value(row)} != ''")
            if only := self.only(self.value(row), row):
                found.append(only.removeprefix(" AND "))
        return found

    def only(self, value: str, row: Dimension) -> str:
        """A further condition on a dimension whose few interesting values are known already."""
        wanted = self.scene.only.get(row.name)
        if wanted is None:
            return ""
        if row.event == "path" and value == "path":  # told once per entry of the column's dictionary; IN is not
            ones = f"arrayResize([toUInt8(1)], {len(wanted)}, toUInt8(1))"
            return f" AND transform({value}, {self.scene.params.texts(wanted)}, {ones}, toUInt8(0)) = 1"
        return f" AND {value} IN {self.scene.params.texts(wanted)}"

    def entry_join(self) -> str:
        """Joins to events what only their visits know."""
        rows = [row for row in self.breakdown.dimensions if row.side == "entry"]
        if not rows:
            return ""
        columns = ", ".join(f"{self.conditions.visit_value(row)} AS {entry_alias(row)}" for row in rows)
        return (
            f" INNER JOIN (SELECT visit, {columns} FROM {self.scene.visits(before=LONGEST_VISIT)}) AS entered"
            " USING (visit)"
        )

    def keys(self) -> str:
        return ", ".join(self.breakdown.keys)

    def group_by(self) -> str:
        return self.breakdown.group_by

    def columns(self, values: Iterable[str], aggregates: Iterable[str]) -> str:
        return self.breakdown.columns(list(values), list(aggregates))

    def aggregate(self, atom: Atom, seen: str) -> str:
        """SQL of one atom over rows of events."""
        if atom.scope == "goals":
            return f"{cast(atom, reached.counted(atom, self.scene, self.conditions))} AS a_{atom.name}"
        when = atom.when.replace(IN_CURRENCY, self.scene.in_currency())
        if "newcomer" in when:
            when = self.scene.newcomer()
        wheres = [text for text in (when, seen if atom.seen else "") if text]
        what = self.scene.visitor if atom.what == "visitor" else atom.what
        arguments = [text for text in (what, " AND ".join(wheres)) if text]
        name = atom.how + ("If" if wheres else "")
        call = f"{name}({', '.join(arguments)})"
        return f"{cast(atom, call)} AS a_{atom.name}"

    # -- parts ----------------------------------------------------------------------------------------------------

    def events(self, atoms: list[Atom], scene: Scene | None = None) -> str:
        scene = scene or self.scene
        seen = self.seen()
        narrow = seen if seen and all(atom.seen or atom.when == seen for atom in atoms) else ""
        conditions = [*self.present(self.breakdown.dimensions), self.conditions.events(self.scene.tree), narrow]
        aggregates = [self.aggregate(plain(atom, narrow), "" if narrow else seen) for atom in atoms]
        columns = self.columns(map(self.value, self.breakdown.dimensions), aggregates)
        return f"SELECT {columns} {self.source(scene, conditions)}{self.group_by()}"

    def source(self, scene: Scene, conditions: Iterable[str]) -> str:
        return scene.events(*conditions, joined=self.entry_join())

    def online(self, atoms: list[Atom]) -> str:
        return self.events(atoms, scene=self.scene.online())

    def stays(self, atoms: list[Atom]) -> str:
        """What one visit did on one page: its engaged time there, else from its first to its last event there."""
        dimensions = self.breakdown.dimensions
        inside = self.columns(
            map(self.value, dimensions),
            (
                "sum(engaged) AS told", "max(scroll) AS scroll",
                "if(told > 0, told, toUInt64(dateDiff('millisecond', min(ts), max(ts)))) AS ms",
            ),
        )  # fmt: skip
        conditions = [*self.present(dimensions), self.conditions.events(self.scene.tree)]
        rows = f"SELECT {inside} {self.source(self.scene, conditions)} GROUP BY visit, {self.keys()}"
        aggregates = ", ".join(self.aggregate(atom, "") for atom in atoms)
        return f"SELECT {self.keys()}, {aggregates} FROM ({rows}){self.group_by()}"

    def visits(self, atoms: list[Atom]) -> str:
        tree = self.scene.tree
        joined = self.containing() if self.contained() else ""
        values: list[str] = []
        conditions: list[str] = []
        if not (joined and filters.about_events(tree)):
            conditions.append(self.conditions.visits(tree))
        for index, row in enumerate(self.breakdown.dimensions):
            value = f"c{index}" if row in self.contained() else self.conditions.visit_value(row)
            values.append(value)
            if row.skip_empty and row.family != "goal":
                conditions.append(f"{value} != ''")
            conditions.append(self.only(value, row).removeprefix(" AND "))
        where = " AND ".join(filter(None, conditions))
        columns = self.columns(values, [self.visit_aggregate(atom) for atom in atoms])
        if not joined:  # planning is cheaper without a table in between
            told = f"WITH {visit_words(self.scene)} SELECT {columns} {visit_table(self.scene)}"
            return f"{told}{' AND ' + where if where else ''}{self.group_by()}"
        return (
            f"SELECT {columns} FROM {self.scene.visits()} AS visited{joined}"
            f"{' WHERE ' + where if where else ''}{self.group_by()}"
        )

    def visit_aggregate(self, atom: Atom) -> str:
        if atom.scope == "visits":
            return self.aggregate(atom, "")
        return f"{cast(atom, atom.visits)} AS a_{atom.name}"

    def contained(self) -> list[Dimension]:
        """The dimensions a visit has because it contains an event that has them."""
        return [row for row in self.breakdown.dimensions if row.side == "event" and row.name != "page"]

    def containing(self) -> str:
        """Joins to visits the event dimensions they contain."""
        tree = self.scene.tree
        rows = list(enumerate(self.breakdown.dimensions))
        columns = ", ".join(f"{self.value(row)} AS c{i}" for i, row in rows if row in self.contained())
        about = self.conditions.events(tree) if filters.about_events(tree) else ""
        events = self.scene.events(*self.present(self.contained()), about)
        return f" INNER JOIN (SELECT DISTINCT visit, {columns} {events}) AS contained USING (visit)"

    def goals(self, atoms: list[Atom]) -> str:
        """How often goals were reached, and by how many visitors."""
        column = next((f"d{i}" for i, row in enumerate(self.breakdown.dimensions) if row.family == "goal"), "")
        aggregates = [
            f"{cast(atom, reached.counted(atom, self.scene, self.conditions, column))} AS a_{atom.name}"
            for atom in atoms
        ]
        conditions = [*self.present(self.breakdown.dimensions), self.conditions.events(self.scene.tree)]
        columns = self.columns(map(self.value, self.breakdown.dimensions), aggregates)
        return f"SELECT {columns} {self.source(self.scene, conditions)}{self.group_by()}"

    def base(self, atoms: list[Atom]) -> str:
        """All visitors under the same filter, for whom reaching a goal is the question."""
        others = tuple(row for row in self.breakdown.dimensions if row.family != "goal")
        if len(others) == len(self.breakdown.dimensions):
            return self.base_of(self.breakdown, atoms)
        inside = self.base_of(Breakdown(self.breakdown.metrics, others), atoms)
        return self.for_every_goal(inside, others, atoms)

    def base_of(self, breakdown: Breakdown, atoms: list[Atom]) -> str:
        compiler = Compiler(replace(self.scene, tree=self.scene.tree_without_goals), breakdown)
        return compiler.visits(atoms) if compiler.asks_only_visits() else compiler.events(atoms)

    def for_every_goal(self, inside: str, others: tuple[Dimension, ...], atoms: list[Atom]) -> str:
        numbers = ", ".join(str(goal.number) for goal in self.scene.counted_goals()) or "0"
        names = iter(f"d{index}" for index in range(len(others)))
        keys = [
            f"toInt64(arrayJoin([{numbers}]))" if row.family == "goal" else f"inside.{next(names)}"
            for row in self.breakdown.dimensions
        ]
        columns = self.columns(keys, [f"inside.a_{atom.name} AS a_{atom.name}" for atom in atoms])
        return f"SELECT {columns} FROM ({inside}) AS inside"


def is_of_goals(atom: Atom) -> bool:
    """Whether a goal in the filter makes the atom one of the events that reach it: conversions and amounts."""
    return atom.scope in ("goals", "base") or "revenue" in (atom.what + atom.when)


def as_visitors(atom: Atom) -> Atom:
    """The atom itself; those who reached a goal, counted as the visitors of the visits in which they did."""
    return replace(atom, scope="events", how="uniqExact", what="visitor", seen=True) if atom.scope == "goals" else atom


def entry_alias(row: Dimension) -> str:
    return "entered_" + re.sub(r"\W", "_", row.name if not row.key else f"tag_{row.key.encode().hex()}")


def plain(atom: Atom, narrow: str) -> Atom:
    """The atom without a condition that already narrows all rows."""
    return replace(atom, when="") if narrow and atom.when == narrow else atom


def cast(atom: Atom, call: str) -> str:
    """Counts as UInt64, sums of whole numbers too, money as it comes: so that parts fit on top of each other."""
    return call if "Decimal" in atom.zero else f"toUInt64({call})"
