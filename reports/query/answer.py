"""The result of one query: its currency, rows, totals and comparison, read one after the other."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal

from reports.query import decode, top_pages
from reports.query.context import Params
from reports.query.model import Meta, Result, Row
from reports.query.planner import TableChoice
from reports.query.resolve import ResolvedQuery
from reports.query.rows import Execution, fetch_rows
from reports.query.sql.conditions import ConditionBuilder
from reports.query.sql.select import Select


def build_result(
    resolved: ResolvedQuery, choice: TableChoice, fetched: tuple[Execution, list[Row]] | None = None
) -> Result:
    """Answer a query from the store. `choice`: the tables of its rows; `fetched`: the rows, if they were read already.

    Raises QueryRefused if a statement exceeds a limit, StoreError if the store fails.
    """
    execution, rows = fetched or (Execution(sites=resolved.context.sites), None)
    other_currencies: dict[str, Decimal] = {}
    if resolved.group_by.has_money and "currency" not in resolved.group_by.dimension_names:
        currency, other_currencies = choose_currency(resolved, execution)
        resolved = resolved.in_currency(currency)
    if rows is None:
        rows = fetch_rows_or_top_pages(resolved, execution, choice)
    totals = fetch_totals(resolved, execution) if resolved.with_totals else None
    comparison = fetch_comparison(resolved.comparison, execution, rows) if resolved.comparison else None
    return Result(rows, totals, comparison, build_meta(resolved, execution, other_currencies))


def build_meta(resolved: ResolvedQuery, execution: Execution, other_currencies: dict[str, Decimal]) -> Meta:
    """Describe how a query was executed."""
    period, comparison = resolved.context.period, resolved.comparison
    return Meta(
        range=period.iso_range,
        zone=period.zone,
        freshness=resolved.version.changed,
        exact=not execution.estimated,
        error=execution.error,
        source="+".join(dict.fromkeys(execution.sources)),
        rows_read=execution.rows_read,
        seconds=time.perf_counter() - resolved.started,
        bytes_read=execution.bytes_read,
        estimated=tuple(sorted(execution.estimated)),
        incomplete=execution.incomplete,
        currency=resolved.context.currency or "",
        other_currencies=other_currencies,
        comparison_range=comparison.context.period.iso_range if comparison else None,
    )


def fetch_rows_or_top_pages(resolved: ResolvedQuery, execution: Execution, choice: TableChoice) -> list[Row]:
    """Read the rows, those of top pages by way of their views where that costs less."""
    if resolved.group_by.dimension_names == top_pages.BY_PAGE and top_pages.is_applicable(resolved, choice):
        rows = top_pages.fetch_top_pages(resolved, execution)
        if rows is not None:
            return rows
    return fetch_rows(resolved, execution, choice)


def fetch_totals(resolved: ResolvedQuery, execution: Execution) -> Row:
    """Read the metrics without the dimensions. Amounts are None beside rows of several currencies, never added."""
    (totals,) = fetch_rows(resolved.for_totals(), execution)
    if "currency" not in resolved.dimensions:
        return totals
    return {**totals, **{metric.name: None for metric in resolved.group_by.metrics if metric.money}}


def fetch_comparison(other: ResolvedQuery, execution: Execution, rows: list[Row]) -> list[Row] | Row:
    """Read the same query of the comparison period, in the shape that `Result.comparison` describes."""
    if not other.dimensions:
        return fetch_rows(other, execution)[0]
    if other.fills_gaps:
        return fetch_rows(other, execution)
    if not rows:
        return []
    keys = tuple(tuple(row[name] for name in other.dimensions) for row in rows)
    other_rows = fetch_rows(other.for_keys(keys), execution)
    by_key = {tuple(row[name] for name in other.dimensions): row for row in other_rows}
    empty = decode.empty_metrics(other.group_by)
    return [by_key.get(key) or {**dict(zip(other.dimensions, key, strict=True)), **empty} for key in keys]


def choose_currency(resolved: ResolvedQuery, execution: Execution) -> tuple[str | None, dict[str, Decimal]]:
    """Return the currency of the result's amounts, the one with most orders, and the totals in the others."""
    context = replace(resolved.context, params=Params())
    condition = ConditionBuilder(context).for_events(context.tree)
    amounts = Select(
        ["currency", "countIf(revenue > 0) AS orders", "sum(revenue)"],
        context.from_events("revenue != 0", condition),
        group_by="currency",
        order_by=["orders DESC", "currency"],
    )
    rows = execution.run(amounts, context.params.values)
    if not rows:
        return next((goal.currency for goal in context.counted_goals() if goal.value and goal.currency), ""), {}
    return rows[0][0], {currency: total for currency, _, total in rows[1:]}
