"""The executor: the only place where queries reach the store. One query, or all of a page at once for less.

Equal queries are executed once, known results come from the cache, and queries that differ in their dimension only
share a statement. Django's database is read by the calling thread only; other threads run nothing but statements.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from contextvars import copy_context
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import chain

from reports.query import merged_queries
from reports.query.answer import build_result
from reports.query.errors import QueryRefused
from reports.query.execution_limits import limit_cores
from reports.query.merged_queries import Planned
from reports.query.model import Query, Result, Row
from reports.query.planner import choose_tables
from reports.query.references import GoalSource
from reports.query.resolve import ResolvedQuery, Resolver
from reports.query.result_cache import RESULTS
from reports.query.rows import Execution
from sites import site_cache
from tracking.store.target import get_target

EXTRA_THREADS = 1  # beside the calling one: the store itself uses every core for large statements
Answer = Result | QueryRefused
Job = Callable[[], None]


def ask(query: Query, *, now: datetime, source: GoalSource | None = None, cache: bool = True) -> Result:
    """Answer one query.

    `source` gives goals and segments (default: the database). Raises QueryRefused for a query that cannot be answered,
    QueryStopped for one that exceeds a limit, and StoreError if the store fails.
    """
    (answer,) = ask_many([query], now=now, source=source, cache=cache)
    if isinstance(answer, QueryRefused):
        raise answer
    return answer


def ask_all(queries: Sequence[Query], now: datetime) -> list[Result]:
    """Answer all of these queries, in their order. Raises the first QueryRefused among them, and StoreError."""
    results = []
    for answer in ask_many(queries, now=now):
        if isinstance(answer, QueryRefused):
            raise answer
        results.append(answer)
    return results


def ask_many(
    queries: Sequence[Query], *, now: datetime, source: GoalSource | None = None, cache: bool = True
) -> list[Answer]:
    """Answer queries, in their order: as `ask` does each, in less time than one after the other.

    The error of a refused one takes the place of its result. Raises StoreError if the store fails.
    """
    batch = Batch(resolver=Resolver(now, source), cache=cache)
    keys = [batch.add(query) for query in queries]
    batch.run()
    return [batch.copy_answer(key) for key in keys]


@dataclass(kw_only=True)
class Batch:
    """Queries that are answered together, by their keys: equal ones have one answer."""

    resolver: Resolver
    cache: bool
    answers: dict[Hashable, Answer] = field(default_factory=dict)
    waiting: dict[Hashable, ResolvedQuery] = field(default_factory=dict)
    handed_out: set[Hashable] = field(default_factory=set)

    def add(self, query: Query) -> Hashable:
        """Add a query, which is answered at once if it is refused or its result is known, and return its key."""
        try:
            resolved = self.resolver.resolve(query)
        except QueryRefused as refusal:
            self.answers[id(refusal)] = refusal
            return id(refusal)
        key = resolved.key
        if key not in self.answers and key not in self.waiting:
            cached = RESULTS.get(key) if self.cache else None
            if cached is None:
                self.waiting[key] = resolved
            else:
                self.answers[key] = copy_cached(cached, resolved)
        return key

    def run(self) -> None:
        """Answer the queries that wait."""
        if len(self.waiting) > 1:
            site_cache.list_sites()  # loaded into memory here, so that no other thread reads Django's database
        run_jobs(self.build_jobs())

    def build_jobs(self) -> list[Job]:
        """Return the jobs, the longest first: statements of several queries, then every other query alone."""
        planned = self.plan()
        groups = merged_queries.find_groups(planned) if len(planned) > 1 else []
        grouped = set(map(id, chain.from_iterable(groups)))
        alone = [each for each in planned if id(each) not in grouped]
        jobs: list[Job] = [partial(self.answer_group, group) for group in groups]
        return [*jobs, *[partial(self.answer, each) for each in alone]]

    def plan(self) -> list[Planned]:
        """Return the waiting queries with the tables that answer them."""
        planned = []
        for key, query in self.waiting.items():
            try:
                planned.append(Planned(query, choose_tables(query)))
            except QueryRefused as refusal:
                self.answers[key] = refusal
        return planned

    def answer(self, planned: Planned, fetched: tuple[Execution, list[Row]] | None = None) -> None:
        """Answer a query from the store and cache the result. `fetched`: its rows, if they were read already."""
        query = planned.query
        try:
            result = build_result(query, planned.choice, fetched)
        except QueryRefused as refusal:
            self.answers[query.key] = refusal
            return
        self.answers[query.key] = result
        if self.cache and query.cacheable and not result.meta.incomplete:
            RESULTS.put(query.key, result)

    def answer_group(self, group: Sequence[Planned]) -> None:
        """Answer a group by one statement. If that exceeds a limit, answer each alone, which takes less."""
        statement, execution = merged_queries.merge(group), Execution(sites=group[0].query.context.sites)
        try:
            rows = execution.run_plan(statement.plan, statement.sql, statement.params.values)
            rows_by_query = statement.split_rows(rows)
        except QueryRefused:
            for planned in group:
                self.answer(planned)
            return
        for planned, own_rows in zip(group, rows_by_query, strict=True):
            self.answer(planned, (deepcopy(execution), own_rows))

    def copy_answer(self, key: Hashable) -> Answer:
        """Return an answer; from the second time on a copy, because callers may write into their rows."""
        answer = self.answers[key]
        if key in self.handed_out and isinstance(answer, Result):
            return replace(answer, rows=copy_rows(answer.rows))
        self.handed_out.add(key)
        return answer


def copy_cached(cached: Result, query: ResolvedQuery) -> Result:
    """Return the result of the same query, which was answered from the same data before."""
    seconds = time.perf_counter() - query.started
    meta = replace(cached.meta, seconds=seconds, cached=True, rows_read=0, bytes_read=0)
    return replace(cached, rows=copy_rows(cached.rows), meta=meta)


def copy_rows(rows: list[Row]) -> list[Row]:
    """Copy rows, because callers may write into theirs and those in the cache must not change."""
    return list(map(dict, rows))


# -- threads ----------------------------------------------------------------------------------------------------------


def run_jobs(jobs: Sequence[Job]) -> None:
    """Run the jobs in this thread and a few more. After an error no further job starts, and it is raised again.

    The threads are started and ended here: nothing is left that would have to survive a fork, and nobody waits behind
    the queries of others.
    """
    waiting, errors = deque(jobs), list[BaseException]()
    extra = max(0, min(EXTRA_THREADS, len(jobs) - 1))
    cores = divide_cores(extra + 1)

    def work() -> None:
        with limit_cores(cores):
            while waiting and not errors:
                try:
                    waiting.popleft()()
                except IndexError:  # another thread took the last one
                    return
                except BaseException as error:  # raised again by the calling thread
                    errors.append(error)

    threads = [threading.Thread(target=copy_context().run, args=(work,), daemon=True) for _ in range(extra)]
    for thread in threads:
        thread.start()
    work()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def divide_cores(threads: int) -> int:
    """Return how many cores each of `threads` parallel statements may use; 0 = all, since servers share them out."""
    if threads == 1 or not get_target().embedded:
        return 0
    return max(1, (os.cpu_count() or 1) // threads)
