"""From a filter's tree to SQL, for a row of events or a row of visits. Values are bound, never written."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any

from reports.engine import filters
from reports.engine.dimensions import Dimension, kinds_in
from reports.engine.filters import NEGATIVE, Group, Leaf, Named, Node, Not, Visited
from reports.engine.period import monday
from reports.engine.refusal import QueryRefused, shown
from reports.engine.scene import LONGEST_VISIT, Scene
from reports.engine.zones import EPOCH, QUARTER


class Conditions:
    """Writes conditions of one scene. `events(tree)` holds of an event's row, `visits(tree)` of a visit's."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    # -- trees ----------------------------------------------------------------------------------------------------

    def events(self, tree: Node | None) -> str:
        """SQL over a row of events; empty for no filter."""
        return "" if tree is None else self.tree(tree, self.event_leaf)

    def visits(self, tree: Node | None) -> str:
        """SQL over a row of visits: what only events have means that the visit contains such an event."""
        if tree is None:
            return ""
        if filters.about_events(tree):
            return self.contains(tree)
        return self.tree(tree, self.visit_leaf)

    def contains(self, tree: Node) -> str:
        return f"visit IN (SELECT visit {self.scene.events(self.events(tree))})"

    def tree(self, tree: Node, leaf: Any) -> str:
        if isinstance(tree, Leaf):
            return leaf(tree)
        if isinstance(tree, Group):
            return "(" + f" {tree.word.upper()} ".join(self.tree(part, leaf) for part in tree.parts) + ")"
        if isinstance(tree, Not):
            return f"NOT ({self.tree(tree.part, leaf)})"
        if isinstance(tree, Visited):
            return self.contains(tree.part)
        return self.named(tree, leaf)

    def named(self, tree: Named, leaf: Any) -> str:
        if tree.part is None:
            raise QueryRefused(f"There is no {tree.kind} {tree.number} on this site.", "where")
        return self.tree(tree.part, leaf)

    # -- leaves ---------------------------------------------------------------------------------------------------

    def event_leaf(self, leaf: Leaf) -> str:
        row = leaf.dimension
        if row.family != "time" and not row.event:
            visits = self.scene.visits(before=LONGEST_VISIT)
            return f"visit IN (SELECT visit FROM {visits} WHERE {self.visit_leaf(leaf)})"
        return self.compare(leaf, self.event_value(row), row.kinds)

    def visit_leaf(self, leaf: Leaf) -> str:
        return self.compare(leaf, self.visit_value(leaf.dimension), ())

    def event_value(self, row: Dimension) -> str:
        """SQL of the dimension's value, of an event's row."""
        if row.family == "time":
            return self.time_value(row.name, "toUnixTimestamp(ts)")
        return self.keyed(row.event, row)

    def visit_value(self, row: Dimension) -> str:
        """SQL of the dimension's value, of a visit's row; a page is the one it entered on."""
        if row.family == "time":
            return self.time_value(row.name, "toUnixTimestamp(visit_start)")
        return "entry_page" if row.name == "page" else self.keyed(row.visit, row)

    def keyed(self, sql: str, row: Dimension) -> str:
        return sql.replace("{key}", self.scene.params.text(row.key)) if row.key else sql

    def time_value(self, name: str, unix: str) -> str:
        """SQL of the number of a time's bucket: days since 1970, the month's number, the hour's first second."""
        if name == "quarter":
            return f"toInt64(intDiv({unix}, {QUARTER}) * {QUARTER})"
        if name == "minute":
            return f"toInt64(intDiv({unix}, 60) * 60)"
        clock = self.scene.clock
        if name == "hour":
            return f"toInt64({clock.hour(unix)})"
        if name == "hour_of_day":
            return f"toInt64(intDiv({clock.local(unix)}, 3600) % 24)"
        return self.of_day(name, clock.day(unix))

    @staticmethod
    def of_day(name: str, day: str) -> str:
        """SQL of a day's, week's, month's or weekday's number, from the day's."""
        if name == "weekday":
            return f"toInt64(({day} + 3) % 7 + 1)"
        if name == "week":
            return f"toInt64({day} - ({day} + 3) % 7)"
        return f"toInt64({day})" if name == "day" else f"toInt64(toRelativeMonthNum(toDate({day})))"

    # -- comparisons ----------------------------------------------------------------------------------------------

    def compare(self, leaf: Leaf, value: str, kinds: tuple[str, ...]) -> str:
        if positive := NEGATIVE.get(leaf.operator):
            return f"NOT {self.compare(Leaf(leaf.dimension, positive, leaf.values), value, kinds)}"
        if leaf.dimension.number:
            return f"({numbers(value, leaf)})"
        if leaf.dimension.family == "time":
            wanted = ", ".join(str(bucket(leaf.dimension.name, text)) for text in leaf.values)
            return f"({value} IN ({wanted}))"
        if not kinds:
            return f"({self.texts(value, leaf)})"
        of_kind = kinds_in(kinds)
        if "" in leaf.values:
            return f"({self.texts(f'if({of_kind}, {value}, {EMPTY})', leaf)})"
        return f"({of_kind} AND ({self.texts(value, leaf)}))"

    def texts(self, value: str, leaf: Leaf) -> str:
        params, values = self.scene.params, leaf.values
        if leaf.operator == "is":
            if found := NUMBERED.fullmatch(value):
                written = ", ".join(filter(whole_number, values))
                return f"{found[1]} IN ({written})" if written else "0"
            if len(values) == 1:
                return f"{value} = {params.text(values[0])}"
            return f"{value} IN {params.texts(values)}"
        form = MATCHING[leaf.operator]
        if len(values) == 1 or leaf.operator == "matches":
            return " OR ".join(form.format(value=value, wanted=params.text(text)) for text in values)
        each = form.format(value=value, wanted="wanted")
        return f"arrayExists(wanted -> {each}, {params.texts(values)})"


