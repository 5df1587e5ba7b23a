"""Run jobs of many accounts concurrently, so that no account takes the slots of the others.

The database is the queue: a round claims only as many jobs as can begin at once, in fair order, and claims again while
these are running. Results are stored in small batches while other jobs are still running.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet

from accounts.selectors import rank_by_account

log = logging.getLogger(__name__)
T = TypeVar("T")  # what a job works on
R = TypeVar("R")  # its result
K = TypeVar("K")  # the key of a row
CLAIM_INTERVAL = 0.5  # seconds between two claims while no job finishes
BATCH_SECONDS = 0.1  # jobs that finish within this time are stored together
MAX_BATCH = 200


@dataclass(frozen=True)
class Job(Generic[T]):
    """A job of an account; `key` is the primary key of its row."""

    account_id: int
    key: object
    item: T


@dataclass(frozen=True)
class FinishedJob(Generic[T, R]):
    """A job with its result and when it finished."""

    job: Job[T]
    result: R
    at: datetime


@dataclass
class Slots:
    """How many jobs may run at the same time, in total and per account, and which ones do."""

    total: int
    per_account: int
    in_use: Counter[int] = field(default_factory=Counter)
    keys: set[object] = field(default_factory=set)

    @property
    def free(self) -> int:
        return self.total - len(self.keys)

    def occupy(self, job: Job[T]) -> None:
        """Occupy a slot with a job that begins."""
        self.in_use[job.account_id] += 1
        self.keys.add(job.key)

    def release(self, job: Job[T]) -> None:
        """Release the slot of a finished job; does nothing for a job without one."""
        if job.key in self.keys:
            self.in_use[job.account_id] -= 1
            self.keys.discard(job.key)

    def full_accounts(self) -> list[int]:
        return [account_id for account_id, count in self.in_use.items() if count >= self.per_account]

    def choose(self, waiting: Sequence[tuple[K, int, int]]) -> list[tuple[K, int]]:
        """Choose the rows that get a slot, as (key, account), from (key, account, rank in its account).

        Every account's next row comes before any account's second one; running jobs count.
        """
        in_use, chosen = Counter(self.in_use), list[tuple[K, int]]()
        for key, account_id, _ in sorted(waiting, key=lambda row: self.in_use[row[1]] + row[2]):
            if len(chosen) >= self.free:
                break
            if in_use[account_id] < self.per_account and key not in self.keys:
                in_use[account_id] += 1
                chosen.append((key, account_id))
        return chosen


def choose_rows(rows: QuerySet[Model], account: str, order: str, slots: Slots) -> list[tuple[Any, int]]:
    """Choose the rows whose jobs may begin now, as (key, account) in fair order."""
    if slots.free <= 0:
        return []
    open_rows = rows.exclude(**{f"{account}__in": slots.full_accounts()})
    waiting = rank_by_account(open_rows, account, order).filter(rank__lte=2 * slots.per_account)
    return slots.choose(list(waiting.values_list("pk", account, "rank")[: 2 * slots.total]))


def run_fair_round(
    *,
    claim: Callable[[Slots, datetime], list[Job[T]]],
    work: Callable[[T], Coroutine[object, object, R]],
    write: Callable[[list[FinishedJob[T, R]]], object],
    slots: Slots,
    seconds: float,
    now: datetime,
) -> int:
    """Claim and run jobs for `seconds`, then finish those that are running; returns the number of finished jobs.

    `claim` and `write` run in this thread, `work` in an event loop of another thread. A job that raises is logged and
    not passed to `write`. Rounds may run concurrently if `claim` allows it.
    """
    started, elapsed, count = time.monotonic(), 0.0, 0
    results: SimpleQueue[tuple[Job[T], Future[R], float]] = SimpleQueue()

    def add_result(job: Job[T], future: Future[R]) -> None:
        results.put((job, future, time.monotonic() - started))

    with run_event_loop() as loop:
        while True:
            for job in claim(slots, now + timedelta(seconds=elapsed)) if elapsed < seconds else ():
                slots.occupy(job)
                asyncio.run_coroutine_threadsafe(work(job.item), loop).add_done_callback(partial(add_result, job))
            if not slots.keys:
                return count
            batch = take_batch(results)
            for job, _, _ in batch:
                slots.release(job)
            finished_jobs = [
                FinishedJob(job, future.result(), now + timedelta(seconds=at))
                for job, future, at in batch
                if has_result(future)
            ]
            if finished_jobs:
                write(finished_jobs)
            elapsed, count = time.monotonic() - started, count + len(batch)


@contextmanager
def run_event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Run an event loop in a thread of its own; tasks that are still running at the end are cancelled."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fair-round", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        asyncio.run_coroutine_threadsafe(cancel_others(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def cancel_others() -> None:
    """Cancel every other task of the loop, and wait until they have ended."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_default_executor()


def has_result(future: Future[R]) -> bool:
    """Return whether a job has a result; an error is logged."""
    error = future.exception() if not future.cancelled() else asyncio.CancelledError()
    if error is not None:
        log.error("A job of a round failed", exc_info=error)
    return error is None


def take_batch(results: SimpleQueue[T]) -> list[T]:
    """Take the finished jobs: wait CLAIM_INTERVAL for the first one, then BATCH_SECONDS for further ones."""
    batch: list[T] = []
    end = time.monotonic() + CLAIM_INTERVAL
    while len(batch) < MAX_BATCH:
        try:
            batch.append(results.get(timeout=max(0.0, end - time.monotonic())))
        except Empty:
            break
        if len(batch) == 1:
            end = time.monotonic() + BATCH_SECONDS
    return batch
