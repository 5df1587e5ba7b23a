"""The time that a monitor was watched, which availability is a share of.

A check covers the time until the next one is due. Checks without a gap between them make one period; a pause, a check
that was not made, or checks that did not come end it. The period that goes on is kept in the monitor's own row
(`watched_since`), so that a check costs no further write; a period that ended is a row of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from sites.uptime.models import Incident, Monitor, State, WatchedPeriod
from sites.uptime.state import Verdict

KEEP_PERIODS = timedelta(days=400)
MAX_LATENESS = timedelta(seconds=90)  # of a check: it waits for a slot, then for an answer, up to 30 seconds each
Interval = tuple[datetime, datetime]


def record_check(monitor: Monitor, verdict: Verdict, at: datetime) -> WatchedPeriod | None:
    """Count a check made at `at` into the monitor's watched time (unsaved), before the verdict is applied to it.
    Returns the period that this ended, unsaved."""
    if not verdict.made:
        return end_watching(monitor, at)
    ended = end_period(monitor, at) if at > covered_until(monitor) + MAX_LATENESS else None
    monitor.watched_since = monitor.watched_since or at
    return ended


def covered_until(monitor: Monitor) -> datetime:
    """When the next check is due after the last one that was made; without any, the beginning of time."""
    if monitor.checked is None:
        return datetime.min.replace(tzinfo=UTC)
    return monitor.checked + timedelta(seconds=monitor.interval)


def decided_until(monitor: Monitor) -> datetime:
    """Until when it is known whether the monitor was up: a failure that no second check has confirmed is neither."""
    covered = covered_until(monitor)
    if monitor.state == State.UNSURE and monitor.first_failure:
        return min(covered, monitor.first_failure)
    return covered


def end_watching(monitor: Monitor, at: datetime) -> WatchedPeriod | None:
    """End the period that goes on (unsaved), because no check follows that could confirm a failure. Returns it."""
    return end_period(monitor, min(at, decided_until(monitor)))


def end_period(monitor: Monitor, at: datetime) -> WatchedPeriod | None:
    """End the period that goes on (unsaved), at `at` or when the last check's time was over. Returns it, unsaved."""
    start, end = monitor.watched_since, min(at, covered_until(monitor))
    monitor.watched_since = None
    return WatchedPeriod(monitor=monitor, start=start, end=end) if start and start < end else None


def watched_intervals(monitor: Monitor, start: datetime, end: datetime) -> list[Interval]:
    """The parts of [start, end) that were watched, in order. `end` is not in the future."""
    rows = monitor.watched_periods.filter(start__lt=end, end__gt=start).order_by("start")
    present = Monitor.objects.only("watched_since", "checked", "interval", "state", "first_failure").get(pk=monitor.pk)
    periods = [*rows.values_list("start", "end"), *current_period(present, end)]
    return [(max(since, start), min(until, end)) for since, until in periods if since < end and until > start]


def current_period(monitor: Monitor, now: datetime) -> list[Interval]:
    """The period that goes on, up to `now`."""
    start, end = monitor.watched_since, min(now, decided_until(monitor))
    return [(start, end)] if start and start < end else []


def overlap(intervals: Iterable[Interval], start: datetime, end: datetime) -> float:
    """The seconds of [start, end) that lie inside the intervals, which do not overlap each other."""
    parts = (min(until, end) - max(since, start) for since, until in intervals)
    return sum(max(0.0, part.total_seconds()) for part in parts)


def annotate_recovery(incidents: QuerySet[Incident], now: datetime) -> QuerySet[Any]:
    """Annotate `recovered`: whether a check found the address up again, instead of a pause that ended the incident.

    The watched time goes on after such a check and ends with a pause. Of incidents older than the watched periods that
    are stored it is assumed.
    """
    watched_on = WatchedPeriod.objects.filter(
        monitor=OuterRef("monitor"), start__lte=OuterRef("end"), end__gt=OuterRef("end")
    )
    recovered = Exists(watched_on) | Q(monitor__watched_since__lte=F("end")) | Q(end__lt=now - KEEP_PERIODS)
    return incidents.annotate(recovered=recovered)
