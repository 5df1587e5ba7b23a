"""Filter trees as SQL conditions on rows of events or of visits. Values are bound, never written into the SQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache

from reports.query import filters
from reports.query.context import MAX_VISIT_LENGTH, QueryContext
from reports.query.dimensions import Dimension, write_kinds_condition
from reports.query.errors import QueryRefused, quote_value
from reports.query.filters import NEGATED_OPERATORS, FilterGroup, Leaf, Node, Not, Visited
from reports.query.periods import find_monday
from reports.query.sql.select import Select
from reports.query.timezones import EPOCH, QUARTER

WriteLeaf = Callable[[Leaf], str]


class ConditionBuilder:
    """Writes the conditions of one context."""

    def __init__(self, context: QueryContext) -> None:
        self.context = context

    # -- trees ----------------------------------------------------------------------------------------------------

    def for_events(self, tree: Node | None) -> str:
        """Write the condition on a row of events; empty for no filter."""
        if tree is None:
            return ""
        if isinstance(tree, Leaf) and len(tree.values) == 1 and (condition := write_number_filter(tree)):
            return condition
        return self.write_tree(tree, self.event_leaf)

    def for_visits(self, tree: Node | None) -> str:
        """Write the condition on a row of visits. A filter about events means that the visit contains such an event."""
        if tree is None:
            return ""
        if filters.needs_events(tree):
            return self.contains_event(tree)
        return self.write_tree(tree, self.visit_leaf)

    def contains_event(self, tree: Node) -> str:
        return f"visit IN ({Select(['visit'], self.context.from_events(self.for_events(tree)))})"

    def write_tree(self, tree: Node, write_leaf: WriteLeaf) -> str:
        if isinstance(tree, Leaf):
            return write_leaf(tree)
        if isinstance(tree, FilterGroup):
            return (
                "(" + f" {tree.operator.upper()} ".join(self.write_tree(part, write_leaf) for part in tree.parts) + ")"
            )
        if isinstance(tree, Not):
            return f"NOT ({self.write_tree(tree.part, write_leaf)})"
        if isinstance(tree, Visited):
            return self.contains_event(tree.part)
        if tree.part is None:
            raise QueryRefused(f"There is no {tree.kind} {tree.number} on this site.", "where")
        return self.write_tree(tree.part, write_leaf)

    # -- leaves ---------------------------------------------------------------------------------------------------

    def event_leaf(self, leaf: Leaf) -> str:
        definition = leaf.dimension
        if definition.family != "time" and not definition.event:
            visits = self.context.select_visits(["visit"], self.visit_leaf(leaf), before=MAX_VISIT_LENGTH)
            return f"visit IN ({visits})"
        return self.compare(leaf, self.event_value(definition), definition.event, definition.kinds)

    def visit_leaf(self, leaf: Leaf) -> str:
        return self.compare(leaf, self.visit_value(leaf.dimension), leaf.dimension.visit)

    def event_value(self, dimension: Dimension) -> str:
        """Write the dimension's value for a row of events."""
        if dimension.family == "time":
            return self.time_value(dimension.name, "toUnixTimestamp(ts)")
        return self.column_value(dimension.event, dimension)

    def visit_value(self, dimension: Dimension) -> str:
        """Write the dimension's value for a row of visits; the page is the one it entered on."""
        if dimension.family == "time":
            return self.time_value(dimension.name, "toUnixTimestamp(visit_start)")
        return "entry_page" if dimension.name == "page" else self.column_value(dimension.visit, dimension)

    def column_value(self, column: str, dimension: Dimension) -> str:
        if dimension.conversion == "none":
            return column
        return dimension.write_value(column, self.context.params.bind_text(dimension.key) if dimension.key else "")

    def time_value(self, name: str, unix: str) -> str:
        """Write the number of a bucket of time, from SQL of unix seconds.

        Days and weeks are numbered by days since 1970, months by months, minutes and hours by their first second.
        """
        if name == "quarter":
            return f"toInt64(intDiv({unix}, {QUARTER}) * {QUARTER})"
        if name == "minute":
            return f"toInt64(intDiv({unix}, 60) * 60)"
        clock = self.context.clock
        if name == "hour":
            return f"toInt64({clock.hour(unix)})"
        if name == "hour_of_day":
            return f"toInt64(intDiv({clock.local(unix)}, 3600) % 24)"
        return self.day_value(name, clock.day(unix))

    @staticmethod
    def day_value(name: str, day: str) -> str:
        """Write the number of a day, week, month or weekday, from SQL of the day's number."""
        if name == "weekday":
            return f"toInt64(({day} + 3) % 7 + 1)"
        if name == "week":
            return f"toInt64({day} - ({day} + 3) % 7)"
        return f"toInt64({day})" if name == "day" else f"toInt64(toRelativeMonthNum(toDate({day})))"

    # -- comparisons ----------------------------------------------------------------------------------------------

    def compare(self, leaf: Leaf, value: str, column: str, kinds: tuple[str, ...] = ()) -> str:
        """Write the comparison of a value (SQL) that is read from a column, which only events of these kinds have."""
        if positive := NEGATED_OPERATORS.get(leaf.operator):
            return f"NOT {self.compare(Leaf(leaf.dimension, positive, leaf.values), value, column, kinds)}"
        if leaf.dimension.number:
            return f"({compare_numbers(value, leaf)})"
        if leaf.dimension.family == "time":
            buckets = ", ".join(str(parse_bucket(leaf.dimension.name, text)) for text in leaf.values)
            return f"({value} IN ({buckets}))"
        of_kind = write_kinds_condition(kinds) if kinds else ""
        if kinds and "" in leaf.values:  # events of other kinds have the empty value, too
            return f"({self.compare_texts(f'if({of_kind}, {value}, {EMPTY})', leaf)})"
        if leaf.dimension.conversion in WHOLE_NUMBERS and leaf.operator == "is":
            comparison = self.compare_whole_numbers(column, leaf)
        else:
            comparison = self.compare_texts(value, leaf)
        return f"({of_kind} AND ({comparison}))" if kinds else f"({comparison})"

    def compare_texts(self, value: str, leaf: Leaf) -> str:
        params, texts = self.context.params, leaf.values
        if leaf.operator == "is":
            if len(texts) == 1:
                return f"{value} = {params.bind_text(texts[0])}"
            return f"{value} IN {params.bind_texts(texts)}"
        template = PATTERN_TEMPLATES[leaf.operator]
        if len(texts) == 1 or leaf.operator == "matches":
            return " OR ".join(template.format(value=value, pattern=params.bind_text(text)) for text in texts)
        comparison = template.format(value=value, pattern="pattern")
        return f"arrayExists(pattern -> {comparison}, {params.bind_texts(texts)})"

    def compare_whole_numbers(self, column: str, leaf: Leaf) -> str:
        """Write that a number is one of the texts, compared as numbers: no row needs a text, and some are sorted so."""
        numbers = parse_whole_numbers(leaf)
        if len(numbers) > 1:  # bound, because a statement with very many of them would be too long
            return f"{column} IN {self.context.params.bind(list(numbers), 'Array(UInt64)')}"
        return f"{column} IN ({numbers[0]})" if numbers else "0"


