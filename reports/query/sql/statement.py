"""The statement of a query: its subqueries added up, turned into metrics, put in order and cut to a page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from reports.query.grouping import GroupBy
from reports.query.metrics import AGGREGATES
from reports.query.sql.select import Rows, Select, unite


@dataclass(frozen=True)
class Subquery:
    """A SELECT from one kind of table: the keys and `a_<aggregate>` for its aggregates; the others are zero there."""

    source: str  # "events", "visits", "rollups" …, as `Meta.source` names it
    select: Select
    aggregates: tuple[str, ...]


def write_statement(
    group_by: GroupBy, subqueries: list[Subquery], order: list[str], limit: int, offset: int, key_condition: str = ""
) -> Select:
    """Return the complete statement. `key_condition` restricts the rows to certain values of the dimensions."""
    columns, rows = [*group_by.keys, *group_by.metric_columns], add_up(group_by, subqueries)
    if not group_by.keys:
        return Select(columns, rows)
    rows = rows.where(f"({group_by.not_empty})", key_condition)
    return Select(columns, rows, order_by=order, limit=limit, offset=offset)


def add_up(group_by: GroupBy, subqueries: list[Subquery]) -> Rows:
    """Return the aggregates of all subqueries by the keys."""
    if len(subqueries) == 1:
        return subqueries[0].select.as_rows()
    keys, names = group_by.keys, [aggregate.name for aggregate in group_by.aggregates]
    rows = unite([select_all(subquery, keys, names) for subquery in subqueries])
    sums = [f"sum(a_{name}) AS a_{name}" for name in names]
    return Select([*keys, *sums], rows, group_by=", ".join(keys)).as_rows()


def select_all(subquery: Subquery, keys: list[str], names: list[str]) -> Select:
    """Select all these aggregates in this order, zero where the subquery does not have one."""
    if list(subquery.aggregates) == names:
        return subquery.select
    columns, zeros = subquery.select.columns, {name: f"{AGGREGATES[name].zero} AS a_{name}" for name in names}
    if len(columns) == len(keys) + len(subquery.aggregates):  # planning is cheaper without a table in between
        own = dict(zip(subquery.aggregates, columns[len(keys) :], strict=True))
        return replace(subquery.select, columns=[*columns[: len(keys)], *(zeros | own).values()])
    values = [f"a_{name}" if name in subquery.aggregates else zeros[name] for name in names]
    return Select([*keys, *values], subquery.select.as_rows())


def write_order(group_by: GroupBy, order: Iterable[tuple[str, str]]) -> list[str]:
    """Write the terms of ORDER BY. The dimensions' values break ties, so that pages never overlap."""
    columns, terms = group_by.order_columns, dict[str, str]()
    for name, direction in order:
        terms[columns[name]] = f"{columns[name]} {direction.upper()} NULLS LAST"
    for key in group_by.keys:
        terms.setdefault(key, f"{key} ASC")
    return list(terms.values())
