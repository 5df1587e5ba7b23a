"""From the rows of the database to the rows of an answer: names, times as text, empty buckets filled in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from reports.engine.breakdown import Breakdown
from reports.engine.dimensions import Dimension
from reports.engine.metrics import Metric
from reports.engine.period import monday
from reports.engine.scene import Scene
from reports.engine.zones import EPOCH, day_text, hour_text

Row = dict[str, Any]


def shown_value(row: Dimension, value: Any, scene: Scene) -> Any:
    """A dimension's value as answers show it: text, a number for goals, hours of day and weekdays."""
    if row.family != "time":
        return int(value) if row.family == "goal" else value
    number = int(value)
    if row.name in ("minute", "hour"):
        return hour_text(number, scene.period.info)
    if row.name == "month":
        year, month = divmod(number - 1, 12)
        return f"{year:04d}-{month + 1:02d}"
    return day_text(number) if row.name in ("day", "week") else number


def measured(row: Metric, value: Any) -> Any:
    return row.empty if value is None else value


def decoded(breakdown: Breakdown, scene: Scene, rows: Sequence[Sequence[Any]]) -> list[Row]:
    """The rows as name -> value, in the breakdown's order: dimensions, then metrics."""
    width = len(breakdown.dimensions)
    found = []
    for row in rows:
        named = {
            each.name: shown_value(each, value, scene)
            for each, value in zip(breakdown.dimensions, row[:width], strict=True)
        }
        named.update(
            (each.name, measured(each, value)) for each, value in zip(breakdown.metrics, row[width:], strict=True)
        )
        found.append(named)
    return found


def nothing(breakdown: Breakdown) -> Row:
    """The metrics where nothing happened."""
    return {row.name: row.empty for row in breakdown.metrics}


def buckets(name: str, scene: Scene) -> list[int]:
    """The numbers of all buckets of an ordered time in the scene's period."""
    clock = scene.clock
    if name == "minute":
        return clock.minutes()
    if name == "hour":
        return clock.hours()
    days = clock.days()
    if name == "day":
        return [(day - EPOCH).days for day in days]
    if name == "week":
        return list(dict.fromkeys((monday(day) - EPOCH).days for day in days))
    return list(dict.fromkeys(day.year * 12 + day.month for day in days))


def filled(breakdown: Breakdown, scene: Scene, rows: list[Row], now: datetime) -> list[Row]:
    """The rows with those of empty buckets between them, up to now; "all" begins with its first row."""
    time = breakdown.dimensions[0]
    known = {row[time.name]: row for row in rows}
    today = scene.during_until(now)
    wanted = [shown_value(time, number, scene) for number in buckets(time.name, today)] if today else []
    if scene.period.name == "all":
        first = min(known, default=None)
        wanted = [value for value in wanted if first is not None and value >= first]
    late = [value for value in known if value not in set(wanted)]
    empty = nothing(breakdown)
    return [known.get(value) or {time.name: value, **empty} for value in [*wanted, *sorted(late)]]
