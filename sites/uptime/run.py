"""One round of checks: claim what is due, ask side by side, judge, write down, tell.

Claiming is compare-and-swap on `next_due`: one UPDATE moves it to the next moment and leaves the claimer's word, so
two workers never ping twice and a killed worker's monitors come up again at their next moment.

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

from accounts.operations.run import run_each
from sites.fair_rounds import FinishedJob, Job, Slots, choose_rows, run_fair_round
from sites.uptime.history import bucket
from sites.uptime.models import LONGEST, Incident, Monitor, UptimeHour, WatchedPeriod
from sites.uptime.state import Change, Standing, Verdict, Word, judged, next_moment
from sites.uptime.watched import KEEP_PERIODS, record_check

log = logging.getLogger(__name__)
MAX_RUNNING = 400  # checks that run at the same time
MAX_PER_ACCOUNT = 150
ROUND_SECONDS = 55.0  # then a round claims nothing more; the next one may begin a little earlier
CLOCK_TOLERANCE = timedelta(minutes=1)  # by which the clocks of several machines may differ
Check = Callable[[Monitor], Awaitable[Verdict]]
Tell = Callable[[Incident], object]


def new_slots() -> Slots:
    return Slots(MAX_RUNNING, MAX_PER_ACCOUNT)


def claim_due(now: datetime, slots: Slots | None = None) -> list[Monitor]:
    """Claim monitors that are due, as far as there are slots; `next_due` is then already their next moment."""
    due = Monitor.objects.filter(enabled=True, next_due__lte=now, site__deleted=None)
    chosen = [key for key, _ in choose_rows(due, "site__account_id", "next_due", slots or new_slots())]
    if not chosen:
        return []
    word = uuid.uuid4().hex
    with transaction.atomic():
        for key, interval, was_due in due.filter(pk__in=chosen).values_list("pk", "interval", "next_due"):
            moved = next_moment(key, interval, now)
            Monitor.objects.filter(pk=key, next_due=was_due).update(next_due=moved, claim=word)
    return claimed_monitors(word)


def make_due_after_clock_change(now: datetime) -> int:
    """Make monitors due that were checked or planned by a clock that was ahead; returns how many.

    They would not be checked for as long as it was ahead.
    """
    ahead = Q(checked__gt=now + CLOCK_TOLERANCE) | Q(next_due__gt=now + timedelta(seconds=LONGEST) + CLOCK_TOLERANCE)
    return Monitor.objects.filter(ahead, enabled=True).update(next_due=now, checked=now)


def claimed_monitors(word: str) -> list[Monitor]:
    """The monitors with this claim, without those whose row cannot be read."""
    mine = Monitor.objects.filter(claim=word).select_related("site")
    try:
        return list(mine)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        keys = list(mine.values_list("pk", flat=True))
        return run_each(keys, lambda key: mine.get(pk=key), what="Monitor")


async def run_check(monitor: Monitor, check: Check) -> Verdict:
    """Run one check. A check that raises is not `made`: that is no failure of the monitored address."""
    try:
        return await check(monitor)
    except Exception as error:
        log.exception("The check of monitor %s failed", monitor.pk)
        return Verdict(False, cause=f"The check itself failed: {type(error).__name__}", made=False)


def apply(monitor: Monitor, verdict: Verdict, now: datetime) -> Change:
    """Move `monitor` by one verdict (unsaved) and say what that changed."""
    standing = Standing(cast(Word, monitor.state), monitor.state_since, monitor.first_failure)
    change = judged(standing, verdict, now)
    monitor.state = change.standing.word
    monitor.state_since = change.standing.since
    monitor.first_failure = change.standing.first_failure
    monitor.cause = verdict.cause[:200]
    if verdict.made:
        monitor.checked, monitor.milliseconds = now, verdict.milliseconds
    if verdict.ok or verdict.tls_expires:  # a failure without an answer says nothing about the certificate
        monitor.tls_expires = verdict.tls_expires
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


FIELDS = [
    "state", "state_since", "first_failure", "checked", "milliseconds", "cause", "tls_expires", "watched_since",
]  # fmt: skip


Results = Sequence[tuple[Monitor, Verdict, datetime]]


def write_results(results: Results) -> list[Incident]:
    """Store verdicts; returns the incidents that they opened or closed, to be notified of.

    Each verdict is applied to the monitor's present row; monitors that were deleted or paused meanwhile are left out.
    """
    with transaction.atomic():
        rows = Monitor.objects.select_for_update().filter(enabled=True)
        present = rows.in_bulk([monitor.pk for monitor, _, _ in results])
        found = [(present[row.pk], verdict, at) for row, verdict, at in results if row.pk in present]
        changed, ended = apply_all(found)
        Monitor.objects.bulk_update(present.values(), FIELDS, batch_size=500)
        WatchedPeriod.objects.bulk_create(ended, batch_size=500)
        unsure = [monitor for monitor, change, _ in changed if change.confirm_at]
        Monitor.objects.bulk_update(unsure, ["next_due"], batch_size=500)
        incidents = [write_change(monitor, change, verdict) for monitor, change, verdict in changed]
        add_to_hours([row for row in found if row[1].made])
    return [incident for incident in incidents if incident]


def apply_all(results: Results) -> tuple[list[tuple[Monitor, Change, Verdict]], list[WatchedPeriod]]:
    """Move monitors by their verdicts, in order (unsaved); the changes, and the watched periods that ended, unsaved."""
    changed, ended = [], []
    for monitor, verdict, at in results:
        period = record_check(monitor, verdict, at)
        if period is not None:
            ended.append(period)
        changed.append((monitor, apply(monitor, verdict, at), verdict))
    return changed, ended


def add_to_hours(results: Results) -> None:
    """Count a round into the hours' histograms; rows are locked in one order so that two workers cannot deadlock."""
    by_hour: dict[tuple[int, datetime], list[Verdict]] = defaultdict(list)
    for monitor, verdict, at in results:
        by_hour[monitor.pk, at.replace(minute=0, second=0, microsecond=0)].append(verdict)
    fresh = [UptimeHour(monitor_id=pk, hour=hour) for pk, hour in by_hour]
    UptimeHour.objects.bulk_create(fresh, ignore_conflicts=True, batch_size=500)
    monitors, hours = {key for key, _ in by_hour}, {hour for _, hour in by_hour}
    rows = UptimeHour.objects.select_for_update().filter(monitor__in=monitors, hour__in=hours).order_by("pk")
    touched = [row for row in rows if (row.monitor_id, row.hour) in by_hour]
    for row in touched:
        count_verdicts(row, by_hour[row.monitor_id, row.hour])
    UptimeHour.objects.bulk_update(touched, ["checks", "failures", "histogram"], batch_size=500)


