"""What a stretch of time usually has: the median of the same clock times on the same weekdays before."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from reports.engine import Period, Query, ask

WEEKS = 4
WEEK = timedelta(days=7)


def measure(
    site_id: int, zone: str, metric: str, start: datetime, end: datetime, now: datetime, where: Any = None
) -> float:
    """One number of a site between two moments; None counts as zero."""
    result = ask(Query(sites=(site_id,), period=Period(start, end, zone), metrics=(metric,), where=where), now=now)
    return float(result.rows[0][metric] or 0)


def local_shift(moment: datetime, days: int, zone: str) -> datetime:
    """The same clock time `days` earlier in `zone`: a weekday's hour stays that hour when the clocks change."""
    local = moment.astimezone(ZoneInfo(zone))
    return (local - timedelta(days=days)).astimezone(moment.tzinfo)


def earlier(start: datetime, end: datetime, zone: str) -> list[tuple[datetime, datetime]]:
    """The same stretch in the four weeks before; one of more than a week is laid so that it does not meet itself."""
    first = max(1, ceil((end - start) / WEEK))
    weeks = range(first, first + WEEKS)
    return [(local_shift(start, 7 * week, zone), local_shift(end, 7 * week, zone)) for week in weeks]


def usual(site_id: int, zone: str, metric: str, start: datetime, end: datetime, now: datetime) -> float:
    """The median of the metric in the four earlier stretches."""
    return median(measure(site_id, zone, metric, *each, now) for each in earlier(start, end, zone))
