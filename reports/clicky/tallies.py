"""Tallies: types that are one number per result, day or hour. Each is a row: type -> metric -> format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from goals.predicates import Filter, is_one_of
from reports.clicky.dates import Dates
from reports.clicky.outputs import DateEntry, Item
from reports.clicky.stats_request import StatsRequest
from reports.clicky.stats_type import MAX_DAYS, StatsType
from reports.clicky.terms import CLICK_KINDS, format_integer, format_seconds, format_tenth
from reports.query.metrics import Number
from reports.query.model import Row
from reports.query.timezones import Clock, format_hour

MAX_HOURS_PER_DAY = 26  # including the hours that a change of the clock adds


@dataclass(frozen=True)
class TallyType(StatsType):
    """`metric` of the engine, counted over events of `kinds` only if there are some; no metric: actions per visit.

    `summed`: several days are the sum of each day's number, because Clicky's unique visitors are unique per day.
    `live`: the number of this moment, whatever the date.
    """

    metric: str
    format: Callable[[Number | None], str] = format_integer
    _: KW_ONLY
    kinds: tuple[str, ...] = ()
    summed: bool = False
    live: bool = False
    title: str = ""  # in segments=summary
    group: str = "Numbers"
    max_daily_days: ClassVar[int] = MAX_DAYS

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of the engine that the number is computed from."""
        return (self.metric,) if self.metric else ("actions", "visits")

    def build_where(self) -> list[Filter]:
        return [is_one_of("kind", *self.kinds)] if self.kinds else []

    def compute(self, row: Row) -> Number:
        """Return the number of one row of the engine."""
        if self.metric:
            number: Number = row[self.metric]
            return number
        return float(row["actions"] / row["visits"]) if row["visits"] else 0

    def build_example(self) -> list[Item]:
        return [{"value": self.format(90)}]

    def build(self, request: StatsRequest) -> list[DateEntry]:
        """Build the entries: one number for all dates, for each day, or a list of one number per hour."""
        if self.live or not (request.hourly or request.daily):
            label = str(request.dates.last) if self.live else request.dates.label
            return [DateEntry(label, [{"value": compute_total(self, request)}])]
        numbers = count_by_time(self, request, "hour" if request.hourly else "day")
        entries = []
        for day in request.days:
            times = list_hours(day) if request.hourly else [day.label]
            values = [self.format(numbers.get(time, 0)) for time in times]
            entries.append(DateEntry(day.label, [{"value": values if request.hourly else values[0]}]))
        return entries


TALLY_TYPES = (
    TallyType("visitors", "visits", title="Visitors"),  # Clicky's visitors are our visits
    TallyType("visitors-unique", "visitors", summed=True, title="Unique visitors"),
    TallyType("visitors-new", "new_visitors", summed=True),
    TallyType("visitors-online", "online", live=True),
    TallyType("actions", "actions", title="Actions"),
    TallyType("actions-pageviews", "views"),
    TallyType("actions-downloads", "actions", kinds=("download",)),
    TallyType("actions-outbounds", "actions", kinds=("outbound",)),
    TallyType("actions-clicks", "actions", kinds=CLICK_KINDS),
    TallyType("actions-average", "", format_tenth, title="Average actions / visit"),
    TallyType("time-total", "total_duration", title="Total time"),
    TallyType("time-total-pretty", "total_duration", lambda value: format_seconds(value or 0)),
    TallyType("time-average", "avg_duration", title="Average time / visit"),
    TallyType("time-average-pretty", "avg_duration", lambda value: format_seconds(value or 0)),
    TallyType("bounce-rate", "bounce_rate", format_tenth, title="Bounce rate"),
)


def compute_total(tally: TallyType, request: StatsRequest) -> str:
    """Return the number of all the days together, formatted."""
    if tally.summed and request.dates.day_count > 1:
        return tally.format(sum(count_by_time(tally, request, "day").values()))
    return tally.format(tally.compute(request.ask(request.dates, tally.metrics, tally.build_where()).rows[0]))


def count_by_time(tally: TallyType, request: StatsRequest, dimension: str) -> dict[str, Number]:
    """Return the number of every day or hour in which something happened."""
    limit = request.dates.day_count * (MAX_HOURS_PER_DAY if dimension == "hour" else 1) + 1
    result = request.ask(request.dates, tally.metrics, tally.build_where(), dimensions=(dimension,), limit=limit)
    return {row[dimension]: tally.compute(row) for row in result.rows}


def list_hours(day: Dates) -> list[str]:
    """Return the local hours of a day as the engine writes them: 23 or 25 when the clock changes."""
    if day.is_skipped:
        return []
    period = day.to_period()
    return [format_hour(start, period.info) for start in Clock(period).hours()]


@dataclass(frozen=True)
class SummaryType(StatsType):
    """The key figures, each with its title, of all dates together."""

    def build(self, request: StatsRequest) -> list[DateEntry]:
        items = [{"title": row.title, "value": compute_total(row, request)} for row in TALLY_TYPES if row.title]
        return [DateEntry(request.dates.label, items)]

    def build_example(self) -> list[Item]:
        return [{"title": row.title, "value": row.format(90)} for row in TALLY_TYPES if row.title]
