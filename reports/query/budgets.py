"""What the queries of one account may take, so that no account slows down the others. Each process counts its own.

An account has a budget of seconds that its statements may run in a minute, which is refilled all the time. One that has
used a part of it runs fewer statements at a time, and these yield to statements of others. Statements that may not run
yet wait for a short time; what cannot wait is refused by `BudgetExceeded`, which becomes 429 with Retry-After.

Only requests have a budget (`limit_queries`). Periodic tasks and mails are work of the installation.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from accounts.account_limits import choose_limit
from sites import site_cache
from tracking.store.target import get_target

HEAVY_SHARE = 0.5  # of its seconds: an account that uses more of them for a while runs few statements at a time
REFILLED_SHARE = 0.1  # of its seconds, which an account that has used all of them must have again
# Statements that wait, each of which occupies a thread. Several people of one account open pages at the same moment,
# and a page has a dozen statements: they must be answered, only later
MAX_WAITING = 32
MAX_WAIT_SECONDS = 5.0
LOW_PRIORITY = 10  # ClickHouse: such a query pauses while one of a smaller number runs; 0 has none
MAX_ACCOUNTS = 10_000  # that are remembered
MINUTE = 60.0


class BudgetExceeded(Exception):
    """An account's queries take too much now; they may be repeated in `seconds`. The text is a sentence for people."""

    def __init__(self, sentence: str, seconds: int) -> None:
        super().__init__(f"{sentence} Try again in {seconds} second{'' if seconds == 1 else 's'}.")
        self.seconds = seconds


class QueryLimits(NamedTuple):
    """The limits of an account: statements at once, and of them seconds in a minute and megabytes; 0 is none."""

    at_once: int
    seconds: int
    megabytes: int


@dataclass(kw_only=True)
class Budget:
    """What an account uses in this process."""

    used: float = 0.0  # seconds of statements, less what was refilled since
    recent: float = 0.0  # the same, refilled slower: whether the account uses much
    updated: float = field(default_factory=lambda: time.monotonic())
    running: int = 0
    waiting: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def refill(self, limit: int) -> None:
        """Subtract what the time that has passed gives back."""
        now = time.monotonic()
        given = (now - self.updated) * limit / MINUTE
        self.used = max(0.0, self.used - given)
        self.recent = max(0.0, min(self.recent, 2 * limit * HEAVY_SHARE) - given * HEAVY_SHARE)
        self.updated = now

    def spend(self, seconds: float) -> None:
        """Count a statement that ended."""
        self.running -= 1
        self.used += seconds
        self.recent += seconds
        self.changed.notify()


_budgets: dict[int, Budget] = {}


@dataclass
class AnsweredRequest:
    """What is known of the answers to a request. `incomplete`: shards that did not answer are left out in one."""

    incomplete: bool = False


_request: ContextVar[AnsweredRequest | None] = ContextVar("answered_request", default=None)


@contextmanager
def limit_queries() -> Iterator[AnsweredRequest]:
    """Hold the statements of this thread to the budgets of their accounts meanwhile."""
    request = AnsweredRequest()
    token = _request.set(request)
    try:
        yield request
    finally:
        _request.reset(token)


def note_incomplete() -> None:
    """Note that an answer to this request, also one in a thread with a copy of its context, lacks a shard."""
    if request := _request.get():
        request.incomplete = True


def serves_request() -> bool:
    """Return whether this thread answers somebody now; periodic tasks and mails need complete numbers."""
    return _request.get() is not None


@contextmanager
def spend_budget(sites: Sequence[int]) -> Iterator[Mapping[str, int]]:
    """Run one statement on these sites (or an account's links) within the budget of their account.

    Yields ClickHouse's settings for it. Raises BudgetExceeded if it may not run soon.
    """
    if not sites or _request.get() is None:
        yield {}
        return
    account_id, own_limits = site_cache.find_account_limits(sites[0])
    budget, limits = get_budget(account_id), read_limits(own_limits) if own_limits else DEFAULT_LIMITS
    settings = wait_for_turn(budget, limits)
    started = time.monotonic()
    try:
        yield settings
    finally:
        with budget.changed:
            budget.spend(time.monotonic() - started)


def read_limits(own_limits: Mapping[str, object]) -> QueryLimits:
    """Return an account's limits, its own ones before the defaults."""
    return QueryLimits(
        choose_limit(own_limits, "queries") or 1_000_000,
        choose_limit(own_limits, "query_seconds_per_minute"),
        choose_limit(own_limits, "query_megabytes"),
    )


DEFAULT_LIMITS = read_limits({})


def get_budget(account_id: int) -> Budget:
    """Return the budget of an account."""
    if len(_budgets) > MAX_ACCOUNTS:
        for known, budget in list(_budgets.items()):
            if not budget.running and not budget.waiting and budget.updated < time.monotonic() - MINUTE:
                _budgets.pop(known, None)
    return _budgets.setdefault(account_id, Budget())


def wait_for_turn(budget: Budget, limits: QueryLimits) -> Mapping[str, int]:
    """Wait until a statement may run, count it as running and return its settings. Raises BudgetExceeded."""
    at_once, seconds = limits.at_once, limits.seconds
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    with budget.changed:
        budget.refill(seconds)
        if seconds and budget.used >= seconds:
            raise build_seconds_error(budget, seconds)
        heavy = seconds > 0 and budget.recent > seconds * HEAVY_SHARE
        allowed = min(at_once, max(2, at_once // 4)) if heavy else at_once
        if budget.running >= allowed and budget.waiting >= MAX_WAITING:
            raise BudgetExceeded(f"{budget.running} queries of this account run already, and others wait.", 2)
        budget.waiting += 1
        try:
            while budget.running >= allowed:
                if not budget.changed.wait(deadline - time.monotonic()) and time.monotonic() >= deadline:
                    raise BudgetExceeded(f"{budget.running} queries of this account run already.", 2)
        finally:
            budget.waiting -= 1
        budget.running += 1
    return build_settings(limits.megabytes, heavy=heavy)


def build_seconds_error(budget: Budget, limit: int) -> BudgetExceeded:
    """Build the error for an account that has used its seconds, with the seconds until it has some again."""
    wait = math.ceil((budget.used - limit * (1 - REFILLED_SHARE)) * MINUTE / limit)
    return BudgetExceeded(
        f"The queries of this account ran for more than {limit} seconds within a minute.", max(1, wait)
    )


@lru_cache(maxsize=200)
def build_settings(megabytes: int, *, heavy: bool) -> Mapping[str, int]:
    """Return ClickHouse's settings of a statement; one of an account that uses much leaves a core to others."""
    settings = {"max_memory_usage": megabytes * 1_000_000} if megabytes else {}
    if heavy:
        settings["priority"] = LOW_PRIORITY
        if get_target().embedded:
            settings["max_threads"] = max(1, (os.cpu_count() or 1) // 2)
    else:
        settings["priority"] = 1
    return settings


def forget() -> None:
    """Forget what was used, as a new process does."""
    _budgets.clear()
