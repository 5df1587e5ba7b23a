"""Response times kept as small histograms per hour: percentiles to within 5 %, a few hundred bytes an hour."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from django.db.models import Q

from sites.uptime.models import Incident, Monitor, UptimeHour

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


@dataclass(frozen=True)
class Span:
    """What is known of a stretch of time: checks, failures, percentiles in ms, seconds down."""

    start: datetime
    checks: int
    failures: int
    p50: int | None
    p95: int | None
    p99: int | None
    seconds_down: float
    seconds: float

    @property
    def availability(self) -> float | None:
        """Percent of the time not down; None where nothing was checked."""
        return None if not self.checks else 100 * (1 - self.seconds_down / self.seconds)


def merged(histograms: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for histogram in histograms:
        total.update(histogram)
    return total


def seconds_down(incidents: Iterable[Incident], start: datetime, end: datetime) -> float:
    """Seconds of [start, end) that lie inside incidents; an open one lasts until `end`."""
    overlaps = (min(i.end or end, end) - max(i.start, start) for i in incidents)
    return sum(max(0.0, overlap.total_seconds()) for overlap in overlaps)


def spans(monitor: Monitor, start: datetime, end: datetime, step: timedelta) -> list[Span]:
    """The time from `start` to `end` cut into pieces of `step`, each with its figures."""
    edges = [start]
    while edges[-1] < end:
        edges.append(min(edges[-1] + step, end))
    return spans_between(monitor, edges)


def days(monitor: Monitor, *, now: datetime, zone: str, count: int = 90) -> list[Span]:
    """The last `count` calendar days of `zone`, oldest first; days of 23 and 25 hours keep their length."""
    tz = ZoneInfo(zone)
    today = now.astimezone(tz).date()
    starts = [midnight(today - timedelta(days=back), tz) for back in range(count - 1, -1, -1)]
    return spans_between(monitor, [*starts, now])


def midnight(day: date, tz: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=tz).astimezone(ZoneInfo("UTC"))


def spans_between(monitor: Monitor, edges: list[datetime]) -> list[Span]:
    hours = list(monitor.hours.filter(hour__gte=edges[0], hour__lt=edges[-1]).order_by("hour"))
    overlapping = Q(end__isnull=True) | Q(end__gt=edges[0])
    incidents = list(monitor.incidents.filter(overlapping, start__lt=edges[-1]))
    return [span(hours, incidents, start, end) for start, end in pairwise(edges)]


def span(hours: list[UptimeHour], incidents: list[Incident], start: datetime, end: datetime) -> Span:
    inside = [hour for hour in hours if start <= hour.hour < end]
    histogram = merged(hour.histogram for hour in inside)
    return Span(
        start=start,
        checks=sum(hour.checks for hour in inside),
        failures=sum(hour.failures for hour in inside),
        p50=percentile(histogram, 0.5),
        p95=percentile(histogram, 0.95),
        p99=percentile(histogram, 0.99),
        seconds_down=seconds_down(incidents, start, end),
        seconds=max(1.0, (end - start).total_seconds()),
    )