EMPTY = "''"
NUMBERED = re.compile(r"toString\((\w+)\)")  # a dimension that is a number, which the tables are sorted by


def whole_number(text: str) -> bool:
    """Whether a number is written so. No other text is equal to one."""
    return text.isascii() and text.isdigit() and (text == "0" or text[0] != "0") and len(text) < 20


MATCHING = {
    "contains": "positionCaseInsensitiveUTF8({value}, {wanted}) > 0",
    "starts_with": "startsWith({value}, {wanted})",
    "ends_with": "endsWith({value}, {wanted})",
    "matches": "match({value}, {wanted})",
}
NUMBER_SIGNS = {"is": "=", "at_least": ">=", "at_most": "<="}


def numbers(value: str, leaf: Leaf) -> str:
    sign = NUMBER_SIGNS[leaf.operator]
    return " OR ".join(f"{value} {sign} {number!r}" for number in leaf.values)


def missing_offset() -> datetime:
    raise ValueError("an hour without its offset from UTC may be two")


def bucket(name: str, text: str) -> int:
    """The number of the bucket that `text` names. Raises QueryRefused where it names none."""
    try:
        if name in ("hour_of_day", "weekday"):
            return int(text)
        if name in ("minute", "hour"):
            begun = datetime.fromisoformat(text)
            return int((begun if begun.tzinfo else missing_offset()).timestamp())
        if name == "month":
            first = date.fromisoformat(f"{text}-01")
            return first.year * 12 + first.month
        day = date.fromisoformat(text)
        return ((monday(day) if name == "week" else day) - EPOCH).days
    except (ValueError, OverflowError):
        example = {
            "minute": "2026-03-31T14:05:00+02:00",
            "hour": "2026-03-31T14:00:00+02:00",
            "month": "2026-03",
            "hour_of_day": "14",
            "weekday": "1",
        }
        wanted = example.get(name, "2026-03-31")
        raise QueryRefused(f"{shown(text)} is not a value of “{name}”; write it as {wanted}.", "where") from None
