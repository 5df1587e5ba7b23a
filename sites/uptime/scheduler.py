"""Rounds of checks: claim monitors that are due, check them concurrently, store the results, notify of incidents.

Claiming is compare-and-swap on `next_due`: one UPDATE moves it to the next regular time and stores the claim's id, so
that two workers never make the same check and the monitors of a killed worker are due again at that time.

No account delays another: each has a limited number of checks running, results are stored while other checks still run,
and monitors that become due meanwhile are claimed by the same round.
"""

from __future__ import annotations

import logging
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import cast

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.run_each import run_each
from sites.fair_rounds import FinishedJob, Job, Slots, choose_rows, run_fair_round
from sites.uptime.history import find_bucket
from sites.uptime.models import MAX_INTERVAL, Incident, Monitor, UptimeHour, WatchedPeriod
from sites.uptime.state_machine import CheckResult, MonitorStatus, StateName, Transition, apply_check, find_next_check
from sites.uptime.watched_time import KEEP_PERIODS, record_check

log = logging.getLogger(__name__)
MAX_RUNNING = 400  # checks that run at the same time
MAX_PER_ACCOUNT = 150
ROUND_SECONDS = 55.0  # after this a round claims no more rows; the next one may begin a little earlier
MAX_CAUSE_LENGTH = 200
CLOCK_TOLERANCE = timedelta(minutes=1)  # by which the clocks of several machines may differ
Check = Callable[[Monitor], Awaitable[CheckResult]]
Notify = Callable[[Incident], object]


def create_slots() -> Slots:
    return Slots(MAX_RUNNING, MAX_PER_ACCOUNT)


def claim_due(now: datetime, slots: Slots | None = None) -> list[Monitor]:
    """Claim monitors that are due, as far as there are slots; `next_due` is then already their next moment."""
    due = Monitor.objects.filter(enabled=True, next_due__lte=now, site__deleted=None)
    chosen = [key for key, _ in choose_rows(due, "site__account_id", "next_due", slots or create_slots())]
    if not chosen:
        return []
    claim_id = uuid.uuid4().hex
    with transaction.atomic():
        for key, interval, was_due in due.filter(pk__in=chosen).values_list("pk", "interval", "next_due"):
            next_due = find_next_check(key, interval, now)
            Monitor.objects.filter(pk=key, next_due=was_due).update(next_due=next_due, claim=claim_id)
    return load_claimed_monitors(claim_id)


def make_due_after_clock_change(now: datetime) -> int:
    """Make monitors due that were checked or scheduled while the clock was ahead; returns how many.

    Otherwise they would not be checked for as long as it was ahead.
    """
    ahead = Q(checked__gt=now + CLOCK_TOLERANCE) | Q(
        next_due__gt=now + timedelta(seconds=MAX_INTERVAL) + CLOCK_TOLERANCE
    )
    return Monitor.objects.filter(ahead, enabled=True).update(next_due=now, checked=now)


def load_claimed_monitors(claim_id: str) -> list[Monitor]:
    """Load the monitors of a claim, without those whose row cannot be read."""
    claimed = Monitor.objects.filter(claim=claim_id).select_related("site")
    try:
        return list(claimed)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        keys = list(claimed.values_list("pk", flat=True))
        return run_each(keys, lambda key: claimed.get(pk=key), what="Monitor")


async def run_check(monitor: Monitor, check: Check) -> CheckResult:
    """Run one check. If it raises, its result is not `conclusive`: that is not a failure of the monitored address."""
    try:
        return await check(monitor)
    except Exception as error:
        log.exception("The check of monitor %s failed", monitor.pk)
        return CheckResult(ok=False, cause=f"The check itself failed: {type(error).__name__}", conclusive=False)


def apply_result(monitor: Monitor, result: CheckResult, now: datetime) -> Transition:
    """Update a monitor (unsaved) with the result of a check; returns the transition."""
    status = MonitorStatus(cast(StateName, monitor.state), monitor.state_since, monitor.first_failure)
    transition = apply_check(status, result, now)
    monitor.state = transition.status.state
    monitor.state_since = transition.status.since
    monitor.first_failure = transition.status.first_failure
    monitor.cause = result.cause[:MAX_CAUSE_LENGTH]
    if result.conclusive:
        monitor.checked, monitor.milliseconds = now, result.milliseconds
    if result.ok or result.tls_expires:  # a failure without a response says nothing about the certificate
        monitor.tls_expires = result.tls_expires
    if transition.confirm_at:
        monitor.next_due = transition.confirm_at
    return transition


def write_incident(monitor: Monitor, transition: Transition, result: CheckResult) -> Incident | None:
    """Store the incident that a transition starts or ends, and return it; None if it does neither."""
    if transition.incident_start:
        defaults = {"start": transition.incident_start, "cause": result.cause[:MAX_CAUSE_LENGTH]}
        return Incident.objects.get_or_create(monitor=monitor, end=None, defaults=defaults)[0]
    if transition.incident_end:
        incident = Incident.objects.filter(monitor=monitor, end=None).first()
        if incident:
            incident.end = transition.incident_end
            incident.save(update_fields=["end"])
        return incident
    return None


STATE_FIELDS = [
    "state", "state_since", "first_failure", "checked", "milliseconds", "cause", "tls_expires", "watched_since",
]  # fmt: skip


