"""How available a monitor was, and how fast: the figures of any stretch of time.

Availability is a share of the time that was watched (sites.uptime.watched): what nobody checked is neither up nor down.
Response times are kept as small histograms per hour: percentiles to within 5 %, a few hundred bytes an hour.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from django.db.models import Q

from sites.uptime.models import Incident, Monitor, UptimeHour
from sites.uptime.watched import Interval, overlap, watched_intervals

STEP = math.log(1.1)


def bucket(milliseconds: int) -> int:
    """The histogram's index of a response time."""
    return round(math.log(max(1, milliseconds)) / STEP)


def percentile(histogram: Mapping[str, int], share: float) -> int | None:
    """The response time in milliseconds that `share` (0 to 1) of the answers did not exceed; None without answers."""
    wanted = share * sum(histogram.values())
    reached = 0
    for index, count in sorted((int(index), count) for index, count in histogram.items()):
        reached += count
        if reached >= wanted:
            return round(math.exp(index * STEP))
    return None


@dataclass(frozen=True, kw_only=True)
class Span:
    """What is known of a stretch of time: checks, failures, percentiles in ms, seconds watched, of these down."""

    start: datetime
    checks: int
    failures: int
    p50: int | None
    p95: int | None
    p99: int | None
    seconds_down: float
    seconds_watched: float

    @property
    def availability(self) -> float | None:
        """Percent of the watched time that it was not down; None where no time was watched."""
        return availability_of([self])


def availability_of(spans: Iterable[Span]) -> float | None:
    """Percent of the watched time of all spans that it was not down; None where no time was watched."""
    rows = list(spans)
    watched, down = sum(row.seconds_watched for row in rows), sum(row.seconds_down for row in rows)
    return 100 * (1 - down / watched) if watched else None


def merged(histograms: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for histogram in histograms:
        total.update(histogram)
    return total


def down_intervals(incidents: Iterable[Incident], watched: Iterable[Interval]) -> list[Interval]:
    """The parts of the watched time that lie inside incidents; an open one has no end."""
    watched = list(watched)
    parts = ((max(i.start, since), min(i.end or until, until)) for i in incidents for since, until in watched)
    return [(start, end) for start, end in parts if start < end]


def days(monitor: Monitor, *, now: datetime, zone: str, count: int = 90) -> list[Span]:
    """The last `count` calendar days of `zone`, oldest first; days of 23 and 25 hours keep their length."""
    tz = ZoneInfo(zone)
    today = now.astimezone(tz).date()
    starts = [midnight(today - timedelta(days=back), tz) for back in range(count - 1, -1, -1)]
    return spans_between(monitor, [*starts, now])


def midnight(day: date, tz: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=tz).astimezone(ZoneInfo("UTC"))


def spans_between(monitor: Monitor, edges: Sequence[datetime]) -> list[Span]:
    """The figures between each two of the edges, which are in order; the last one is not in the future. This is what
    every page, API and mail shows."""
    hours = list(monitor.hours.filter(hour__gte=edges[0], hour__lt=edges[-1]).order_by("hour"))
    overlapping = Q(end__isnull=True) | Q(end__gt=edges[0])
    incidents = monitor.incidents.filter(overlapping, start__lt=edges[-1])
    watched = watched_intervals(monitor, edges[0], edges[-1])
    down = down_intervals(incidents, watched)
    return [span(hours, watched, down, start, end) for start, end in pairwise(edges)]


def span(
    hours: list[UptimeHour], watched: list[Interval], down: list[Interval], start: datetime, end: datetime
) -> Span:
    inside = [hour for hour in hours if start <= hour.hour < end]
    histogram = merged(hour.histogram for hour in inside)
    return Span(
        start=start,
        checks=sum(hour.checks for hour in inside),
        failures=sum(hour.failures for hour in inside),
        p50=percentile(histogram, 0.5),
        p95=percentile(histogram, 0.95),
        p99=percentile(histogram, 0.99),
        seconds_down=overlap(down, start, end),
        seconds_watched=overlap(watched, start, end),
    )
