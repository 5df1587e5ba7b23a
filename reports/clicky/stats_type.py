"""What every type of the Stats API has: its names, the longest range of days, how its block is built, an example."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from reports.clicky.dates import Dates
from reports.clicky.outputs import DateEntry, Item, TypeBlock
from reports.clicky.stats_request import StatsRequest

MAX_DAYS = 750
MAX_DAILY_DAYS = 100  # with daily=1
MAX_LIST_DAYS = 31  # of lists, segmentation and hourly results


@dataclass(frozen=True)
class StatsType:
    """A type: a row of one of the lists that `types.py` puts together. Subclasses define what its items are.

    `example` is an item as the documentation shows it, or the title of one.
    """

    name: str
    aliases: tuple[str, ...] = field(default=(), kw_only=True)
    example: str | Item = field(default="", kw_only=True)
    group: ClassVar[str] = "Lists by number, largest first"  # a heading of the documentation
    max_days: ClassVar[int] = MAX_DAYS
    max_daily_days: ClassVar[int] = MAX_DAILY_DAYS

    def build(self, request: StatsRequest) -> TypeBlock:
        """Build the block: an entry with items for each of the request's dates."""
        return TypeBlock(self.name, [DateEntry(day.label, self.build_items(request, day)) for day in request.days])

    def build_items(self, request: StatsRequest, dates: Dates) -> list[Item]:
        """Build the items of these dates together. A type without data has none."""
        return []

    def build_example(self) -> list[Item]:
        """Build the items that the documentation shows."""
        if not isinstance(self.example, str):
            return [self.example]
        link = "https://stats.example.org/sites/101000001/?period=2026-03-01..2026-03-01"
        item = {"value": "6", "value_percent": "66.7", "title": self.example, "stats_url": link}
        return [item] if self.example else []
