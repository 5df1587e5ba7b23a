"""The period that a query is compared with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from reports.query.errors import QueryRefused
from reports.query.periods import DAY, Period, shift_months_back

ShiftDay = Callable[[date], date]
WEEK = timedelta(days=7)


def find_comparison_period(period: Period, comparison: str | Period, now: datetime) -> Period:
    """Return the period to compare with.

    "previous": as many days, just before. "year": the same dates a year earlier. "weekday": whole weeks earlier, as
    few as do not overlap, so that Mondays meet Mondays. A period that is still running is compared with as much of the
    other as has passed of it.
    """
    if isinstance(comparison, Period):
        return comparison
    if comparison == "year":
        return shift_days(period, lambda day: shift_months_back(day, 12), now)
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
