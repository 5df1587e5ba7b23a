"""The watched time of a monitor; availability is a share of it.

A check covers the time until the next one is due. Checks without a gap between them form one period; it ends with a
pause, a check that was not made, or a check that is overdue. The current period is stored in the monitor's own row
(`watched_since`), so that a check needs no further write; a period that has ended is a row of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from sites.uptime.models import Incident, Monitor, MonitorState, WatchedPeriod
from sites.uptime.state_machine import CheckResult

KEEP_PERIODS = timedelta(days=400)
MAX_LATENESS = timedelta(seconds=90)  # of a check: it may wait 30 seconds for a slot and 30 for the response
Interval = tuple[datetime, datetime]


def record_check(monitor: Monitor, result: CheckResult, at: datetime) -> WatchedPeriod | None:
    """Add a check made at `at` to the monitor's watched time (unsaved), before its result is applied to the monitor.

    Returns the period that it ended, if it did, unsaved.
    """
    if not result.conclusive:
        return end_watching(monitor, at)
    ended = end_period(monitor, at) if at > find_covered_until(monitor) + MAX_LATENESS else None
    monitor.watched_since = monitor.watched_since or at
    return ended


def find_covered_until(monitor: Monitor) -> datetime:
    """Return when the next check is due after the last one that was made; the earliest datetime if there was none."""
    if monitor.checked is None:
        return datetime.min.replace(tzinfo=UTC)
    return monitor.checked + timedelta(seconds=monitor.interval)


def find_decided_until(monitor: Monitor) -> datetime:
    """Return the time up to which the monitor was certainly up or down; after an unconfirmed failure it is unknown."""
    covered = find_covered_until(monitor)
    if monitor.state == MonitorState.UNSURE and monitor.first_failure:
        return min(covered, monitor.first_failure)
    return covered


def end_watching(monitor: Monitor, at: datetime) -> WatchedPeriod | None:
    """End the current period because no check follows that could confirm a failure; returns it, unsaved."""
    return end_period(monitor, min(at, find_decided_until(monitor)))


def end_period(monitor: Monitor, at: datetime) -> WatchedPeriod | None:
    """End the current period at `at`, or when the time that the last check covers was over; returns it, unsaved."""
    start, end = monitor.watched_since, min(at, find_covered_until(monitor))
    monitor.watched_since = None
    return WatchedPeriod(monitor=monitor, start=start, end=end) if start and start < end else None


def load_watched_intervals(
    monitors: Sequence[Monitor], start: datetime, end: datetime
) -> defaultdict[int, list[Interval]]:
    """Return the watched parts of [start, end) by monitor, in order. `end` must not be in the future."""
    rows = WatchedPeriod.objects.filter(monitor__in=monitors, start__lt=end, end__gt=start).order_by("start")
    fields = ("watched_since", "checked", "interval", "state", "first_failure")
    current_rows = Monitor.objects.only(*fields).filter(pk__in=[monitor.pk for monitor in monitors])
    periods = [
        *rows.values_list("monitor_id", "start", "end"),
        # not from the given rows: a round may have written them meanwhile
        *((row.pk, since, until) for row in current_rows for since, until in find_current_period(row, end)),
    ]
    intervals = defaultdict[int, list[Interval]](list)
    for monitor_id, since, until in periods:
        if since < end and until > start:
            intervals[monitor_id].append((max(since, start), min(until, end)))
    return intervals


def find_current_period(monitor: Monitor, now: datetime) -> list[Interval]:
    """Return the current period up to `now`; an empty list if there is none."""
    start, end = monitor.watched_since, min(now, find_decided_until(monitor))
    return [(start, end)] if start and start < end else []


def sum_overlap(intervals: Iterable[Interval], start: datetime, end: datetime) -> float:
    """Return the seconds of [start, end) inside the intervals, which must not overlap each other."""
    parts = (min(until, end) - max(since, start) for since, until in intervals)
    return sum(max(0.0, part.total_seconds()) for part in parts)


def annotate_recovery(incidents: QuerySet[Incident], now: datetime) -> QuerySet[Any]:
    """Annotate `recovered`: whether a check found the address up again, instead of a pause that ended the incident.

    The watched time continues after such a check and ends with a pause. Incidents older than the stored watched
    periods count as recovered.
    """
    watched_on = WatchedPeriod.objects.filter(
        monitor=OuterRef("monitor"), start__lte=OuterRef("end"), end__gt=OuterRef("end")
    )
    recovered = Exists(watched_on) | Q(monitor__watched_since__lte=F("end")) | Q(end__lt=now - KEEP_PERIODS)
    return incidents.annotate(recovered=recovered)
