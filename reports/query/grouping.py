"""What a statement groups by: metrics by dimensions, or by each of several dimensions on its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from reports.query.dimensions import Dimension
from reports.query.metrics import Aggregate, Metric, list_aggregates, write_formula


def name_column(value: str, name: str) -> str:
    """Write a value under a column name."""
    return name if value == name else f"{value} AS {name}"


@dataclass(frozen=True)
class GroupBy:
    """The metrics and dimensions of one statement. Its key columns are `d0`, `d1` …, one per dimension."""

    metrics: tuple[Metric, ...]
    dimensions: tuple[Dimension, ...]

    @cached_property
    def by_page(self) -> bool:
        return any(dimension.name == "page" for dimension in self.dimensions)

    @cached_property
    def by_event(self) -> bool:
        """Whether a dimension is one that only events have."""
        return any(dimension.side == "event" and dimension.name != "site" for dimension in self.dimensions)

    @cached_property
    def value_dimension(self) -> Dimension | None:
        """The first dimension that is not a time."""
        return next((dimension for dimension in self.dimensions if dimension.family != "time"), None)

    @cached_property
    def times(self) -> tuple[str, ...]:
        """The names of the dimensions of time."""
        return tuple(dimension.name for dimension in self.dimensions if dimension.family == "time")

    @cached_property
    def entries(self) -> tuple[Dimension, ...]:
        """The dimensions that only visits have."""
        return tuple(dimension for dimension in self.dimensions if dimension.side == "entry")

    @cached_property
    def metric_names(self) -> tuple[str, ...]:
        return tuple(metric.name for metric in self.metrics)

    @cached_property
    def dimension_names(self) -> tuple[str, ...]:
        return tuple(dimension.name for dimension in self.dimensions)

    @cached_property
    def keys(self) -> list[str]:
        """The names of the columns that identify a row."""
        return [f"d{index}" for index in range(len(self.dimensions))]

    @property
    def value_names(self) -> list[str]:
        """The names of the dimensions' values in rows that are not grouped yet."""
        return self.keys

    @property
    def sql(self) -> str:
        """What follows GROUP BY; empty without dimensions."""
        return ", ".join(self.keys)

    def write_columns(self, values: Sequence[str], aggregates: Sequence[str]) -> list[str]:
        """Write the columns of a grouped SELECT: the dimensions' values and the aggregates."""
        return [*map(name_column, values, self.keys), *aggregates]

    @cached_property
    def formulas(self) -> list[str]:
        """Each metric's formula, in the variant for these dimensions."""
        return [metric.choose_formula(self.by_page, self.by_event) for metric in self.metrics]

    @cached_property
    def aggregates(self) -> tuple[Aggregate, ...]:
        """The aggregates that the formulas need, each once."""
        return tuple(dict.fromkeys(aggregate for formula in self.formulas for aggregate in list_aggregates(formula)))

    @cached_property
    def metric_columns(self) -> list[str]:
        """The metrics over the aggregates' columns (SQL), as `m0`, `m1` …"""
        return [f"{write_formula(formula)} AS m{index}" for index, formula in enumerate(self.formulas)]

    @cached_property
    def not_empty(self) -> str:
        """The condition (SQL) that anything happened."""
        return " OR ".join([f"a_{aggregate.name} != 0" for aggregate in self.aggregates])

    @cached_property
    def order_columns(self) -> dict[str, str]:
        """The columns of dimensions and metrics by their names."""
        columns = {dimension.name: f"d{index}" for index, dimension in enumerate(self.dimensions)}
        return columns | {metric.name: f"m{index}" for index, metric in enumerate(self.metrics)}

    @cached_property
    def empty_values(self) -> list[tuple[str, object]]:
        """The metrics' values where nothing happened."""
        return [(metric.name, metric.empty) for metric in self.metrics]

    @cached_property
    def variants(self) -> tuple[bool, bool]:
        """Which variants of formulas the metrics need: those by page, those by event."""
        plain = [metric.formula for metric in self.metrics]
        return (False, False) if self.formulas == plain else (self.by_page, self.by_event)

    @cached_property
    def counts_goals(self) -> bool:
        """Whether a metric counts what reaches goals."""
        return any(aggregate.scope == "goals" for aggregate in self.aggregates)

    @cached_property
    def by_goal(self) -> bool:
        return any(dimension.family == "goal" for dimension in self.dimensions)

    @cached_property
    def every_row_has(self) -> bool:
        """Whether every row has the dimensions. Other ones are found faster without reading all rows."""
        return all(
            dimension.family in ("visit", "event") and not dimension.skip_empty and not dimension.kinds
            for dimension in self.dimensions
        )

    @cached_property
    def has_money(self) -> bool:
        """Whether a metric is an amount of one currency."""
        return any(metric.money for metric in self.metrics)


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

    @cached_property
    def by_page(self) -> bool:
        return self.page_variant

    @cached_property
    def by_event(self) -> bool:
        return self.event_variant

    @cached_property
    def keys(self) -> list[str]:
        return ["d0", "d1"]

    @property
    def value_names(self) -> list[str]:
        return [f"k{index}" for index in range(len(self.dimensions))]

    @property
    def sql(self) -> str:
        sets = [f"({name})" for name in self.value_names] + (["()"] if self.with_totals else [])
        return f"GROUPING SETS ({', '.join(sets)})"

    def write_columns(self, values: Sequence[str], aggregates: Sequence[str]) -> list[str]:
        """Write the columns. Within one set the values of the other dimensions are empty, so `d1` concatenates all."""
        names = self.value_names
        columns = [name_column(value, name) for value, name in zip(values, names, strict=True)]
        cases = [f"grouping({name}) = 0, {index}" for index, name in enumerate(names)]
        columns.append(f"multiIf({', '.join(cases)}, {len(names)}) AS d0")
        columns.append(f"concat({', '.join(names)}, '') AS d1")
        return [*columns, *aggregates]
