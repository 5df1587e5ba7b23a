"""Availability and response times of a monitor in any period, and what its incidents cost.

Availability is a share of the watched time (sites.uptime.watched_time): time without checks is neither up nor down.
Response times are stored as a histogram per hour of a few hundred bytes, which gives percentiles to within 5 %.
Costs are estimated by a higher app, which registers its function here.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from django.db.models import Q

from sites.uptime.models import Incident, Monitor, UptimeHour
from sites.uptime.watched_time import Interval, load_watched_intervals, sum_overlap

BUCKET_STEP = math.log(1.1)  # a bucket reaches up to 10 % further than the one before
CostEstimator = Callable[[Iterable[Incident]], Mapping[int, object]]
_estimators: list[CostEstimator] = []


def find_bucket(milliseconds: int) -> int:
    """Return the index of a response time in the histogram."""
    return round(math.log(max(1, milliseconds)) / BUCKET_STEP)


def compute_percentile(histogram: Mapping[str, int], share: float) -> int | None:
    """Return the response time in ms that `share` (0 to 1) of the responses did not exceed; None without responses."""
    rank = share * sum(histogram.values())
    cumulated = 0
    for index, count in sorted((int(index), count) for index, count in histogram.items()):
        cumulated += count
        if cumulated >= rank:
            return round(math.exp(index * BUCKET_STEP))
    return None


@dataclass(frozen=True, kw_only=True)
class UptimeFigures:
    """The figures of a period: checks, failures, percentiles in ms, watched seconds, and how many of them down."""

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
        """The percentage of the watched time in which it was not down; None if no time was watched."""
        return compute_availability([self])


def compute_availability(periods: Iterable[UptimeFigures]) -> float | None:
    """Return the percentage of the watched time of all periods without downtime; None if no time was watched."""
    rows = list(periods)
    watched, down = sum(row.seconds_watched for row in rows), sum(row.seconds_down for row in rows)
    return 100 * (1 - down / watched) if watched else None


def merge_histograms(histograms: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for histogram in histograms:
        total.update(histogram)
    return total


def find_down_intervals(incidents: Iterable[Incident], watched: Iterable[Interval]) -> list[Interval]:
    """Return the parts of the watched time inside incidents; an open incident has no end."""
    watched = list(watched)
    parts = (
        (max(incident.start, since), min(incident.end or until, until))
        for incident in incidents
        for since, until in watched
    )
    return [(start, end) for start, end in parts if start < end]


def compute_daily_uptime(monitor: Monitor, *, now: datetime, zone: str, count: int = 90) -> list[UptimeFigures]:
    """Compute the figures of the last `count` calendar days of `zone`, oldest first."""
    return compute_uptime(monitor, find_day_edges(now, zone, count))


def find_day_edges(now: datetime, zone: str, count: int = 90) -> list[datetime]:
    """Return the edges of the last `count` calendar days of `zone` up to now; days may have 23 or 25 hours."""
    tz = ZoneInfo(zone)
    today = now.astimezone(tz).date()
    return [*(find_midnight(today - timedelta(days=back), tz) for back in range(count - 1, -1, -1)), now]


def find_midnight(day: date, tz: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=tz).astimezone(ZoneInfo("UTC"))


def compute_uptime(monitor: Monitor, edges: Sequence[datetime]) -> list[UptimeFigures]:
    """Compute the figures of one monitor, see `compute_uptime_of_each`."""
    return compute_uptime_of_each([monitor], edges)[monitor.pk]


def compute_uptime_of_each(monitors: Sequence[Monitor], edges: Sequence[datetime]) -> dict[int, list[UptimeFigures]]:
    """Compute the figures between each two consecutive edges by monitor, for every page, API and mail.

    The edges must be in order, and the last one must not be in the future.
    """
    rows = UptimeHour.objects.filter(monitor__in=monitors, hour__gte=edges[0], hour__lt=edges[-1]).order_by("hour")
    overlapping = Q(end__isnull=True) | Q(end__gt=edges[0])
    incidents, hours = defaultdict[int, list[Incident]](list), defaultdict[int, list[UptimeHour]](list)
    for incident in Incident.objects.filter(overlapping, monitor__in=monitors, start__lt=edges[-1]):
        incidents[incident.monitor_id].append(incident)
    for row in rows:
        hours[row.monitor_id].append(row)
    watched = load_watched_intervals(monitors, edges[0], edges[-1])
    down = {pk: find_down_intervals(incidents[pk], watched[pk]) for pk in [monitor.pk for monitor in monitors]}
    return {
        pk: [compute_figures(hours[pk], watched[pk], down[pk], start, end) for start, end in pairwise(edges)]
        for pk in down
    }


def measure_watched_time(monitors: Sequence[Monitor], start: datetime, end: datetime) -> dict[int, tuple[float, float]]:
    """Measure the seconds of [start, end) that were watched, and how many of them down, by monitor.

    It reads no response times, so it is for lists of many monitors. `end` must not be in the future.
    """
    overlapping = Q(end__isnull=True) | Q(end__gt=start)
    incidents = defaultdict[int, list[Incident]](list)
    for incident in Incident.objects.filter(overlapping, monitor__in=monitors, start__lt=end):
        incidents[incident.monitor_id].append(incident)
    watched = load_watched_intervals(monitors, start, end)
    down = {monitor.pk: find_down_intervals(incidents[monitor.pk], watched[monitor.pk]) for monitor in monitors}
    return {pk: (sum_overlap(watched[pk], start, end), sum_overlap(down[pk], start, end)) for pk in down}


def compute_figures(
    hours: list[UptimeHour], watched: list[Interval], down: list[Interval], start: datetime, end: datetime
) -> UptimeFigures:
    """Compute the figures of [start, end) from rows and intervals that include it."""
    inside = [hour for hour in hours if start <= hour.hour < end]
    histogram = merge_histograms(hour.histogram for hour in inside)
    return UptimeFigures(
        start=start,
        checks=sum(hour.checks for hour in inside),
        failures=sum(hour.failures for hour in inside),
        p50=compute_percentile(histogram, 0.5),
        p95=compute_percentile(histogram, 0.95),
        p99=compute_percentile(histogram, 0.99),
        seconds_down=sum_overlap(down, start, end),
        seconds_watched=sum_overlap(watched, start, end),
    )


def register_cost_estimator(estimator: CostEstimator) -> None:
    """Register a function that returns costs by incident id, each an object with `short` and `sentence`."""
    _estimators.append(estimator)


def add_costs(incidents: Iterable[Incident]) -> list[Incident]:
    """Return the incidents, each with its `cost`; None for an incident without one."""
    rows = list(incidents)
    costs: dict[int, object] = {}
    for estimate in _estimators:
        costs.update(estimate(rows))
    for row in rows:
        row.cost = costs.get(row.pk)  # type: ignore[attr-defined]
    return rows
