"""What moved: which sources, pages and countries explain the change of visitors between two periods."""

from __future__ import annotations

from dataclasses import dataclass, field

from reports import moved
from reports.engine import Query, Result
from reports.engine.dimensions import dimension
from reports.engine.registry import METRICS
from reports.pages.names import value_name
from reports.pages.numbers import short
from reports.pages.parts import Part
from reports.pages.state import State

SHOWN = 6


@dataclass(frozen=True)
class Move:
    kind: str
    name: str
    text: str  # +2,100
    mood: str
    words: str
    href: str


@dataclass(frozen=True)
class Moves:
    """The largest differences. `waits`: a place for them; `failed`: the sentence why they cannot be told."""

    rows: list[Move] = field(default_factory=list)
    waits: bool = False
    failed: str = ""


def moved_part(state: State) -> Part[Moves]:
    """The largest differences from the period that the sheet is compared with."""

    def questions() -> list[Query]:
        return moved.questions(state.ids, state.period, state.compare, state.now, state.where())

    def make(answers: list[Result]) -> Moves:
        return Moves([told(state, one) for one in moved.told(questions(), answers, state.now)[:SHOWN]])

    return Part(questions, make, lambda why: Moves(failed=why))


def told(state: State, found: moved.Difference) -> Move:
    row, metric = dimension(found.dimension, ""), METRICS["visitors"]
    rose = found.size > 0
    sign = "+" if rose else "−"
    return Move(
        row.label,
        value_name(row, found.value),
        sign + short(abs(found.size), metric, state.locale),
        "up" if rose else "down",
        f"{short(found.before, metric, state.locale)} before, {short(found.now, metric, state.locale)} now",
        state.narrowed(found.dimension, found.value).href(),
    )
