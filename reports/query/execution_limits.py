"""Running statements of queries: within limits of time, memory and rows, and with errors that explain what to change.

Every statement that answers somebody is run by `run_statement`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.conf import settings

from reports.query.errors import QueryRefused, QueryStopped
from reports.query.sql.select import Select
from tracking import store

DEFAULTS: dict[str, Any] = {
    "max_execution_time": 30,
    "max_memory_usage": 3_000_000_000,
    "max_rows_to_read": 2_000_000_000,
    "max_query_size": 1_000_000,
    "max_expanded_ast_elements": 500_000,
    "prefer_column_name_to_alias": 1,
    "join_use_nulls": 0,
    "transform_null_in": 0,
}
EXPLANATIONS_BY_ERROR: tuple[tuple[str, type[QueryRefused], str], ...] = (
    ("TIMEOUT_EXCEEDED", QueryStopped,
     "The query took longer than {max_execution_time} seconds and was stopped; ask about a shorter period."),
    ("MEMORY_LIMIT_EXCEEDED", QueryStopped,
     "The query needed more than {megabytes:,} MB of memory and was stopped; ask about a shorter period or fewer "
     "dimensions."),
    ("TOO_MANY_ROWS", QueryStopped,
     "The query would read more than {max_rows_to_read:,} rows and was not started; ask about a shorter period."),
    ("CANNOT_COMPILE_REGEXP", QueryRefused,
     "A value of “matches” is not a regular expression (RE2 syntax, without look-around and back-references)."),
)  # fmt: skip
ERROR_NAMES = {
    "159": "TIMEOUT_EXCEEDED",
    "241": "MEMORY_LIMIT_EXCEEDED",
    "158": "TOO_MANY_ROWS",
    "427": "CANNOT_COMPILE_REGEXP",
}
ERROR_CODE = re.compile(r"\bcode:? (\d+)", re.I)


_max_cores: ContextVar[int] = ContextVar("max_cores", default=0)  # of one statement; 0 = all there are


@contextmanager
def limit_cores(count: int) -> Iterator[None]:
    """Limit the cores that statements of this thread may use meanwhile, because others run at the same time."""
    token = _max_cores.set(count)
    try:
        yield
    finally:
        _max_cores.reset(token)


def query_settings() -> dict[str, Any]:
    """Return ClickHouse's settings for one query; the operator's QUERY_LIMITS win."""
    cores = {"max_threads": _max_cores.get()} if _max_cores.get() else {}
    return {**DEFAULTS, **cores, **getattr(settings, "QUERY_LIMITS", {})}


def explain_error(error: Exception) -> QueryRefused | None:
    """Return a store's error as a QueryRefused; None if the error is not about the query."""
    text = f"{error} {error.__cause__ or ''}"
    names = {ERROR_NAMES.get(code, "") for code in ERROR_CODE.findall(text)}
    limits = query_settings()
    for name, refusal, template in EXPLANATIONS_BY_ERROR:
        if name in text or name in names:
            sentence = template.format(megabytes=limits["max_memory_usage"] // 1_000_000, **limits)
            return refusal(sentence, "where" if refusal is QueryRefused else "")
    return None


def run_statement(sql: str | Select, params: Mapping[str, Any]) -> store.StoreResult:
    """Run one statement. Raises QueryRefused if it exceeds a limit, StoreError if the store fails."""
    try:
        return store.query(str(sql), params, settings=query_settings())
    except store.StoreError as error:
        refusal = explain_error(error)
        if refusal is None:
            raise
        raise refusal from error
