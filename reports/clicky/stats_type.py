"""What every type of the Stats API has: its names, the longest range of days, how its block is built, an example."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from reports.clicky.dates import Dates
from reports.clicky.outputs import DateEntry, Item
from reports.clicky.stats_request import StatsRequest

MAX_DAYS = 750
MAX_DAILY_DAYS = 100  # with daily=1
MAX_LIST_DAYS = 31  # of lists, segmentation and hourly results
BuildItems = Callable[[StatsRequest, Dates], list[Item]]


@dataclass(frozen=True)
class StatsType:
    """A type: a row of one of the lists that `types.py` puts together. Subclasses define what its items are.

    `example` is an item as the documentation shows it, or the title of one; `group` a heading of the documentation.
    """

    name: str
    aliases: tuple[str, ...] = field(default=(), kw_only=True)
    example: str | Item = field(default="", kw_only=True)
    group: str = field(default="Lists by number, largest first", kw_only=True)
    max_days: ClassVar[int] = MAX_DAYS
    max_daily_days: ClassVar[int] = MAX_DAILY_DAYS

    def build(self, request: StatsRequest) -> list[DateEntry]:
        """Build an entry with items for each of the request's dates.

        A day that the zone skipped is empty among others, as it is 0 in numbers; alone it is refused.
        """
        return [
            DateEntry(day.label, [] if day.is_skipped and day != request.dates else self.build_items(request, day))
            for day in self.list_days(request)
        ]

    def list_days(self, request: StatsRequest) -> list[Dates]:
        """List the dates that get an entry each."""
        return request.days

    def build_items(self, request: StatsRequest, dates: Dates) -> list[Item]:
        """Build one page of the items of these dates together. A type without data has none."""
        return []

    def build_example(self) -> list[Item]:
        """Build the items that the documentation shows."""
        if not isinstance(self.example, str):
            return [self.example]
        link = "https://stats.example.org/sites/101000001/?period=2026-03-01..2026-03-01"
        item = {"value": "6", "value_percent": "66.7", "title": self.example, "stats_url": link}
        return [item] if self.example else []


@dataclass(frozen=True)
class PagedType(StatsType):
    """A type with a function that builds a page of its items."""

    build_page: BuildItems

    def build_items(self, request: StatsRequest, dates: Dates) -> list[Item]:
        return self.build_page(request, dates)
