"""The clocks of a zone over a period, as arithmetic a database can do.

A zone is a short list of spans with a constant offset. Local time is then `unix + offset`, and hours and days are
divisions, which is exact for every zone (half and quarter hours, half-hour summer time, skipped days) and
faster than the database's own conversions. Python's `zoneinfo` is the only authority.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from reports.engine.period import DAY, Period, day_start

EPOCH = date(1970, 1, 1)
STEP = timedelta(days=7)  # no zone changes its clock twice within a week
QUARTER = 900


@dataclass(frozen=True)
class Span:
    """From `start` (unix seconds) on, the zone is `offset` seconds ahead of UTC."""

    start: int
    offset: int


def offset_at(unix: int, zone: ZoneInfo) -> int:
    delta = datetime.fromtimestamp(unix, UTC).astimezone(zone).utcoffset()
    return int(delta.total_seconds()) if delta is not None else 0


@lru_cache(maxsize=512)
def spans(zone_name: str, start: int, end: int) -> tuple[Span, ...]:
    """The spans of constant offset between two instants (unix seconds), the first beginning at `start`."""
    zone = ZoneInfo(zone_name)
    found = [Span(start, offset_at(start, zone))]
    step = int(STEP.total_seconds())
    here = start
    while here < end:
        there = min(here + step, end)
        if offset_at(there, zone) != found[-1].offset:
            there = first_change(here, there, found[-1].offset, zone)
            if there < end:
                found.append(Span(there, offset_at(there, zone)))
        here = there
    return tuple(found)


def first_change(low: int, high: int, offset: int, zone: ZoneInfo) -> int:
    """The first second in (low, high] whose offset is another one than `offset`."""
    while high - low > 1:
        middle = (low + high) // 2
        if offset_at(middle, zone) == offset:
            low = middle
        else:
            high = middle
    return high


class Clock:
    """The clock of a period's zone: bucket expressions for SQL, and the same buckets for filling gaps."""

    def __init__(self, period: Period) -> None:
        self.period = period
        self.zone = period.info
        self.start, self.end = int(period.start.timestamp()), ceil_second(period.end)
        self.spans = spans(period.zone, self.start, self.end)

    def of_quarters(self) -> bool:
        """Whether every change and offset is whole quarters of an hour, so that quarter-hour sums can be told."""
        return all(
            span.offset % QUARTER == 0 and (span.start % QUARTER == 0 or span is self.spans[0]) for span in self.spans
        )

    def orderly(self) -> bool:
        """Whether the calendar never goes back (some zones turned midnight back into the day before)."""
        return all(
            (after.start + after.offset) // 86400 >= (after.start - 1 + before.offset) // 86400
            for before, after in zip(self.spans, self.spans[1:], strict=False)
        )

    def case(self, unix: str, forms: list[str]) -> str:
        """SQL: the form of the span that `unix` lies in."""
        if len(forms) == 1:
            return forms[0]
        branches = ", ".join(
            f"{unix} < {after.start}, {form}" for after, form in zip(self.spans[1:], forms, strict=False)
        )
        return f"multiIf({branches}, {forms[-1]})"

    def local(self, unix: str) -> str:
        """SQL: seconds of the local clock since 1970."""
        if len({span.offset for span in self.spans}) == 1:
            return f"({unix} + {self.spans[0].offset})"
        return f"({unix} + {self.case(unix, [str(span.offset) for span in self.spans])})"

    def day(self, unix: str) -> str:
        """SQL: the local day as a number since 1970."""
        if self.orderly():
            return f"intDiv({self.local(unix)}, 86400)"
        days = self.days()
        starts = ", ".join(str(max(int(day_start(day, self.zone).timestamp()), self.start)) for day in days)
        numbers = ", ".join(str((day - EPOCH).days) for day in days)
        return f"transform(roundDown({unix}, [{starts}]), [{starts}], [{numbers}], 0)"

    def hour(self, unix: str) -> str:
        """SQL: the instant (unix seconds) at which the local hour began; a change of clocks begins a new one."""
        forms = []
        for index, span in enumerate(self.spans):
            begun = f"intDiv({unix} + {span.offset}, 3600) * 3600 - {span.offset}"
            forms.append(begun if index == 0 else f"greatest({begun}, {span.start})")
        return self.case(unix, forms)

    def days(self) -> list[date]:
        """The days of the period that happened, in order."""
        day, last, found = self.period.first_day, self.period.last_day, []
        while day <= last:
            if day_start(day, self.zone) < day_start(day + DAY, self.zone):
                found.append(day)
            day += DAY
        return found

    def minutes(self) -> list[int]:
        """The beginnings (unix seconds) of the minutes of the period, in order."""
        return list(range(self.start // 60 * 60, self.end, 60))

    def hours(self) -> list[int]:
        """The beginnings (unix seconds) of the local hours of the period, in order."""
        found: list[int] = []
        for index, span in enumerate(self.spans):
            until = self.spans[index + 1].start if index + 1 < len(self.spans) else self.end
            begun = (span.start + span.offset) // 3600 * 3600 - span.offset
            if index:
                begun = max(begun, span.start)
            while begun < until:
                found.append(begun)
                begun = ((begun + span.offset) // 3600 + 1) * 3600 - span.offset
        return found


def ceil_second(instant: datetime) -> int:
    unix = instant.timestamp()
    return int(unix) + (unix > int(unix))


def hour_text(unix: int, zone: ZoneInfo) -> str:
    """2026-03-29T03:00:00+03:00"""
    return datetime.fromtimestamp(unix, UTC).astimezone(zone).isoformat()


def day_text(number: int) -> str:
    return (EPOCH + timedelta(days=number)).isoformat()
