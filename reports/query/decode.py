"""From the store's rows to the rows of a result: names, times as text, rows for empty buckets of time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reports.query.context import QueryContext
from reports.query.dimensions import Dimension
from reports.query.execution_limits import StoreRow
from reports.query.grouping import GroupBy
from reports.query.model import Row
from reports.query.periods import find_monday
from reports.query.timezones import EPOCH, format_day, format_hour, format_month


def build_decoder(dimension: Dimension, context: QueryContext) -> Callable[[int], int | str] | None:
    """Return what turns a stored value into that of a result: text, or a number for goals, hours of day and weekdays.

    None where it is the same.
    """
    if dimension.family == "goal" or dimension.name in ("hour_of_day", "weekday"):
        return int
    if dimension.name in ("minute", "hour"):
        return lambda number: format_hour(int(number), context.period.info)
    if dimension.name == "month":
        return format_month
    return format_day if dimension.name in ("day", "week") else None


def decode_rows(group_by: GroupBy, context: QueryContext, rows: Sequence[StoreRow]) -> list[Row]:
    """Return the rows as dicts: first the dimensions, then the metrics."""
    names = (*group_by.dimension_names, *group_by.metric_names)
    width, decoders = len(group_by.dimensions), []
    for dimension in group_by.dimensions:
        if dimension.family in ("time", "goal") and (decoder := build_decoder(dimension, context)):
            decoders.append((dimension.name, decoder))
    decoded = []
    for row in rows:
        values = dict(zip(names, row, strict=True))
        for name, decoder in decoders:
            values[name] = decoder(values[name])
        if None in row[width:]:
            for name, value in group_by.empty_values:
                if values[name] is None:
                    values[name] = value
        decoded.append(values)
    return decoded


def empty_metrics(group_by: GroupBy) -> Row:
    """Return the metrics where nothing happened."""
    return dict(group_by.empty_values)


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
    decoder = build_decoder(time, context) or str
    expected = [decoder(number) for number in numbers]
    if context.period.name == "all":
        first = min(by_value, default=None)
        expected = [value for value in expected if first is not None and value >= first]
    unexpected = sorted(by_value.keys() - set(expected))  # events with a time in the future
    empty = empty_metrics(group_by)
    return [by_value.get(value) or {time.name: value, **empty} for value in [*expected, *unexpected]]
