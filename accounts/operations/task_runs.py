"""Run a periodic task once at a time over all workers, and record its outcome.

A worker claims a task by a lease of LEASE_DURATION, which a thread renews while the task runs. So a worker that is
killed delays its task by LEASE_DURATION at most, and a task that takes minutes is not started twice. Tasks tolerate
running twice: the lease saves work, correctness does not depend on it.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TypedDict

from django.db import DatabaseError, connection
from django.db.models import F, Q

from accounts.operations.models import TaskRun

log = logging.getLogger(__name__)
MAX_DURATION = timedelta(minutes=10)
NO_INTERVAL = timedelta(0)
LEASE_DURATION = timedelta(seconds=20)
RENEWAL_SECONDS = 5.0


class RunSummary(TypedDict):
    """The last run of a periodic task, and how many there were."""

    running: bool
    started: datetime | None
    seconds: float | None
    runs: int
    failures: int
    failures_in_a_row: int
    last_failure: datetime | None


def summarize_runs() -> dict[str, RunSummary]:
    """Summarize the runs of every task: start and seconds of the last one, counts, and the start of the last failure.

    Messages of errors are left out, because they may contain what tenants wrote.
    """
    return {
        run.name: {
            "running": run.running_until is not None, "started": run.started, "seconds": run.seconds, "runs": run.runs,
            "failures": run.failures, "failures_in_a_row": run.failures_in_a_row, "last_failure": run.last_failure,
        }
        for run in TaskRun.objects.order_by("name")
    }  # fmt: skip


def run_guarded(
    name: str,
    job: Callable[[], object],
    *,
    now: datetime,
    max_duration: timedelta = MAX_DURATION,
    min_interval: timedelta = NO_INTERVAL,
) -> bool:
    """Run `job` unless it runs already or its last run began less than `min_interval` ago; returns whether it ran.

    A failure is logged and stored, not raised. A run whose worker died does not count as the last one. After
    `max_duration` the lease is not renewed any more: another worker may begin although this one has not ended.
    """
    claim = claim_task(name, now, max_duration, min_interval)
    if not claim:
        return False
    begun, error = time.monotonic(), ""
    with keep_lease(name, claim, now, max_duration):
        try:
            job()
        except Exception as failure:
            log.exception("The task “%s” failed", name)
            error = f"{type(failure).__name__}: {failure}"[:300]
    TaskRun.objects.filter(name=name).update(seconds=time.monotonic() - begun, runs=F("runs") + 1)
    TaskRun.objects.filter(name=name, claim=claim).update(running_until=None)  # unless the next one has begun
    if error:
        failed = {"failures": F("failures") + 1, "failures_in_a_row": F("failures_in_a_row") + 1}
        TaskRun.objects.filter(name=name).update(**failed, last_failure=now, error=error)
    else:
        TaskRun.objects.filter(name=name).exclude(failures_in_a_row=0).update(failures_in_a_row=0)
    return True


def claim_task(
    name: str, now: datetime, max_duration: timedelta = MAX_DURATION, min_interval: timedelta = NO_INTERVAL
) -> str:
    """Claim a task that nobody runs and that is due; returns the claim, "" if it runs or is not due.

    A lease that ends later than any valid one was set by a wrong clock, and does not count.
    """
    TaskRun.objects.get_or_create(name=name)
    free = Q(running_until=None) | Q(running_until__lte=now) | Q(running_until__gt=now + 2 * LEASE_DURATION)
    died = Q(running_until__isnull=False)
    due = Q(started=None) | Q(started__lte=now - min_interval) | Q(started__gt=now + LEASE_DURATION) | died
    claim = uuid.uuid4().hex
    lease = {"claim": claim, "running_until": now + min(LEASE_DURATION, max_duration), "started": now}
    return claim if TaskRun.objects.filter(free & due, name=name).update(**lease) else ""


@contextmanager
def keep_lease(name: str, claim: str, now: datetime, max_duration: timedelta) -> Iterator[None]:
    """Renew the lease of a claim made at `now` in a thread, until the block ends or `max_duration` has passed."""
    ended, begun = threading.Event(), time.monotonic()

    def renew() -> None:
        while not ended.wait(RENEWAL_SECONDS):
            elapsed = timedelta(seconds=time.monotonic() - begun)
            if elapsed >= max_duration or not renew_lease(
                name, claim, now + min(elapsed + LEASE_DURATION, max_duration)
            ):
                return

    thread = threading.Thread(target=renew, name=f"lease-{name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def renew_lease(name: str, claim: str, until: datetime) -> bool:
    """Extend a lease; returns False if another worker has claimed the task, True if the database is unavailable."""
    try:
        return bool(TaskRun.objects.filter(name=name, claim=claim).update(running_until=until))
    except DatabaseError as error:
        log.warning("The lease of the task “%s” could not be renewed: %s", name, str(error).partition("\n")[0])
        return True
    finally:
        connection.close()  # of this thread, which needs it again only after some seconds