CheckResults = Sequence[tuple[Monitor, CheckResult, datetime]]


def write_results(results: CheckResults) -> list[Incident]:
    """Store results of checks; returns the incidents that they started or ended, for notifications.

    Each result is applied to the monitor's present row; monitors that were deleted or paused meanwhile are left out.
    """
    with transaction.atomic():
        rows = Monitor.objects.select_for_update().filter(enabled=True)
        present = rows.in_bulk([monitor.pk for monitor, _, _ in results])
        present_results = [(present[row.pk], result, at) for row, result, at in results if row.pk in present]
        applied, ended_periods = apply_all(present_results)
        Monitor.objects.bulk_update(present.values(), STATE_FIELDS, batch_size=500)
        WatchedPeriod.objects.bulk_create(ended_periods, batch_size=500)
        unconfirmed = [monitor for monitor, transition, _ in applied if transition.confirm_at]
        Monitor.objects.bulk_update(unconfirmed, ["next_due"], batch_size=500)
        incidents = [write_incident(*row) for row in applied]
        add_to_hours([row for row in present_results if row[1].conclusive])
    return [incident for incident in incidents if incident]


def apply_all(results: CheckResults) -> tuple[list[tuple[Monitor, Transition, CheckResult]], list[WatchedPeriod]]:
    """Update monitors with results in order; returns transitions and ended watched periods. Nothing is saved."""
    applied, ended_periods = [], []
    for monitor, result, at in results:
        period = record_check(monitor, result, at)
        if period is not None:
            ended_periods.append(period)
        applied.append((monitor, apply_result(monitor, result, at), result))
    return applied, ended_periods


def add_to_hours(results: CheckResults) -> None:
    """Add results to the hours' histograms. Rows are locked in one order, so that two workers cannot deadlock."""
    by_hour: dict[tuple[int, datetime], list[CheckResult]] = defaultdict(list)
    for monitor, result, at in results:
        by_hour[monitor.pk, truncate_to_hour(at)].append(result)
    missing_rows = [UptimeHour(monitor_id=pk, hour=hour) for pk, hour in by_hour]
    UptimeHour.objects.bulk_create(missing_rows, ignore_conflicts=True, batch_size=500)
    monitors, hours = {key for key, _ in by_hour}, {hour for _, hour in by_hour}
    rows = UptimeHour.objects.select_for_update().filter(monitor__in=monitors, hour__in=hours).order_by("pk")
    changed = [row for row in rows if (row.monitor_id, row.hour) in by_hour]
    for row in changed:
        count_results(row, by_hour[row.monitor_id, row.hour])
    UptimeHour.objects.bulk_update(changed, ["checks", "failures", "histogram"], batch_size=500)


def truncate_to_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def build_hours(monitor: Monitor, results: Sequence[tuple[CheckResult, datetime]]) -> list[UptimeHour]:
    """Build the hours of a monitor that has none yet, unsaved."""
    by_hour: dict[datetime, list[CheckResult]] = defaultdict(list)
    for result, at in results:
        if result.conclusive:
            by_hour[truncate_to_hour(at)].append(result)
    rows = [UptimeHour(monitor=monitor, hour=hour) for hour in by_hour]
    for row in rows:
        count_results(row, by_hour[row.hour])
    return rows


def count_results(row: UptimeHour, results: Sequence[CheckResult]) -> None:
    for result in results:
        row.checks += 1
        if result.ok:
            index = str(find_bucket(result.milliseconds))
            row.histogram[index] = row.histogram.get(index, 0) + 1
        else:
            row.failures += 1


def record_and_notify(finished_jobs: list[FinishedJob[Monitor, CheckResult]], notify: Notify) -> None:
    """Store results and notify of incidents; notifications that fail now are repeated later."""
    results = [(finished_job.job.item, finished_job.result, finished_job.at) for finished_job in finished_jobs]
    try:
        incidents = write_results(results)
    except (OperationalError, InterfaceError):
        raise
    except Exception:  # one result cannot be stored: store them one by one
        log.exception("Results of checks are stored one by one")
        batches = run_each(results, lambda row: write_results([row]), what="Result of a check")
        incidents = [incident for batch in batches for incident in batch]
    run_each(incidents, notify, what="Incident")


def run_round(check: Check, notify: Notify, now: datetime | None = None) -> int:
    """Check monitors that are due or become due; returns the number of checks. Safe to run twice and concurrently."""

    def claim(slots: Slots, at: datetime) -> list[Job[Monitor]]:
        return [Job(monitor.site.account_id, monitor.pk, monitor) for monitor in claim_due(at, slots)]

    now = now or timezone.now()
    make_due_after_clock_change(now)
    return run_fair_round(
        claim=claim,
        work=partial(run_check, check=check),
        write=partial(record_and_notify, notify=notify),
        slots=create_slots(),
        seconds=ROUND_SECONDS,
        now=now,
    )


def delete_old_history(now: datetime, keep: timedelta = KEEP_PERIODS) -> int:
    """Delete response times and watched periods older than `keep`; returns the number of deleted rows."""
    periods, _ = WatchedPeriod.objects.filter(end__lt=now - keep).delete()
    return periods + UptimeHour.objects.filter(hour__lt=now - keep).delete()[0]
