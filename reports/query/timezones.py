"""Local time of a zone over a period, as arithmetic that a database can do.

Over a period, a zone is a short list of spans with a constant offset from UTC. Local time is then `unix + offset`, and
hours and days are divisions. That is exact for every zone (half and quarter hours, half-hour summer time, skipped days)
and faster than the database's own conversions. Python's `zoneinfo` is the only authority.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from reports.query.periods import DAY, Period, find_day_start

EPOCH = date(1970, 1, 1)
SEARCH_STEP = timedelta(days=7)  # no zone changes its clocks twice within a week
QUARTER = 900  # seconds


@dataclass(frozen=True)
class OffsetSpan:
    """From `start` (unix seconds) on, local time is `offset` seconds ahead of UTC."""

    start: int
    offset: int


def find_offset(unix: int, zone: ZoneInfo) -> int:
    """Return the offset from UTC in seconds at an instant."""
    delta = datetime.fromtimestamp(unix, UTC).astimezone(zone).utcoffset()
    return int(delta.total_seconds()) if delta is not None else 0


@lru_cache(maxsize=512)
def find_spans(zone_name: str, start: int, end: int) -> tuple[OffsetSpan, ...]:
    """Return the spans of constant offset between two instants (unix seconds), the first beginning at `start`."""
    zone = ZoneInfo(zone_name)
    spans = [OffsetSpan(start, find_offset(start, zone))]
    step = int(SEARCH_STEP.total_seconds())
    position = start
    while position < end:
        following = min(position + step, end)
        if find_offset(following, zone) != spans[-1].offset:
            following = find_change(position, following, spans[-1].offset, zone)
            if following < end:
                spans.append(OffsetSpan(following, find_offset(following, zone)))
        position = following
    return tuple(spans)


def find_change(low: int, high: int, offset: int, zone: ZoneInfo) -> int:
    """Return the first second in (low, high] whose offset differs from `offset`."""
    while high - low > 1:
        middle = (low + high) // 2
        if find_offset(middle, zone) == offset:
            low = middle
        else:
            high = middle
    return high


class Clock:
    """Local time in a period: SQL that maps an instant to its day or hour, and the lists of these days and hours."""

    def __init__(self, period: Period) -> None:
        self.period = period
        self.zone = period.info
        self.start, self.end = int(period.start.timestamp()), round_up_to_second(period.end)
        self.spans = find_spans(period.zone, self.start, self.end)

    def fits_quarters(self) -> bool:
        """Return whether offsets and changes are multiples of a quarter-hour, so that sums per quarter suffice."""
        return all(
            span.offset % QUARTER == 0 and (span.start % QUARTER == 0 or span is self.spans[0]) for span in self.spans
        )

    def days_are_ordered(self) -> bool:
        """Return whether the calendar never goes back (some zones turned midnight back into the day before)."""
        return all(
            (after.start + after.offset) // 86400 >= (after.start - 1 + before.offset) // 86400
            for before, after in zip(self.spans, self.spans[1:], strict=False)
        )

    def choose_by_span(self, unix: str, expressions: list[str]) -> str:
        """Write the choice between expressions, one per span, by the span that `unix` lies in."""
        if len(expressions) == 1:
            return expressions[0]
        branches = ", ".join(
            f"{unix} < {after.start}, {expression}"
            for after, expression in zip(self.spans[1:], expressions, strict=False)
        )
        return f"multiIf({branches}, {expressions[-1]})"

    def local(self, unix: str) -> str:
        """Write the seconds since 1970 on the local clock."""
        if len({span.offset for span in self.spans}) == 1:
            return f"({unix} + {self.spans[0].offset})"
        return f"({unix} + {self.choose_by_span(unix, [str(span.offset) for span in self.spans])})"

    def day(self, unix: str) -> str:
        """Write the number of the local day: days since 1970."""
        if self.days_are_ordered():
            return f"intDiv({self.local(unix)}, 86400)"
        days = self.days()
        starts = ", ".join(str(max(int(find_day_start(day, self.zone).timestamp()), self.start)) for day in days)
        numbers = ", ".join(str((day - EPOCH).days) for day in days)
        return f"transform(roundDown({unix}, [{starts}]), [{starts}], [{numbers}], 0)"

    def hour(self, unix: str) -> str:
        """Write the begin of the local hour (unix seconds); a change of the clocks begins a new one."""
        expressions = []
        for index, span in enumerate(self.spans):
            begin = f"intDiv({unix} + {span.offset}, 3600) * 3600 - {span.offset}"
            expressions.append(begin if index == 0 else f"greatest({begin}, {span.start})")
        return self.choose_by_span(unix, expressions)

    def days(self) -> list[date]:
        """Return the days of the period in order, without those that the zone skipped."""
        day, last, days = self.period.first_day, self.period.last_day, []
        while day <= last:
            if find_day_start(day, self.zone) < find_day_start(day + DAY, self.zone):
                days.append(day)
            day += DAY
        return days

    def minutes(self) -> list[int]:
        """Return the begins (unix seconds) of the minutes of the period, in order."""
        return list(range(self.start // 60 * 60, self.end, 60))

    def hours(self) -> list[int]:
        """Return the begins (unix seconds) of the local hours of the period, in order."""
        hours: list[int] = []
        for index, span in enumerate(self.spans):
            until = self.spans[index + 1].start if index + 1 < len(self.spans) else self.end
            begin = (span.start + span.offset) // 3600 * 3600 - span.offset
            if index:
                begin = max(begin, span.start)
            while begin < until:
                hours.append(begin)
                begin = ((begin + span.offset) // 3600 + 1) * 3600 - span.offset
        return hours


def round_up_to_second(instant: datetime) -> int:
    """Return the instant in unix seconds, rounded up."""
    unix = instant.timestamp()
    return int(unix) + (unix > int(unix))


def format_hour(unix: int, zone: ZoneInfo) -> str:
    """Format an instant in a zone, such as 2026-03-29T03:00:00+03:00."""
    return datetime.fromtimestamp(unix, UTC).astimezone(zone).isoformat()


@lru_cache(maxsize=8192)
def format_day(number: int) -> str:
    """Format a day, given in days since 1970, such as 2026-03-29."""
    return (EPOCH + timedelta(days=number)).isoformat()


def format_month(number: int) -> str:
    """Format a month, given as twelve times its year plus its number, such as 2026-03."""
    year, month = divmod(number - 1, 12)
    return f"{year:04d}-{month + 1:02d}"
