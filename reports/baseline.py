"""The usual value of a metric in a stretch of time: the median of the same local times on the same weekdays before."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil
from statistics import median
from zoneinfo import ZoneInfo

from reports.query import Period, Query, ask
from reports.query.filters import FilterInput

WEEKS = 4
WEEK = timedelta(days=7)


def query_metric(
    site_id: int, zone: str, metric: str, start: datetime, end: datetime, now: datetime, where: FilterInput = None
) -> float:
    """Return one metric of a site between two instants; None counts as zero."""
    result = ask(Query(sites=(site_id,), period=Period(start, end, zone), metrics=(metric,), where=where), now=now)
    return float(result.rows[0][metric] or 0)


def shift_local_time(moment: datetime, days: int, zone: str) -> datetime:
    """Return the same local time `days` earlier: a weekday's hour stays that hour when the clocks change."""
    local = moment.astimezone(ZoneInfo(zone))
    return (local - timedelta(days=days)).astimezone(moment.tzinfo)


def find_earlier_intervals(start: datetime, end: datetime, zone: str) -> list[tuple[datetime, datetime]]:
    """Return the same stretch in the four weeks before; one longer than a week is shifted until none overlaps it."""
    first = max(1, ceil((end - start) / WEEK))
    weeks = range(first, first + WEEKS)
    return [(shift_local_time(start, 7 * week, zone), shift_local_time(end, 7 * week, zone)) for week in weeks]


def find_usual_value(site_id: int, zone: str, metric: str, start: datetime, end: datetime, now: datetime) -> float:
    """Return the median of a metric in the four earlier stretches."""
    return median(
        query_metric(site_id, zone, metric, *stretch, now) for stretch in find_earlier_intervals(start, end, zone)
    )
