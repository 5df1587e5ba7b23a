"""One round of checks: claim what is due, ask side by side, judge, write down, tell.

Claiming is compare-and-swap on `next_due`: one UPDATE moves it to the next moment and leaves the claimer's word, so
two workers never ping twice and a killed worker's monitors come up again at their next moment.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import cast

from django.db import transaction
from django.utils import timezone

from sites.uptime.history import bucket
from sites.uptime.models import Incident, Monitor, UptimeHour
from sites.uptime.state import Change, Standing, Verdict, Word, judged, next_moment

AT_ONCE = 200  # checks under way at the same time
MOST = 4000  # monitors claimed by one round
Check = Callable[[Monitor], Awaitable[Verdict]]
Tell = Callable[[Incident], object]


def claim_due(now: datetime, most: int = MOST) -> list[Monitor]:
    """The monitors that are due and now ours alone; `next_due` is already their next regular moment."""
    word = uuid.uuid4().hex
    due = list(Monitor.objects.filter(enabled=True, next_due__lte=now).order_by("next_due")[:most])
    with transaction.atomic():
        for monitor in due:
            moved = next_moment(monitor.pk, monitor.interval, now)
            Monitor.objects.filter(pk=monitor.pk, next_due=monitor.next_due).update(next_due=moved, claim=word)
    return list(Monitor.objects.filter(claim=word).select_related("site"))


async def check_all(monitors: Sequence[Monitor], check: Check) -> list[tuple[Monitor, Verdict, datetime]]:
    """Every monitor's verdict and the moment it was reached; one that breaks the checker is a failure, not a crash."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(monitor: Monitor) -> tuple[Monitor, Verdict, datetime]:
        async with gate:
            try:
                verdict = await check(monitor)
            except Exception as error:
                verdict = Verdict(False, cause=f"The check itself failed: {type(error).__name__}")
        return monitor, verdict, timezone.now()

    return list(await asyncio.gather(*(one(monitor) for monitor in monitors)))


def apply(monitor: Monitor, verdict: Verdict, now: datetime) -> Change:
    """Move `monitor` by one verdict (unsaved) and say what that changed."""
    standing = Standing(cast(Word, monitor.state), monitor.state_since, monitor.first_failure)
    change = judged(standing, verdict, now)
    monitor.state = change.standing.word
    monitor.state_since = change.standing.since
    monitor.first_failure = change.standing.first_failure
    monitor.checked, monitor.milliseconds, monitor.cause = now, verdict.milliseconds, verdict.cause[:200]
    monitor.tls_expires = verdict.tls_expires or monitor.tls_expires
    if change.confirm_at:
        monitor.next_due = change.confirm_at
    return change


def write_change(monitor: Monitor, change: Change, verdict: Verdict) -> Incident | None:
    """The incident that `change` opened or closed, stored; None when it did neither."""
    if change.went_down:
        incident, _ = Incident.objects.get_or_create(
            monitor=monitor, end=None, defaults={"start": change.went_down, "cause": verdict.cause[:200]}
        )
        return incident
    if change.came_up:
        incident_open = Incident.objects.filter(monitor=monitor, end=None).first()
        if incident_open:
            incident_open.end = change.came_up
            incident_open.save(update_fields=["end"])
        return incident_open
    return None


FIELDS = ["state", "state_since", "first_failure", "checked", "milliseconds", "cause", "tls_expires"]


def write_results(results: Sequence[tuple[Monitor, Verdict, datetime]]) -> list[Incident]:
    """Store a round's verdicts; the incidents it opened or closed, for telling."""
    changed = [(monitor, apply(monitor, verdict, at), verdict) for monitor, verdict, at in results]
    with transaction.atomic():
        Monitor.objects.bulk_update([monitor for monitor, _, _ in changed], FIELDS, batch_size=500)
        unsure = [monitor for monitor, change, _ in changed if change.confirm_at]
        Monitor.objects.bulk_update(unsure, ["next_due"], batch_size=500)
        incidents = [write_change(monitor, change, verdict) for monitor, change, verdict in changed]
        add_to_hours(results)
    return [incident for incident in incidents if incident]


def add_to_hours(results: Sequence[tuple[Monitor, Verdict, datetime]]) -> None:
    """Count a round into the hours' histograms; rows are locked in one order so that two workers cannot deadlock."""
    by_hour: dict[tuple[int, datetime], list[Verdict]] = defaultdict(list)
    for monitor, verdict, at in results:
        by_hour[monitor.pk, at.replace(minute=0, second=0, microsecond=0)].append(verdict)
    fresh = [UptimeHour(monitor_id=pk, hour=hour) for pk, hour in by_hour]
    UptimeHour.objects.bulk_create(fresh, ignore_conflicts=True, batch_size=500)
    keys = {hour for _, hour in by_hour}
    rows = UptimeHour.objects.select_for_update().filter(hour__in=keys).order_by("pk")
    touched = [row for row in rows if (row.monitor_id, row.hour) in by_hour]
    for row in touched:
        count_verdicts(row, by_hour[row.monitor_id, row.hour])
    UptimeHour.objects.bulk_update(touched, ["checks", "failures", "histogram"], batch_size=500)


def hours_of(monitor: Monitor, verdicts: Sequence[tuple[Verdict, datetime]]) -> list[UptimeHour]:
    """The hours of a monitor that has none yet, unsaved."""
    by_hour: dict[datetime, list[Verdict]] = defaultdict(list)
    for verdict, at in verdicts:
        by_hour[at.replace(minute=0, second=0, microsecond=0)].append(verdict)
    rows = [UptimeHour(monitor=monitor, hour=hour) for hour in by_hour]
    for row in rows:
        count_verdicts(row, by_hour[row.hour])
    return rows


def count_verdicts(row: UptimeHour, verdicts: Sequence[Verdict]) -> None:
    for verdict in verdicts:
        row.checks += 1
        if verdict.ok:
            index = str(bucket(verdict.milliseconds))
            row.histogram[index] = row.histogram.get(index, 0) + 1
        else:
            row.failures += 1


def run_round(check: Check, tell: Tell, now: datetime | None = None) -> int:
    """Check everything that is due; the number of checks made. Safe to run twice and side by side."""
    monitors = claim_due(now or timezone.now())
    if monitors:
        for incident in write_results(asyncio.run(check_all(monitors, check))):
            tell(incident)
    return len(monitors)


def forget_old_hours(now: datetime, keep: timedelta = timedelta(days=400)) -> int:
    """Drop response times older than `keep`; the number of rows dropped."""
    return UptimeHour.objects.filter(hour__lt=now - keep).delete()[0]
