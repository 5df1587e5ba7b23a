"""Periods of time by name ("7d", "last-month", "2026-03-01..2026-03-31") in any time zone.

A period is two instants, start inclusive and end exclusive, and the zone in which its days are days. A day begins
at the first instant that is 00:00 there (or at the transition that skipped it), so days have 23, 24 or 25 hours,
sometimes half an hour more or less, and a few never happened at all. A period is compared with the one before it or a
year before it (`find_comparison_period`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from accounts.validators import list_zone_names
from reports.query.errors import QueryRefused, join_names, quote_value

MIN_INSTANT = datetime(1970, 1, 2, tzinfo=UTC)
MAX_INSTANT = datetime(2100, 1, 1, tzinfo=UTC)
ALL_TIME_START = date(2000, 1, 1)  # the start of "all"
REALTIME = timedelta(minutes=30)  # the running minute and the 29 before it

RANGE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\.\.(\d{4}-\d{2}-\d{2}))?", re.ASCII)
Days = tuple[date, date]  # first day, and the day after the last
DAY = timedelta(days=1)
ShiftDay = Callable[[date], date]
WEEK = timedelta(days=7)


def parse_zone(name: str) -> ZoneInfo:
    """Return the IANA zone of that name. Raises QueryRefused for an unknown one."""
    if not isinstance(name, str) or name not in list_zone_names():
        raise QueryRefused(
            f"There is no time zone {quote_value(name)}; use an IANA name such as Europe/Tallinn or UTC.", "timezone"
        )
    return ZoneInfo(name)


@lru_cache(maxsize=8192)
def find_day_start(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant (UTC) at which a day begins in a zone."""
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def find_month_start(day: date, months: int) -> date:
    """Return the first day of the month that many months before that of `day`."""
    return day + relativedelta(months=-months, day=1)


def find_monday(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())


NAMED_PERIODS: dict[str, Callable[[date], Days]] = {
    "today": lambda today: (today, today + DAY),
    "yesterday": lambda today: (today - DAY, today),
    "7d": lambda today: (today - 6 * DAY, today + DAY),
    "14d": lambda today: (today - 13 * DAY, today + DAY),
    "30d": lambda today: (today - 29 * DAY, today + DAY),
    "90d": lambda today: (today - 89 * DAY, today + DAY),
    "12m": lambda today: (find_month_start(today, 11), today + DAY),
    "this-week": lambda today: (find_monday(today), find_monday(today) + 7 * DAY),
    "last-week": lambda today: (find_monday(today) - 7 * DAY, find_monday(today)),
    "this-month": lambda today: (find_month_start(today, 0), find_month_start(today, -1)),
    "last-month": lambda today: (find_month_start(today, 1), find_month_start(today, 0)),
    "this-year": lambda today: (date(today.year, 1, 1), date(today.year + 1, 1, 1)),
    "all": lambda today: (ALL_TIME_START, today + DAY),
}
PERIODS = ("realtime", *NAMED_PERIODS)


