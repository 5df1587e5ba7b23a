"""What the queries of one account may take, so that no account slows down the others. Each process counts its own.

An account has a budget of seconds that its statements may run in a minute, which is refilled all the time. One that has
used a part of it runs fewer statements at a time, and these yield to statements of others. So does, already after a
second, one that keeps much of the store busy while other accounts are present. Statements that may not run yet wait for
a short time; what cannot wait is refused by `BudgetExceeded`, which becomes 429 with Retry-After.

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
from accounts.recent_use import RecentUses
from sites import site_cache
from tracking.store.target import get_target

HEAVY_SHARE = 0.25  # of its seconds: an account that uses more of them for a while runs few statements at a time
REFILLED_SHARE = 0.1  # of its seconds, which it has again after the time that Retry-After says
MAX_OWED_MINUTES = 2  # an account owes at most the seconds of so many minutes, however long its statements ran
# Statements that wait, each of which occupies a thread. Several people of one account open pages at the same moment,
# and a page has a dozen statements: they must be answered, only later
MAX_WAITING = 32
MAX_WAIT_SECONDS = 5.0
# What a heavy account runs takes half of the cores of a store in this process; a server has cores of its own
HEAVY_THREADS = max(1, (os.cpu_count() or 1) // 4)  # of each statement
HEAVY_STATEMENTS = max(1, (os.cpu_count() or 1) // 2 // HEAVY_THREADS)
HEAVY_STATEMENTS_OF_SERVER = 2
MAX_AVERAGE_BESIDE_OTHERS = max(0.5, (os.cpu_count() or 1) / 4)  # statements open at a time, running or waiting
LOW_PRIORITY = 10  # ClickHouse: such a query pauses while one of a smaller number runs; 0: no priority
MAX_ACCOUNTS = 10_000  # with more budgets than these, idle ones are removed
MINUTE = 60.0


class BudgetExceeded(Exception):
    """An account's queries take too much now; they may be repeated in `seconds`. The text is a sentence for people."""

    def __init__(self, sentence: str, seconds: int) -> None:
        super().__init__(f"{sentence} Try again in {seconds} second{'' if seconds == 1 else 's'}.")
        self.seconds = seconds


class QueryLimits(NamedTuple):
    """How many statements may run at the same time, for how many seconds in a minute, and with how many MB each.

    0 seconds or MB mean no limit; `read_limits` gives a very large number of statements for 0.
    """

    max_running: int
    seconds_per_minute: int
    megabytes_per_query: int


@dataclass(kw_only=True)
class Budget:
    """What an account uses in this process."""

    account_id: int = 0
    owed_seconds: float = 0.0  # of statements, less what was refilled since
    recent_seconds: float = 0.0  # decays at half the speed; decides whether the account is heavy
    refilled_at: float = field(default_factory=lambda: time.monotonic())
    running: int = 0
    waiting: int = 0
    slot_freed: threading.Condition = field(default_factory=threading.Condition)

    def refill(self, limit: int) -> None:
        """Subtract what the time that has passed gives back; without a limit nothing is owed."""
        now, most = time.monotonic(), MAX_OWED_MINUTES * limit
        refund = (now - self.refilled_at) * limit / MINUTE
        self.owed_seconds = max(0.0, min(self.owed_seconds, most) - refund)
        self.recent_seconds = max(0.0, min(self.recent_seconds, most * HEAVY_SHARE) - refund * HEAVY_SHARE)
        self.refilled_at = now

    def spend(self, seconds: float, limit: int) -> None:
        """Count a statement that ended; without a limit its seconds do not count."""
        self.running -= 1
        if limit:
            self.owed_seconds += seconds
            self.recent_seconds += seconds
        self.slot_freed.notify_all()  # not only one: it may be of those that still have to wait


_budgets: dict[int, Budget] = {}
uses = RecentUses[int]()  # the statements of each account
_adding = threading.Lock()
_last_removal = -math.inf  # when idle budgets were removed


@dataclass
class AnsweredRequest:
    """What is known of the answers to a request. `incomplete`: shards that did not answer are left out in one.

    `account_id`: whose budget the last statement was held to.
    """

    incomplete: bool = False
    account_id: int | None = None


# Set while this thread answers somebody; periodic tasks and mails need complete numbers
answered_request: ContextVar[AnsweredRequest | None] = ContextVar("answered_request", default=None)


@contextmanager
def limit_queries() -> Iterator[AnsweredRequest]:
    """Hold the statements of this thread to the budgets of their accounts meanwhile."""
    request = AnsweredRequest()
    token = answered_request.set(request)
    try:
        yield request
    finally:
        answered_request.reset(token)


def note_incomplete() -> None:
    """Note that an answer to this request, also one in a thread with a copy of its context, lacks a shard."""
    if request := answered_request.get():
        request.incomplete = True


