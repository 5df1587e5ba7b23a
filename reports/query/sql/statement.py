"""The statement of a query: its subqueries added up, turned into metrics, put in order and cut to a page; and what it
groups by: metrics by dimensions, or by each of several dimensions on its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reports.query.dimensions import Dimension
from reports.query.metrics import AGGREGATES, Aggregate, Metric

AGGREGATE_IN_FORMULA = re.compile(r"\{(\w+)\}")


def name_column(value: str, name: str) -> str:
    """Write a value under a column name."""
    return name if value == name else f"{value} AS {name}"


@dataclass(frozen=True)
class GroupBy:
    """The metrics and dimensions of one statement. Its key columns are `d0`, `d1` …, one per dimension."""

    metrics: tuple[Metric, ...]
    dimensions: tuple[Dimension, ...]

    @property
    def by_page(self) -> bool:
        return any(dimension.name == "page" for dimension in self.dimensions)

    @property
    def by_event(self) -> bool:
        """Whether a dimension is one that only events have."""
        return any(dimension.side == "event" and dimension.name != "site" for dimension in self.dimensions)

    @property
    def value_dimension(self) -> Dimension | None:
        """The first dimension that is not a time."""
        return next((dimension for dimension in self.dimensions if dimension.family != "time"), None)

    @property
    def times(self) -> set[str]:
        """The names of the dimensions of time."""
        return {dimension.name for dimension in self.dimensions if dimension.family == "time"}

    @property
    def keys(self) -> list[str]:
        """The names of the columns that identify a row."""
        return [f"d{index}" for index in range(len(self.dimensions))]

    @property
    def value_names(self) -> list[str]:
        """The names of the dimensions' values in rows that are not grouped yet."""
        return self.keys

    @property
    def sql(self) -> str:
        return f" GROUP BY {', '.join(self.keys)}" if self.dimensions else ""

    def write_columns(self, values: Sequence[str], aggregates: Sequence[str]) -> str:
        """Write the columns of a grouped SELECT: the dimensions' values and the aggregates."""
        return ", ".join([*map(name_column, values, self.keys), *aggregates])

    def formulas(self) -> list[str]:
        """Return each metric's formula, in the variant for these dimensions."""
        return [metric.choose_formula(self.by_page, self.by_event) for metric in self.metrics]

    def aggregates(self) -> tuple[Aggregate, ...]:
        """Return the aggregates that the formulas need, each once."""
        names = dict.fromkeys(name for formula in self.formulas() for name in AGGREGATE_IN_FORMULA.findall(formula))
        return tuple(AGGREGATES[name] for name in names)


@dataclass(frozen=True)
class GroupingSets(GroupBy):
    """Group by each dimension on its own, in one statement: `d0` is the dimension's index, `d1` its value.

    `with_totals`: also by none of them, under the index after the last.
    `page_variant`, `event_variant`: which variant of the formulas to use.
    The dimensions are texts that every row has, if only an empty one.
    """

    with_totals: bool = False
    page_variant: bool = False
    event_variant: bool = False

    @property
    def by_page(self) -> bool:
        return self.page_variant

    @property
    def by_event(self) -> bool:
        return self.event_variant

    @property
    def keys(self) -> list[str]:
        return ["d0", "d1"]

    @property
    def value_names(self) -> list[str]:
        return [f"k{index}" for index in range(len(self.dimensions))]

    @property
    def sql(self) -> str:
        sets = [f"({name})" for name in self.value_names] + (["()"] if self.with_totals else [])
        return f" GROUP BY GROUPING SETS ({', '.join(sets)})"

    def write_columns(self, values: Sequence[str], aggregates: Sequence[str]) -> str:
        """Write the columns. Within one set the values of the other dimensions are empty, so `d1` concatenates all."""
        names = self.value_names
        columns = [name_column(value, name) for value, name in zip(values, names, strict=True)]
        cases = [f"grouping({name}) = 0, {index}" for index, name in enumerate(names)]
        columns.append(f"multiIf({', '.join(cases)}, {len(names)}) AS d0")
        columns.append(f"concat({', '.join(names)}, '') AS d1")
        return ", ".join([*columns, *aggregates])


@dataclass(frozen=True)
class Subquery:
    """A SELECT from one kind of table: the keys and `a_<aggregate>` for its aggregates; the others are zero there."""

    source: str  # "events", "visits", "rollups" …, as `Meta.source` names it
    sql: str
    aggregates: tuple[str, ...]


def write_statement(
    group_by: GroupBy, subqueries: list[Subquery], order: list[str], limit: int, offset: int, key_condition: str = ""
) -> str:
    """Write the complete statement. `key_condition` restricts the rows to certain values of the dimensions."""
    keys = group_by.keys
    metrics = [f"{write_formula(formula)} AS m{index}" for index, formula in enumerate(group_by.formulas())]
    not_empty = " OR ".join(f"a_{aggregate.name} != 0" for aggregate in group_by.aggregates())
    where = " WHERE " + " AND ".join(filter(None, [f"({not_empty})", key_condition])) if keys else ""
    order_by = f" ORDER BY {', '.join(order)}" if order else ""
    page = f" LIMIT {limit} OFFSET {offset}" if keys else ""
    return f"SELECT {', '.join([*keys, *metrics])} FROM {add_up(group_by, subqueries)}{where}{order_by}{page}"


def write_formula(formula: str) -> str:
    """Write a metric over the aggregates' columns."""
    return AGGREGATE_IN_FORMULA.sub(lambda match: "a_" + match[1], formula)


def add_up(group_by: GroupBy, subqueries: list[Subquery]) -> str:
    """Write a table expression: the aggregates of all subqueries by the keys."""
    if len(subqueries) == 1:
        return f"({subqueries[0].sql})"
    keys, names = group_by.keys, [aggregate.name for aggregate in group_by.aggregates()]
    rows = " UNION ALL ".join(select_all(subquery, keys, names) for subquery in subqueries)
    sums = ", ".join([*keys, *(f"sum(a_{name}) AS a_{name}" for name in names)])
    return f"(SELECT {sums} FROM ({rows}){' GROUP BY ' + ', '.join(keys) if keys else ''})"


def select_all(subquery: Subquery, keys: list[str], names: list[str]) -> str:
    """Write a SELECT of all these aggregates in this order, zero where the subquery does not have one."""
    if list(subquery.aggregates) == names:
        return subquery.sql
    own = set(subquery.aggregates)
    values = (f"a_{name}" if name in own else f"{AGGREGATES[name].zero} AS a_{name}" for name in names)
    return f"SELECT {', '.join([*keys, *values])} FROM ({subquery.sql})"


def write_order(group_by: GroupBy, order: Iterable[tuple[str, str]]) -> list[str]:
    """Write the terms of ORDER BY. The dimensions' values break ties, so that pages never overlap."""
    columns = {dimension.name: f"d{index}" for index, dimension in enumerate(group_by.dimensions)}
    columns.update({metric.name: f"m{index}" for index, metric in enumerate(group_by.metrics)})
    terms = {columns[name]: f"{columns[name]} {direction.upper()} NULLS LAST" for name, direction in order}
    for key in group_by.keys:
        terms.setdefault(key, f"{key} ASC")
    return list(terms.values())