@dataclass(frozen=True)
class Period:
    """From `start` (inclusive) to `end` (exclusive), stored in UTC, with days of `zone` (an IANA name).

    `name`: how it was requested.

    Raises QueryRefused if the end is not after the start, a year is outside 1970-2099, or the zone is unknown.
    """

    start: datetime
    end: datetime
    zone: str = "UTC"
    name: str = ""

    def __post_init__(self) -> None:
        parse_zone(self.zone)
        for instant in (self.start, self.end):
            if not isinstance(instant, datetime) or instant.tzinfo is None:
                raise QueryRefused("A period needs two instants with a zone.", "period")
        try:
            start, end = self.start.astimezone(UTC), self.end.astimezone(UTC)
        except OverflowError:
            raise build_range_error(self.start.date()) from None
        for instant in (start, end):
            if not MIN_INSTANT - 2 * DAY <= instant <= MAX_INSTANT + 2 * DAY:
                raise build_range_error(instant.date())
        if start >= end:
            raise QueryRefused("The period ends before it begins; give the earlier date first.", "period")
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "end", end)

    @classmethod
    def parse(cls, text: str, zone: str, now: datetime) -> Period:
        """Parse the name of a period or a range of days, the last day included, at the time `now` in a zone."""
        info = parse_zone(zone)
        if text == "realtime":
            end = now.astimezone(UTC) + timedelta(seconds=1)
            this_minute = now.astimezone(UTC).replace(second=0, microsecond=0)
            return cls(this_minute + timedelta(minutes=1) - REALTIME, end, zone, text)
        if isinstance(text, str) and (find_days := NAMED_PERIODS.get(text)):
            first, after = find_days(now.astimezone(info).date())
            return cls.days(first, after, zone, text)
        match = RANGE.fullmatch(text) if isinstance(text, str) else None
        if not match:
            raise QueryRefused(
                f"There is no period {quote_value(text)}; use one of {join_names(PERIODS)}, or 2026-03-01..2026-03-31.",
                "period",
            )
        first, last = parse_date(match[1]), parse_date(match[2] or match[1])
        if last < first:
            raise QueryRefused("The period ends before it begins; give the earlier date first.", "period")
        return cls.days(first, last + DAY, zone, text)

    @classmethod
    def days(cls, first: date, after: date, zone: str, name: str = "") -> Period:
        """Return the period of the days from `first` to before `after` in a zone."""
        info = parse_zone(zone)
        if first < after and find_day_start(first, info) == find_day_start(after, info):
            raise QueryRefused(f"{first} never happened in {zone}, which skipped it.", "period")
        for day in (first, after):
            if not MIN_INSTANT.date() <= day <= MAX_INSTANT.date():
                raise build_range_error(day)
        return cls(find_day_start(first, info), find_day_start(after, info), zone, name or f"{first}..{after - DAY}")

    @cached_property
    def info(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    @cached_property
    def first_day(self) -> date:
        return self.start.astimezone(self.info).date()

    @cached_property
    def last_day(self) -> date:
        """The day of the period's last instant."""
        return (self.end - timedelta(microseconds=1)).astimezone(self.info).date()

    @cached_property
    def iso_range(self) -> tuple[str, str]:
        """Both instants as ISO 8601."""
        return self.start.isoformat(), self.end.isoformat()

    def is_days(self) -> bool:
        """Return whether the period consists of complete days."""
        return (
            find_day_start(self.first_day, self.info) == self.start
            and find_day_start(self.last_day + DAY, self.info) == self.end
        )


def parse_date(text: str) -> date:
    """Parse a day such as 2026-03-31. Raises QueryRefused for a day that does not exist or is out of range."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise QueryRefused(f"{quote_value(text)} is not a date; write it as 2026-03-31.", "period") from None
    if not MIN_INSTANT.date() <= day < MAX_INSTANT.date():
        raise build_range_error(day)
    return day


def build_range_error(day: date) -> QueryRefused:
    return QueryRefused(f"{day.isoformat()} is outside the years 1970 to 2099.", "period")


def find_comparison_period(period: Period, comparison: str | Period, now: datetime) -> Period:
    """Return the period to compare with.

    "previous": as many days, just before. "year": the same dates a year earlier. "weekday": whole weeks earlier, as
    few as do not overlap, so that Mondays meet Mondays. A period that is still running is compared with as much of the
    other as has passed of it.
    """
    if isinstance(comparison, Period):
        return comparison
    if comparison == "year":
        return shift_days(period, lambda day: day - relativedelta(years=1), now)
    if not period.is_days():
        length = period.end - period.start
        shift = length if comparison == "previous" else WEEK * -(-length // WEEK)
        return build_period(period, period.start - shift, period.end - shift)
    days = (period.last_day - period.first_day).days + 1
    if comparison == "weekday":
        days = -(-days // 7) * 7
    return shift_days(period, lambda day: day - days * DAY, now)


def shift_days(period: Period, shift: ShiftDay, now: datetime) -> Period:
    """Shift both ends by days of the calendar, keeping the time of day."""
    start, end = shift_instant(period.start, period, shift), shift_instant(period.end, period, shift)
    now = now.replace(second=0, microsecond=0)  # so that the result can be cached for a minute
    if period.start < now < period.end:
        end = min(end, shift_instant(now, period, shift))
    return build_period(period, start, max(end, start + timedelta(seconds=1)))


def shift_instant(when: datetime, period: Period, shift: ShiftDay) -> datetime:
    local = when.astimezone(period.info)
    day: date = shift(local.date())
    return datetime.combine(day, local.timetz().replace(tzinfo=None), tzinfo=period.info).astimezone(UTC)


def build_period(period: Period, start: datetime, end: datetime) -> Period:
    """Return a period in the same zone. Raises QueryRefused before 1970."""
    if start.year < 1970:
        raise QueryRefused("The period to compare with lies before 1970.", "compare")
    return Period(start, end, period.zone)
