"""Tallies: one number per answer, day or hour. One row each: type -> what is counted -> how it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reports.clicky.asked import Asked
from reports.clicky.dates import DAY, Dates
from reports.clicky.outputs import Block, Day
from reports.clicky.words import CLICKS, one_place, pretty, whole
from reports.engine import Period
from reports.engine.zones import Clock, hour_text

KINDS = {"downloads": ("download",), "outbounds": ("outbound",), "clicks": CLICKS}


@dataclass(frozen=True)
class Tally:
    """`metric` of the engine, of events of `kinds` only where it names some.

    `summed`: over several days the sum of each day's number, because Clicky's unique visitors are unique per day.
    `live`: about now, whatever the date.
    """

    name: str
    metric: str
    write: Callable[[Any], str] = whole
    kinds: tuple[str, ...] = ()
    summed: bool = False
    live: bool = False
    title: str = ""  # in segments=summary

    def where(self) -> list[Any]:
        return [{"dimension": "kind", "operator": "is", "value": list(self.kinds)}] if self.kinds else []


def actions_per_visit(row: dict[str, Any]) -> float:
    return row["actions"] / row["visits"] if row["visits"] else 0


ROWS = (
    Tally("visitors", "visits", title="Visitors"),  # Clicky's visitors are our visits
    Tally("visitors-unique", "visitors", summed=True, title="Unique visitors"),
    Tally("visitors-new", "new_visitors", summed=True),
    Tally("visitors-online", "online", live=True),
    Tally("actions", "actions", title="Actions"),
    Tally("actions-pageviews", "views"),
    Tally("actions-downloads", "actions", kinds=KINDS["downloads"]),
    Tally("actions-outbounds", "actions", kinds=KINDS["outbounds"]),
    Tally("actions-clicks", "actions", kinds=KINDS["clicks"]),
    Tally("actions-average", "", one_place, title="Average actions / visit"),
    Tally("time-total", "total_duration", title="Total time"),
    Tally("time-total-pretty", "total_duration", lambda value: pretty(value or 0)),
    Tally("time-average", "avg_duration", title="Average time / visit"),
    Tally("time-average-pretty", "avg_duration", lambda value: pretty(value or 0)),
    Tally("bounce-rate", "bounce_rate", one_place, title="Bounce rate"),
)
TALLIES = {row.name: row for row in ROWS}
SUMMARY = tuple(row for row in ROWS if row.title)


def tally(row: Tally, asked: Asked) -> Block:
    """The block of one tally."""
    if row.live:
        return Block(row.name, [Day(str(asked.dates.last), [item(row, value_of(row, asked, asked.dates))])])
    if asked.hourly:
        return Block(row.name, hours(row, asked), hourly=True)
    if asked.daily:
        return Block(row.name, days(row, asked))
    return Block(row.name, [Day(asked.dates.label, [item(row, value_of(row, asked, asked.dates))])])


def item(row: Tally, value: Any) -> dict[str, Any]:
    return {"value": row.write(value)}


def metrics_of(row: Tally) -> tuple[str, ...]:
    return (row.metric,) if row.metric else ("actions", "visits")


def number(row: Tally, found: dict[str, Any]) -> Any:
    return found[row.metric] if row.metric else actions_per_visit(found)


def value_of(row: Tally, asked: Asked, dates: Dates) -> Any:
    """The number for all the days together."""
    if row.summed and dates.count > 1:
        return sum(by_time(row, asked, "day").values())
    return number(row, asked.ask(dates, metrics_of(row), row.where()).rows[0])


def by_time(row: Tally, asked: Asked, bucket: str) -> dict[str, Any]:
    """The number of every day or hour in which something happened."""
    most = asked.dates.count * (26 if bucket == "hour" else 1) + 1
    found = asked.ask(asked.dates, metrics_of(row), row.where(), dimensions=(bucket,), limit=most)
    return {each[bucket]: number(row, each) for each in found.rows}


def days(row: Tally, asked: Asked) -> list[Day]:
    """One entry per day, newest first."""
    known = by_time(row, asked, "day")
    return [Day(day.label, [item(row, known.get(day.label, 0))]) for day in asked.days]


def hours(row: Tally, asked: Asked) -> list[Day]:
    """One entry per day; its value is a list of one number per hour, midnight first."""
    known = by_time(row, asked, "hour")
    return [
        Day(day.label, [{"value": [row.write(known.get(hour, 0)) for hour in hours_of(day, asked)]}])
        for day in asked.days
    ]


def hours_of(day: Dates, asked: Asked) -> list[str]:
    """The local hours of a day as the engine writes them: 23 or 25 where the clock is changed."""
    period = Period.days(day.first, day.last + DAY, day.zone)
    return [hour_text(begun, period.info) for begun in Clock(period).hours()]


def summary(asked: Asked) -> Block:
    """`segments=summary`: the headline numbers, each with its title."""
    items = [{"title": row.title, "value": row.write(value_of(row, asked, asked.dates))} for row in SUMMARY]
    return Block("summary", [Day(asked.dates.label, items)])
