"""From the store's rows to the rows of a result: names, times as text, rows for empty buckets of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reports.query.context import QueryContext
from reports.query.dimensions import Dimension
from reports.query.periods import find_monday
from reports.query.sql.statement import GroupBy
from reports.query.timezones import EPOCH, format_day, format_hour

Row = dict[str, Any]


def decode_value(dimension: Dimension, value: Any, context: QueryContext) -> Any:
    """Return a dimension's value as results have it: text, or a number for goals, hours of day and weekdays."""
    if dimension.family != "time":
        return int(value) if dimension.family == "goal" else value
    number = int(value)
    if dimension.name in ("minute", "hour"):
        return format_hour(number, context.period.info)
    if dimension.name == "month":
        year, month = divmod(number - 1, 12)
        return f"{year:04d}-{month + 1:02d}"
    return format_day(number) if dimension.name in ("day", "week") else number


def decode_rows(group_by: GroupBy, context: QueryContext, rows: Sequence[Sequence[Any]]) -> list[Row]:
    """Return the rows as dicts: first the dimensions, then the metrics."""
    width = len(group_by.dimensions)
    decoded = []
    for row in rows:
        values = {
            dimension.name: decode_value(dimension, value, context)
            for dimension, value in zip(group_by.dimensions, row[:width], strict=True)
        }
        for metric, value in zip(group_by.metrics, row[width:], strict=True):
            values[metric.name] = metric.empty if value is None else value
        decoded.append(values)
    return decoded


def empty_metrics(group_by: GroupBy) -> Row:
    """Return the metrics where nothing happened."""
    return {metric.name: metric.empty for metric in group_by.metrics}


def list_buckets(name: str, context: QueryContext) -> list[int]:
    """Return the numbers of all buckets of an ordered time in the period."""
    clock = context.clock
    if name == "minute":
        return clock.minutes()
    if name == "hour":
        return clock.hours()
    days = clock.days()
    if name == "day":
        return [(day - EPOCH).days for day in days]
    if name == "week":
        return list(dict.fromkeys((find_monday(day) - EPOCH).days for day in days))
    return list(dict.fromkeys(day.year * 12 + day.month for day in days))


def fill_gaps(group_by: GroupBy, context: QueryContext, rows: list[Row]) -> list[Row]:
    """Return the rows with rows for empty buckets in between, up to now. The period "all" begins with its first row."""
    time = group_by.dimensions[0]
    by_value = {row[time.name]: row for row in rows}
    until_now = context.cut_at(context.now)
    numbers = list_buckets(time.name, until_now) if until_now else []
    expected = [decode_value(time, number, context) for number in numbers]
    if context.period.name == "all":
        first = min(by_value, default=None)
        expected = [value for value in expected if first is not None and value >= first]
    unexpected = sorted(by_value.keys() - set(expected))  # events with a time in the future
    empty = empty_metrics(group_by)
    return [by_value.get(value) or {time.name: value, **empty} for value in [*expected, *unexpected]]
