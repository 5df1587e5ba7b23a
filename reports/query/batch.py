"""Several queries at once: the results are those of `ask`, in less time than one after the other.

Django's database is read by the calling thread only; other threads run nothing but statements of the store.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from functools import partial

from reports.query.errors import QueryRefused
from reports.query.execution_limits import limit_cores
from reports.query.executor import Execution, copy_rows, execute, find_cached
from reports.query.merged_queries import Mergeable, find_groups, merge
from reports.query.model import Query, Result
from reports.query.references import GoalSource
from reports.query.resolve import ResolvedQuery, resolve_query
from sites import site_cache
from tracking.store.target import get_target

EXTRA_THREADS = 1  # beside the calling one: the store itself uses every core for large statements
Job = Callable[[], None]
Results = dict[Hashable, Result | QueryRefused]


def ask_many(
    queries: Sequence[Query], *, now: datetime, source: GoalSource | None = None, cache: bool = True
) -> list[Result | QueryRefused]:
    """Answer queries, in their order. The error of a refused one takes the place of its result.

    Raises StoreError if the store fails.
    """
    results: Results = {}
    pending: dict[Hashable, ResolvedQuery] = {}
    keys: list[Hashable] = []
    for index, query in enumerate(queries):
        try:
            resolved = resolve_query(query, now, source)
            key: Hashable = resolved.key  # equal queries are executed once
            if key not in results and (cached := find_cached(resolved) if cache else None):
                results[key] = cached
        except QueryRefused as refusal:
            key = index
            results[key] = refusal
        if key not in results:
            pending.setdefault(key, resolved)
        keys.append(key)
    if pending:
        site_cache.list_sites()  # loaded into memory here, so that no other thread reads Django's database
        run_jobs(build_jobs(pending, results, cache))
    return [copy_result(results[key]) for key in keys]


def copy_result(result: Result | QueryRefused) -> Result | QueryRefused:
    """Copy the rows, because equal queries have the same result and callers may write into their rows."""
    return replace(result, rows=copy_rows(result.rows)) if isinstance(result, Result) else result


def build_jobs(pending: dict[Hashable, ResolvedQuery], results: Results, cache: bool) -> list[Job]:
    """Return the jobs, the longest first: statements of several queries, then every other query alone."""
    keys, resolved = list(pending), list(pending.values())
    jobs: list[Job] = []
    alone = dict(pending)
    for indexes, members in find_groups([(each.query, each.context, each.version) for each in resolved]):
        group = {keys[index]: alone.pop(keys[index]) for index in indexes}
        jobs.append(partial(execute_merged, group, members, results, cache))
    return [*jobs, *(partial(execute_alone, key, query, results, cache) for key, query in alone.items())]


def execute_alone(key: Hashable, resolved: ResolvedQuery, results: Results, cache: bool) -> None:
    try:
        results[key] = execute(resolved, cache)
    except QueryRefused as refusal:
        results[key] = refusal


def execute_merged(
    group: dict[Hashable, ResolvedQuery], members: Sequence[Mergeable], results: Results, cache: bool
) -> None:
    """Execute a group by one statement. If that exceeds a limit, execute each alone, which takes less."""
    statement, execution = merge(members), Execution()
    try:
        rows = execution.run_plan(statement.plan, statement.sql, statement.params)
        rows_of_members = statement.split_rows(rows)
    except QueryRefused:
        for key, resolved in group.items():
            execute_alone(key, resolved, results, cache)
        return
    for (key, resolved), own_rows in zip(group.items(), rows_of_members, strict=True):
        try:
            results[key] = execute(resolved, cache, (deepcopy(execution), own_rows))
        except QueryRefused as refusal:
            results[key] = refusal


def run_jobs(jobs: Sequence[Job]) -> None:
    """Run the jobs in this thread and a few more. After an error no further job starts, and it is raised again.

    The threads are started and ended here: nothing is left that would have to survive a fork, and nobody waits behind
    the queries of others.
    """
    waiting, errors = deque(jobs), list[BaseException]()
    extra = min(EXTRA_THREADS, len(jobs) - 1)
    cores = divide_cores(extra + 1)

    def work() -> None:
        while not errors:
            try:
                job = waiting.popleft()
            except IndexError:
                return
            try:
                with limit_cores(cores):
                    job()
            except BaseException as error:  # raised again by the calling thread
                errors.append(error)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(extra)]
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
