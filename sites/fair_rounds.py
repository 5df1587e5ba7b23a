"""Work for many accounts side by side, in which no account takes the places of the others.

The database is the queue: a round claims only as much as can begin at once, in fair order, and claims again while the
first pieces of work are under way. What has ended is written down in small batches, whatever is still going on.
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

from django.db.models import QuerySet

from accounts.operations.fair_order import rank_by_account

log = logging.getLogger(__name__)
T = TypeVar("T")
R = TypeVar("R")
CLAIM_PAUSE = 0.5  # seconds between two claims while nothing ends
BATCH_SECONDS = 0.1  # in which what ends is written down together
MAX_BATCH = 200


@dataclass(frozen=True)
class Job(Generic[T]):
    """A piece of work, for which account, and the key of its row."""

    account_id: int
    key: Any
    item: T


@dataclass(frozen=True)
class Done(Generic[T, R]):
    """A piece of work that has ended, with its result, and when."""

    job: Job[T]
    result: R
    at: datetime


@dataclass
class Places:
    """How much may be under way: `total` altogether, `per_account` for one account; and what is."""

    total: int
    per_account: int
    held: Counter[int] = field(default_factory=Counter)
    keys: set[Any] = field(default_factory=set)

    @property
    def free(self) -> int:
        return self.total - len(self.keys)

    def take(self, job: Job[Any]) -> None:
        """A piece of work begins."""
        self.held[job.account_id] += 1
        self.keys.add(job.key)

    def leave(self, job: Job[Any]) -> None:
        """A piece of work has ended; nothing happens for one that had no place here."""
        if job.key in self.keys:
            self.held[job.account_id] -= 1
            self.keys.discard(job.key)

    def full_accounts(self) -> list[int]:
        return [account_id for account_id, count in self.held.items() if count >= self.per_account]

    def choose(self, waiting: Sequence[tuple[Any, int, int]]) -> list[tuple[Any, int]]:
        """Which of (key, account, rank in its account) get a place, as (key, account): each account's next one before
        any account's second, where what is under way counts."""
        held, chosen = Counter(self.held), list[tuple[Any, int]]()
        for key, account_id, _ in sorted(waiting, key=lambda row: self.held[row[1]] + row[2]):
            if len(chosen) >= self.free:
                break
            if held[account_id] < self.per_account and key not in self.keys:
                held[account_id] += 1
                chosen.append((key, account_id))
        return chosen


def next_in_turn(rows: QuerySet[Any], account: str, order: str, places: Places) -> list[tuple[Any, int]]:
    """(key, account) of the rows that may begin now, in fair order."""
    if places.free <= 0:
        return []
    open_rows = rows.exclude(**{f"{account}__in": places.full_accounts()})
    waiting = rank_by_account(open_rows, account, order).filter(rank__lte=2 * places.per_account)
    return places.choose(list(waiting.values_list("pk", account, "rank")[: 2 * places.total]))


def run_fair_round(
    *,
    claim: Callable[[Places, datetime], list[Job[T]]],
    work: Callable[[T], Coroutine[Any, Any, R]],
    write: Callable[[list[Done[T, R]]], object],
    places: Places,
    seconds: float,
    now: datetime,
) -> int:
    """Claim and work for `seconds`, then finish what is under way; how many pieces of work ended.

    `claim` and `write` run in this thread, `work` in an event loop of another one. Work that raises is logged and not
    written. Safe to run side by side with another round, if `claim` is.
    """
    begun, elapsed, count = time.monotonic(), 0.0, 0
    ended: SimpleQueue[tuple[Job[T], Future[R], float]] = SimpleQueue()

    def note(job: Job[T], future: Future[R]) -> None:
        ended.put((job, future, time.monotonic() - begun))

    with event_loop() as loop:
        while True:
            for job in claim(places, now + timedelta(seconds=elapsed)) if elapsed < seconds else ():
                places.take(job)
                asyncio.run_coroutine_threadsafe(work(job.item), loop).add_done_callback(partial(note, job))
            if not places.keys:
                return count
            batch = take_batch(ended)
            for job, _, _ in batch:
                places.leave(job)
            done = [
                Done(job, future.result(), now + timedelta(seconds=at))
                for job, future, at in batch
                if succeeded(future)
            ]
            if done:
                write(done)
            elapsed, count = time.monotonic() - begun, count + len(batch)


@contextmanager
def event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that runs in a thread of its own; what is under way at the end is cancelled."""
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


def succeeded(future: Future[Any]) -> bool:
    """Whether a piece of work has a result; an error is logged."""
    error = future.exception() if not future.cancelled() else asyncio.CancelledError()
    if error is not None:
        log.error("Work of a round failed", exc_info=error)
    return error is None


def take_batch(ended: SimpleQueue[T]) -> list[T]:
    """What has ended, waiting a moment for the first, and a shorter one for what ends together with it."""
    batch: list[T] = []
    end = time.monotonic() + CLAIM_PAUSE
    while len(batch) < MAX_BATCH:
        try:
            batch.append(ended.get(timeout=max(0.0, end - time.monotonic())))
        except Empty:
            break
        if len(batch) == 1:
            end = time.monotonic() + BATCH_SECONDS
    return batch