@contextmanager
def spend_budget(sites: Sequence[int]) -> Iterator[Mapping[str, int]]:
    """Run one statement on these sites (or an account's links) within the budget of their account.

    Yields ClickHouse's settings for it. A statement on sites of several accounts counts for the first site's account.
    Raises BudgetExceeded if it may not run soon.
    """
    request = answered_request.get()
    if not sites or request is None:
        yield {}
        return
    account_id, own_limits = site_cache.find_account_limits(sites[0])
    request.account_id = account_id
    budget = _budgets.get(account_id) or get_budget(account_id)
    limits = read_limits(own_limits) if own_limits else DEFAULT_LIMITS
    uses.add(account_id)
    try:
        settings = wait_for_turn(budget, limits)
        started = time.monotonic()
        try:
            yield settings
        finally:
            with budget.slot_freed:
                budget.spend(time.monotonic() - started, limits.seconds_per_minute)
    finally:
        uses.subtract(account_id)


def read_limits(own_limits: Mapping[str, object]) -> QueryLimits:
    """Return an account's limits, its own ones before the defaults."""
    return QueryLimits(
        choose_limit(own_limits, "queries") or 1_000_000,
        choose_limit(own_limits, "query_seconds_per_minute"),
        choose_limit(own_limits, "query_megabytes"),
    )


DEFAULT_LIMITS = read_limits({})


def get_budget(account_id: int) -> Budget:
    """Return the budget of an account, a new one for the first statement of all."""
    global _last_removal
    with _adding:
        now = time.monotonic()
        if len(_budgets) >= MAX_ACCOUNTS and now - _last_removal >= MINUTE:
            remove_idle_budgets(now)
            _last_removal = now
        return _budgets.setdefault(account_id, Budget(account_id=account_id))


def remove_idle_budgets(now: float) -> None:
    """Remove the budgets that owe nothing any more: the most that one can owe is refilled in MAX_OWED_MINUTES."""
    for account_id, budget in list(_budgets.items()):
        if not budget.running and not budget.waiting and now - budget.refilled_at >= MAX_OWED_MINUTES * MINUTE:
            del _budgets[account_id]


def wait_for_turn(budget: Budget, limits: QueryLimits) -> Mapping[str, int]:
    """Wait until a statement may run, count it as running and return its settings. Raises BudgetExceeded."""
    most, seconds = limits.max_running, limits.seconds_per_minute
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    with budget.slot_freed:
        while True:
            budget.refill(seconds)
            if seconds and budget.owed_seconds >= seconds:
                raise build_seconds_error(budget, seconds)
            heavy = seconds > 0 and is_heavy(budget, seconds)
            if budget.running < (min(most, get_max_heavy_statements()) if heavy else most):
                break
            wait_for_slot(budget, deadline)
        budget.running += 1
    return build_settings(limits.megabytes_per_query, heavy=heavy)


def is_heavy(budget: Budget, limit: int) -> bool:
    """Return whether an account's statements yield to those of others: by its budget, or because others are present."""
    return budget.recent_seconds > limit * HEAVY_SHARE or uses.gives_way(budget.account_id, MAX_AVERAGE_BESIDE_OTHERS)


def get_max_heavy_statements() -> int:
    """Return how many statements a heavy account may run at the same time."""
    return HEAVY_STATEMENTS if get_target().embedded else HEAVY_STATEMENTS_OF_SERVER


def wait_for_slot(budget: Budget, deadline: float) -> None:
    """Wait until a statement of the account ends. Raises BudgetExceeded after the deadline or if many wait already."""
    if budget.waiting >= MAX_WAITING:
        raise build_running_error(budget, " and more waiting")
    budget.waiting += 1
    try:
        if not budget.slot_freed.wait(deadline - time.monotonic()) and time.monotonic() >= deadline:
            raise build_running_error(budget)
    finally:
        budget.waiting -= 1


def build_running_error(budget: Budget, more: str = "") -> BudgetExceeded:
    """Build the error for an account that already runs as many statements as it may."""
    queries = "1 query" if budget.running == 1 else f"{budget.running} queries"
    return BudgetExceeded(f"This account already has {queries} running{more}.", 2)


def build_seconds_error(budget: Budget, limit: int) -> BudgetExceeded:
    """Build the error for an account that has used its seconds, with the seconds until it has some again."""
    wait = math.ceil((budget.owed_seconds - limit * (1 - REFILLED_SHARE)) * MINUTE / limit)
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
            settings["max_threads"] = HEAVY_THREADS
    else:
        settings["priority"] = 1
    return settings


def forget_budgets() -> None:
    """Forget what was used, as a new process does."""
    global _last_removal
    _budgets.clear()
    uses.forget()
    _last_removal = -math.inf
