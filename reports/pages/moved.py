"""What moved: which sources, pages and countries explain the change of visitors between two periods."""

from __future__ import annotations

from dataclasses import dataclass

from reports.engine.dimensions import dimension
from reports.engine.registry import METRICS
from reports.moved import Difference, differences
from reports.pages.names import value_name
from reports.pages.numbers import short
from reports.pages.sheet import TROUBLE, sentence
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


def moves(state: State) -> tuple[list[Move], str]:
    """The largest differences, and a sentence where they cannot be told."""
    if state.compare is None:
        return [], ""
    try:
        found = differences(state.ids, state.period, state.compare, state.now, state.where())
    except TROUBLE as error:
        return [], sentence(error)
    return [told(state, one) for one in found[:SHOWN]], ""


def told(state: State, found: Difference) -> Move:
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