def hours_of(monitor: Monitor, verdicts: Sequence[tuple[Verdict, datetime]]) -> list[UptimeHour]:
    """The hours of a monitor that has none yet, unsaved."""
    by_hour: dict[datetime, list[Verdict]] = defaultdict(list)
    for verdict, at in ((verdict, at) for verdict, at in verdicts if verdict.made):
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


def record_and_notify(done: list[FinishedJob[Monitor, Verdict]], tell: Tell) -> None:
    """Store results and notify of incidents; notifications that fail now are repeated later."""
    results = [(one.job.item, one.result, one.at) for one in done]
    try:
        incidents = write_results(results)
    except (OperationalError, InterfaceError):
        raise
    except Exception:  # one result cannot be stored: store them one by one
        log.exception("Results of checks are stored one by one")
        alone = run_each(results, lambda row: write_results([row]), what="Result of a check")
        incidents = [incident for part in alone for incident in part]
    run_each(incidents, tell, what="Incident")


def run_round(check: Check, tell: Tell, now: datetime | None = None) -> int:
    """Check monitors that are due or become due; returns the number of checks. Safe to run twice and concurrently."""

    def claim(slots: Slots, at: datetime) -> list[Job[Monitor]]:
        return [Job(monitor.site.account_id, monitor.pk, monitor) for monitor in claim_due(at, slots)]

    now = now or timezone.now()
    make_due_after_clock_change(now)
    return run_fair_round(
        claim=claim,
        work=partial(run_check, check=check),
        write=partial(record_and_notify, tell=tell),
        slots=new_slots(),
        seconds=ROUND_SECONDS,
        now=now,
    )


def forget_old_hours(now: datetime, keep: timedelta = KEEP_PERIODS) -> int:
    """Drop response times and watched periods older than `keep`; the number of rows dropped."""
    periods, _ = WatchedPeriod.objects.filter(end__lt=now - keep).delete()
    return periods + UptimeHour.objects.filter(hour__lt=now - keep).delete()[0]
