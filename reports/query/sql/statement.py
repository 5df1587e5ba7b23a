"""The statement of a query: its subqueries added up, turned into metrics, put in order and cut to a page."""

from __future__ import annotations

from collections.abc import Iterable

from reports.query.metrics import AGGREGATES
from reports.query.sql.grouping import AGGREGATE_IN_FORMULA, GroupBy, Subquery


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
