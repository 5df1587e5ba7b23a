"""The months and days in which usage is counted: those of UTC, the same for all accounts (decision 0020)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from dateutil.relativedelta import relativedelta

DAY = timedelta(days=1)
FIRST_YEAR = 2000


def find_current_month(now: datetime) -> tuple[datetime, datetime]:
    """Return start and end of the running month of UTC."""
    start = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return start, start + relativedelta(months=1)


def find_first_day(now: datetime) -> date:
    """Return the first day of the running month of UTC."""
    return now.astimezone(UTC).date().replace(day=1)


def parse_month(text: str) -> date:
    """Parse `2026-03`; returns its first day. Raises ValueError, also for one before FIRST_YEAR."""
    first = datetime.strptime(text, "%Y-%m").date()
    if first.year < FIRST_YEAR:
        raise ValueError(f"nothing was counted in {first.year}")
    return first


def list_days(first: date) -> list[date]:
    """List the days of the month that begins with `first`."""
    following = first + relativedelta(months=1)
    return [first + number * DAY for number in range((following - first).days)]


def to_instant(day: date) -> datetime:
    """Return the instant at which a day of UTC begins."""
    return datetime.combine(day, time.min, UTC)
