"""Run a periodic task once at a time over all workers, and write down how it went.

A worker claims a task by a lease of LEASE, which a thread renews while the task runs. So a worker that is killed delays
its task by LEASE at most, and a task that takes minutes is not started twice. Every task may run twice, so the lease
saves work, it does not have to be right.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.models import F, Q

from accounts.operations.models import TaskRun

log = logging.getLogger(__name__)
T = TypeVar("T")
R = TypeVar("R")
LONGEST = timedelta(minutes=10)
NO_PAUSE = timedelta(0)
LEASE = timedelta(seconds=20)
RENEW_SECONDS = 5.0


def summary() -> dict[str, dict[str, object]]:
    """Every task that ran: when it last began, seconds it took, runs, failures, how many of the last ones failed in a
    row, and when the last one that failed began. No error's words."""
    told = ("started", "seconds", "runs", "failures", "failures_in_a_row", "last_failure")
    return {
        run.name: {"running": run.running_until is not None, **{name: getattr(run, name) for name in told}}
        for run in TaskRun.objects.order_by("name")
    }


def run_guarded(
    name: str, job: Callable[[], object], *, now: datetime, longest: timedelta = LONGEST, pause: timedelta = NO_PAUSE
) -> bool:
    """Run `job` unless it runs already or its last run began less than `pause` ago; whether it ran.

    A failure is logged and kept, not raised. A run whose worker died does not count as the last one. After
    `longest` its lease is not renewed any more: another worker may begin although this one has not ended.
    """
    claim = claim_task(name, now, longest, pause)
    if not claim:
        return False
    begun, error = time.monotonic(), ""
    with keep_lease(name, claim, now, longest):
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


def claim_task(name: str, now: datetime, longest: timedelta = LONGEST, pause: timedelta = NO_PAUSE) -> str:
    """Claim a task that nobody runs and that is due; returns the claim, "" if somebody has it or it is not due.

    A lease that ends later than any lease can was made by a clock that was wrong, and does not count.
    """
    TaskRun.objects.get_or_create(name=name)
    free = Q(running_until=None) | Q(running_until__lte=now) | Q(running_until__gt=now + 2 * LEASE)
    died = Q(running_until__isnull=False)
    due = Q(started=None) | Q(started__lte=now - pause) | Q(started__gt=now + LEASE) | died
    claim = uuid.uuid4().hex
    lease = {"claim": claim, "running_until": now + min(LEASE, longest), "started": now}
    return claim if TaskRun.objects.filter(free & due, name=name).update(**lease) else ""


@contextmanager
def keep_lease(name: str, claim: str, now: datetime, longest: timedelta) -> Iterator[None]:
    """Renew the lease of a claim made at `now` in a thread meanwhile, until it would end later than `longest`."""
    ended, begun = threading.Event(), time.monotonic()

    def renew() -> None:
        while not ended.wait(RENEW_SECONDS):
            elapsed = timedelta(seconds=time.monotonic() - begun)
            if elapsed >= longest or not renew_lease(name, claim, now + min(elapsed + LEASE, longest)):
                return

    thread = threading.Thread(target=renew, name=f"lease-{name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def renew_lease(name: str, claim: str, until: datetime) -> bool:
    """Move the end of a lease; False if somebody else has claimed the task. A database that is away is asked again."""
    try:
        return bool(TaskRun.objects.filter(name=name, claim=claim).update(running_until=until))
    except DatabaseError as error:
        log.warning("The lease of the task “%s” could not be renewed: %s", name, str(error).partition("\n")[0])
        return True
    finally:
        connection.close()  # of this thread, which asks again only after a while


def run_each(
    items: Iterable[T], job: Callable[[T], R], *, what: str, stop_for: tuple[type[Exception], ...] = ()
) -> list[R]:
    """Run `job` on every item, such as a tenant's row; returns the results of those that succeeded.

    An item that fails is logged (as `what` with its id) and does not stop the others. Errors that would repeat for all
    of them are raised: those of the database connection, and those in `stop_for`.
    """
    results: list[R] = []
    for item in items:
        try:
            results.append(job(item))
        except Exception as error:
            if isinstance(error, (OperationalError, InterfaceError, *stop_for)):
                raise
            log.exception("%s %s failed; the others continue", what, id_of(item))
    return results


def id_of(item: Any) -> Any:
    """The id of a row, or an item that is an id itself: what tenants wrote must not get into the log."""
    return getattr(item, "pk", item if isinstance(item, int) else "")
