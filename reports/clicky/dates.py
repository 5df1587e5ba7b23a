"""Clicky's dates: `today`, `2-days-ago`, `last-7-days`, `this-month`, `2026-03-01`, `2026-03-01,2026-03-31` …"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from dateutil.relativedelta import relativedelta

from accounts.validators import list_zone_names
from reports.clicky.errors import ClickyError
from reports.query import Period
from reports.query.periods import DAY, MAX_INSTANT, MIN_INSTANT, NAMED_PERIODS, find_day_start, parse_zone

MAX_DIGITS = 4  # of N in last-N-days


def find_known_zone(name: str) -> str:
    """Return the time zone's name, or UTC for one that this machine does not know."""
    return name if name in list_zone_names() else "UTC"


@dataclass(frozen=True)
class Dates:
    """Days from `first` to `last`, both inclusive, in the site's zone."""

    first: date
    last: date
    zone: str

    @property
    def label(self) -> str:
        """`2026-03-01`, or `2026-03-01,2026-03-31` for several days."""
        return str(self.first) if self.first == self.last else f"{self.first},{self.last}"

    @property
    def day_count(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def is_skipped(self) -> bool:
        """Whether the zone skipped these days, as Samoa skipped one when it crossed the date line."""
        zone = parse_zone(self.zone)
        return find_day_start(self.first, zone) == find_day_start(self.last + DAY, zone)

    def to_period(self) -> Period:
        """Return the days as a period of instants. Raises QueryRefused if the zone skipped them."""
        return Period.days(self.first, self.last + DAY, self.zone)

    def split_days(self) -> list[Dates]:
        """Return each day on its own, newest first."""
        return [Dates(self.last - n * DAY, self.last - n * DAY, self.zone) for n in range(self.day_count)]


FirstAndLast = tuple[date, date]
NAMED_DATES = {"today", "yesterday", "this-week", "last-week", "this-month", "last-month", "this-year"}  # of the engine
NUMBERED_DATES: dict[str, Callable[[date, int], FirstAndLast]] = {
    r"(\d+)-days?-ago": lambda today, n: (today - n * DAY, today - n * DAY),
    r"last-(\d+)-days?": lambda today, n: (today - (max(n, 1) - 1) * DAY, today),
    r"previous-(\d+)-days?": lambda today, n: (today - max(n, 1) * DAY, today - DAY),
}
EXAMPLES = "today, yesterday, 3-days-ago, last-7-days, this-month, 2026-03-01 or 2026-03-01,2026-03-31"
CALENDAR_DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?", re.ASCII)


def parse_dates(text: str, zone: str, now: datetime) -> Dates:
    """Parse the parameter `date`. Raises ClickyError for unknown words, impossible days and years before 1970 or
    after 2099.

    Keywords are also accepted in the plural (`this-months`), as a client sends them.
    """
    today = now.astimezone(parse_zone(zone)).date()
    try:
        first, last = sorted(find_first_and_last(text.strip().lower(), today))
        if first < MIN_INSTANT.date() or last >= MAX_INSTANT.date():
            raise ValueError(text)
    except (ValueError, OverflowError):
        raise ClickyError(f"Invalid date: {text[:40]}. Use one such as {EXAMPLES}.") from None
    return Dates(first, last, zone)


def find_first_and_last(text: str, today: date) -> FirstAndLast:
    """Return the first and last day. Raises ValueError or OverflowError."""
    name = text if text in NAMED_DATES else text.removesuffix("s")
    if name in NAMED_DATES:
        first, after = NAMED_PERIODS[name](today)
        return first, min(after - DAY, today)  # Clicky's weeks, months and years that still run end today
    if name == "last-year":
        return parse_calendar_date(str(today.year - 1))
    for pattern, find_numbered_days in NUMBERED_DATES.items():
        if (match := re.fullmatch(pattern, text, re.ASCII)) and len(match[1]) <= MAX_DIGITS:
            return find_numbered_days(today, int(match[1]))
    start, _, end = text.partition(",")
    if CALENDAR_DATE.fullmatch(start.strip()):
        return parse_calendar_date(start.strip())[0], parse_calendar_date((end or start).strip())[1]
    raise ValueError(text)


def parse_calendar_date(text: str) -> FirstAndLast:
    """Parse `2026`, `2026-03` or `2026-03-01`. Raises ValueError."""
    match = CALENDAR_DATE.fullmatch(text)
    if not match:
        raise ValueError(text)
    year, month, day = match.groups()
    first = date(int(year), int(month or 1), int(day or 1))  # a month or day 00 is text, so it is refused
    length = DAY if day else relativedelta(months=1) if month else relativedelta(years=1)
    return first, first + length - DAY
