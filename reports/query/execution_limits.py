"""Running statements of queries: within limits of time, memory and rows, and with errors that explain what to change.

Every statement that answers somebody is run by `run_statement`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.conf import settings

from reports.query.budgets import answered_request, note_incomplete, spend_budget
from reports.query.errors import QueryRefused, QueryStopped
from reports.query.sql.select import Select
from tracking import store

StoreRow = tuple[Any, ...]  # the columns that its statement selects
DEFAULTS: dict[str, int] = {
    "max_execution_time": 30,
    "max_memory_usage": 3_000_000_000,
    "max_rows_to_read": 2_000_000_000,
    "max_query_size": 1_000_000,
    "max_expanded_ast_elements": 500_000,
    "prefer_column_name_to_alias": 1,
    "join_use_nulls": 0,
    "transform_null_in": 0,
}
# Characters. The store compiles the expressions of a statement that it sees for the third time. With many goals that
# takes seconds once (15 ms for each), and saves a tenth of the time where a million events are read, nothing for few
MAX_COMPILED_LENGTH = 5_000
EXPLANATIONS_BY_CODE: tuple[tuple[int, type[QueryRefused], str], ...] = (
    (159, QueryStopped,  # TIMEOUT_EXCEEDED
     "The query took longer than {max_execution_time} seconds and was stopped; ask about a shorter period."),
    (241, QueryStopped,  # MEMORY_LIMIT_EXCEEDED
     "The query needed more than {megabytes:,} MB of memory and was stopped; ask about a shorter period or fewer "
     "dimensions."),
    (158, QueryStopped,  # TOO_MANY_ROWS
     "The query would read more than {max_rows_to_read:,} rows and was not started; ask about a shorter period."),
    (427, QueryRefused,  # CANNOT_COMPILE_REGEXP
     "A value of “matches” is not a regular expression (RE2 syntax, without look-around and back-references)."),
)  # fmt: skip

_max_cores: ContextVar[int] = ContextVar("max_cores", default=0)  # of one statement; 0 = all there are


@contextmanager
def limit_cores(count: int) -> Iterator[None]:
    """Limit the cores that statements of this thread may use meanwhile, because others run at the same time."""
    token = _max_cores.set(count)
    try:
        yield
    finally:
        _max_cores.reset(token)


def query_settings() -> dict[str, int]:
    """Return ClickHouse's settings for one query; the operator's QUERY_LIMITS win."""
    cores = {"max_threads": _max_cores.get()} if _max_cores.get() else {}
    return {**DEFAULTS, **cores, **getattr(settings, "QUERY_LIMITS", {})}


def explain_error(error: store.StoreError, limits: Mapping[str, int]) -> QueryRefused | None:
    """Return the error of a statement with these settings as a QueryRefused; None if it is not about the query."""
    for code, refusal, template in EXPLANATIONS_BY_CODE:
        if code in error.codes:
            sentence = template.format(megabytes=limits["max_memory_usage"] // 1_000_000, **limits)
            return refusal(sentence, "where" if refusal is QueryRefused else "")
    return None


def run_statement(sql: str | Select, params: Mapping[str, object], sites: Sequence[int]) -> store.StoreResult:
    """Run one statement on these sites, within their account's budget; without sites it is the installation's own.

    In a request shards that do not answer are left out, and the result says so.

    Raises QueryRefused if it exceeds a limit, BudgetExceeded if the account uses too much, StoreError if the store
    fails.
    """
    with spend_budget(sites) as budget_settings:
        run = store.query_available if answered_request.get() is not None else store.query
        limits = query_settings()
        text = str(sql)
        if len(text) > MAX_COMPILED_LENGTH:
            limits["compile_expressions"] = 0
        for name, value in budget_settings.items():  # of two limits the smaller one
            limits[name] = min(limits.get(name, value), value)
        try:
            result = run(text, params, settings=limits)
        except store.StoreError as error:
            refusal = explain_error(error, limits)
            if refusal is None:
                raise
            raise refusal from error
    if result.incomplete:
        note_incomplete()
    return result
