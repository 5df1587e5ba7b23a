"""Compared with when? And by how much?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from reports.engine.period import DAY, Period, months_back
from reports.engine.refusal import QueryRefused

Move = Callable[[date], date]


def compared(period: Period, how: str | Period, now: datetime) -> Period:
    """The period to compare with.

    "previous": as many days, just before. "year": the same dates a year earlier. "weekday": whole weeks earlier,
    as few as do not overlap, so that Mondays meet Mondays. A period that is still running is compared with as much of
    the other as has passed of it.
    """
    if isinstance(how, Period):
        return how
    if how == "year":
        return shifted(period, lambda day: months_back(day, 12), now)
    if not period.is_days():
        length = period.end - period.start
        back = length if how == "previous" else timedelta(days=7) * -(-length // timedelta(days=7))
        return checked(period, period.start - back, period.end - back)
    days = (period.last_day - period.first_day).days + 1
    if how == "weekday":
        days = -(-days // 7) * 7
    return shifted(period, lambda day: day - days * DAY, now)


def shifted(period: Period, move: Move, now: datetime) -> Period:
    """Both ends moved by days of the calendar, keeping the time of day."""
    start, end = at_day(period.start, period, move), at_day(period.end, period, move)
    now = now.replace(second=0, microsecond=0)  # so that the answer can be kept for a minute
    if period.start < now < period.end:
        end = min(end, at_day(now, period, move))
    return checked(period, start, max(end, start + timedelta(seconds=1)))


def at_day(when: datetime, period: Period, move: Move) -> datetime:
    local = when.astimezone(period.info)
    day: date = move(local.date())
    return datetime.combine(day, local.timetz().replace(tzinfo=None), tzinfo=period.info).astimezone(UTC)


def checked(period: Period, start: datetime, end: datetime) -> Period:
    if start.year < 1970:
        raise QueryRefused("The period to compare with lies before 1970.", "compare")
    return Period(start, end, period.zone)


def change(new: float | Decimal | None, old: float | Decimal | None) -> float | None:
    """By how many percent `new` is more than `old`; None where there was nothing, or nothing is known."""
    if new is None or not old:
        return None
    return round(float((new - old) / abs(old) * 100), 1)  # type: ignore[operator]