EMPTY = "''"
WHOLE_NUMBERS = ("number_text", "id_text")  # conversions of columns that are compared as numbers


@lru_cache(maxsize=2048)
def write_number_filter(leaf: Leaf) -> str:
    """Write the condition on a row of events that a number is the filter's one value; empty for any other filter.

    All queries of a link's report have such a filter.
    """
    dimension = leaf.dimension
    is_compared_so = dimension.conversion in WHOLE_NUMBERS and not dimension.number and not dimension.kinds
    if leaf.operator != "is" or not is_compared_so or not dimension.event:
        return ""
    numbers = parse_whole_numbers(leaf)
    return f"({dimension.event} IN ({numbers[0]}))" if numbers else "(0)"


def parse_whole_numbers(leaf: Leaf) -> tuple[int, ...]:
    """Parse the values that are numbers as their column writes them. Of an id 0 is the empty text."""
    texts = leaf.values
    if leaf.dimension.conversion == "id_text":
        texts = tuple(text or "0" for text in texts if text != "0")
    return tuple(int(text) for text in texts if is_integer_text(text))


def is_integer_text(text: str) -> bool:
    """Return whether the text is how a number of 64 bits is written. No other text can equal one."""
    return text.isascii() and text.isdigit() and (text == "0" or text[0] != "0") and len(text) < 20


PATTERN_TEMPLATES = {
    "contains": "positionCaseInsensitiveUTF8({value}, {pattern}) > 0",
    "starts_with": "startsWith({value}, {pattern})",
    "ends_with": "endsWith({value}, {pattern})",
    "matches": "match({value}, {pattern})",
}
NUMBER_SIGNS = {"is": "=", "at_least": ">=", "at_most": "<="}


def compare_numbers(value: str, leaf: Leaf) -> str:
    sign = NUMBER_SIGNS[leaf.operator]
    return " OR ".join(f"{value} {sign} {number!r}" for number in leaf.values)


BUCKET_EXAMPLES = {
    "minute": "2026-03-31T14:05:00+02:00",
    "hour": "2026-03-31T14:00:00+02:00",
    "month": "2026-03",
    "hour_of_day": "14",
    "weekday": "1",
}


def parse_bucket(name: str, text: str) -> int:
    """Parse a bucket of time to its number (see `time_value`). Raises QueryRefused for text that names none."""
    try:
        if name in ("hour_of_day", "weekday"):
            return int(text)
        if name in ("minute", "hour"):
            begin = datetime.fromisoformat(text)
            if begin.tzinfo is None:
                raise ValueError("without an offset from UTC an hour is ambiguous when the clocks are set back")
            return int(begin.timestamp())
        if name == "month":
            first = date.fromisoformat(f"{text}-01")
            return first.year * 12 + first.month
        day = date.fromisoformat(text)
        return ((find_monday(day) if name == "week" else day) - EPOCH).days
    except (ValueError, OverflowError):
        example = BUCKET_EXAMPLES.get(name, "2026-03-31")
        raise QueryRefused(f"{quote_value(text)} is not a value of “{name}”; write it as {example}.", "where") from None
