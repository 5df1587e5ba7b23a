"""What one statement is about: metrics by dimensions, or by each of several dimensions apart; and its parts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reports.engine.dimensions import Dimension
from reports.engine.metrics import ATOMS, Atom, Metric

ATOM = re.compile(r"\{(\w+)\}")


def called(value: str, name: str) -> str:
    """SQL of a value under a name."""
    return name if value == name else f"{value} AS {name}"


@dataclass(frozen=True)
class Breakdown:
    """The rows of the registries that one statement is about."""

    metrics: tuple[Metric, ...]
    dimensions: tuple[Dimension, ...]

    @property
    def by_page(self) -> bool:
        return any(row.name == "page" for row in self.dimensions)

    @property
    def by_event(self) -> bool:
        return any(row.side == "event" and row.name != "site" for row in self.dimensions)

    @property
    def keys(self) -> list[str]:
        """The columns that name a row."""
        return [f"d{index}" for index in range(len(self.dimensions))]

    @property
    def group_by(self) -> str:
        return f" GROUP BY {', '.join(self.keys)}" if self.dimensions else ""

    def columns(self, values: Sequence[str], aggregates: Sequence[str]) -> str:
        """SQL of the dimensions' values and of what is counted."""
        return ", ".join([*map(called, values, self.keys), *aggregates])

    def formulas(self) -> list[str]:
        return [row.form(self.by_page, self.by_event) for row in self.metrics]

    def atoms(self) -> tuple[Atom, ...]:
        """The atoms the formulas need, each once."""
        found = dict.fromkeys(name for formula in self.formulas() for name in ATOM.findall(formula))
        return tuple(ATOMS[name] for name in found)


@dataclass(frozen=True)
class Apart(Breakdown):
    """By each of its dimensions alone, all in one statement: `d0` is the place of the dimension, `d1` its value.

    `whole`: and by none of them, in the place after the last. `page`, `event`: as which breakdown formulas are read.
    Its dimensions are texts that every row has, be it an empty one.
    """

    whole: bool = False
    page: bool = False
    event: bool = False

    @property
    def by_page(self) -> bool:
        return self.page

    @property
    def by_event(self) -> bool:
        return self.event

    @property
    def keys(self) -> list[str]:
        return ["d0", "d1"]

    @property
    def names(self) -> list[str]:
        return [f"k{index}" for index in range(len(self.dimensions))]

    @property
    def group_by(self) -> str:
        sets = [f"({name})" for name in self.names] + (["()"] if self.whole else [])
        return f" GROUP BY GROUPING SETS ({', '.join(sets)})"

    def columns(self, values: Sequence[str], aggregates: Sequence[str]) -> str:
        """In a set, the values of the other dimensions are empty."""
        told = [called(value, name) for value, name in zip(values, self.names, strict=True)]
        places = [f"grouping({name}) = 0, {place}" for place, name in enumerate(self.names)]
        told.append(f"multiIf({', '.join(places)}, {len(self.names)}) AS d0")
        told.append(f"concat({', '.join(self.names)}, '') AS d1")
        return ", ".join([*told, *aggregates])


@dataclass(frozen=True)
class Part:
    """The atoms of one table: `sql` selects the breakdown's keys and `a_<atom>`; the other atoms are zero there."""

    source: str
    sql: str
    atoms: tuple[str, ...]
