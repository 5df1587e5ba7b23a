"""Clicky's dates: `today`, `2-days-ago`, `last-7-days`, `this-month`, `2026-03-01`, `2026-03-01,2026-03-31` …"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from reports.clicky.errors import ClickyError
from reports.engine import Period, QueryRefused
from reports.engine.period import FIRST, LAST, monday, months_ago, zone_of

DAY = timedelta(days=1)
MOST_NUMBER = 4  # digits of N in last-N-days


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
    def count(self) -> int:
        return (self.last - self.first).days + 1

    def period(self) -> Period:
        """The instants."""
        return Period.days(self.first, self.last + DAY, self.zone)

    def each(self) -> list[Dates]:
        """One for each day, newest first."""
        return [Dates(self.last - n * DAY, self.last - n * DAY, self.zone) for n in range(self.count)]


Span = tuple[date, date]
NAMED: dict[str, Callable[[date], Span]] = {
    "today": lambda day: (day, day),
    "yesterday": lambda day: (day - DAY, day - DAY),
    "this-week": lambda day: (monday(day), day),
    "last-week": lambda day: (monday(day) - 7 * DAY, monday(day) - DAY),
    "this-month": lambda day: (months_ago(day, 0), day),
    "last-month": lambda day: (months_ago(day, 1), months_ago(day, 0) - DAY),
    "this-year": lambda day: (date(day.year, 1, 1), day),
    "last-year": lambda day: (date(day.year - 1, 1, 1), date(day.year - 1, 12, 31)),
}
NUMBERED: dict[str, Callable[[date, int], Span]] = {
    r"(\d+)-days?-ago": lambda day, n: (day - n * DAY, day - n * DAY),
    r"last-(\d+)-days?": lambda day, n: (day - (max(n, 1) - 1) * DAY, day),
    r"previous-(\d+)-days?": lambda day, n: (day - max(n, 1) * DAY, day - DAY),
}
EXAMPLES = "today, yesterday, 3-days-ago, last-7-days, this-month, 2026-03-01 or 2026-03-01,2026-03-31"
WRITTEN = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?", re.ASCII)


def parse(text: str, zone: str, now: datetime) -> Dates:
    """The days called `text`. Raises ClickyError for a word or day that is none, or outside the years 1970 to 2099.

    Keywords are also known in the plural (`this-months`), as a client sends them.
    """
    today = now.astimezone(zone_of(zone)).date()
    try:
        first, last = span(text.strip().lower(), today)
    except (ValueError, OverflowError, QueryRefused):
        raise invalid(text) from None
    if last < first:
        first, last = last, first
    if first < FIRST.date() or last >= LAST.date():
        raise invalid(text)
    return Dates(first, last, zone)


def invalid(text: str) -> ClickyError:
    return ClickyError(f"Invalid date: {text[:40]}. Use one such as {EXAMPLES}.")


def span(text: str, today: date) -> Span:
    """First and last day. Raises ValueError, OverflowError or QueryRefused."""
    if named := NAMED.get(text) or NAMED.get(text.removesuffix("s")):
        return named(today)
    for pattern, days in NUMBERED.items():
        if (found := re.fullmatch(pattern, text, re.ASCII)) and len(found[1]) <= MOST_NUMBER:
            return days(today, int(found[1]))
    first, _, last = text.partition(",")
    if WRITTEN.fullmatch(first.strip()):
        return written(first.strip())[0], written((last or first).strip())[1]
    raise ValueError(text)


def written(text: str) -> Span:
    """`2026`, `2026-03` and `2026-03-01`. Raises ValueError."""
    found = WRITTEN.fullmatch(text)
    if not found:
        raise ValueError(text)
    year, month, day = (int(part) if part else 0 for part in found.groups())
    if day:
        return date(year, month, day), date(year, month, day)
    if month:
        first = date(year, month, 1)
        return first, months_ago(first + 31 * DAY, 0) - DAY
    return date(year, 1, 1), date(year, 12, 31)
