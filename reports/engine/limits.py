"""What one question may take, and the sentence when it takes more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.conf import settings

from reports.engine.refusal import QueryRefused, QueryStopped

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
SENTENCES: tuple[tuple[str, type[QueryRefused], str], ...] = (
    ("TIMEOUT_EXCEEDED", QueryStopped,
     "The question took longer than {max_execution_time} seconds and was stopped; ask about a shorter period."),
    ("MEMORY_LIMIT_EXCEEDED", QueryStopped,
     "The question needed more than {megabytes:,} MB of memory and was stopped; ask about a shorter period or fewer "
     "dimensions."),
    ("TOO_MANY_ROWS", QueryStopped,
     "The question would read more than {max_rows_to_read:,} rows and was not begun; ask about a shorter period."),
    ("CANNOT_COMPILE_REGEXP", QueryRefused,
     "A value of “matches” is not a regular expression (RE2 syntax, without look-around and back-references)."),
)  # fmt: skip
CODES = {
    "159": "TIMEOUT_EXCEEDED",
    "241": "MEMORY_LIMIT_EXCEEDED",
    "158": "TOO_MANY_ROWS",
    "427": "CANNOT_COMPILE_REGEXP",
}
CODE = re.compile(r"\bcode:? (\d+)", re.I)


_cores: ContextVar[int] = ContextVar("cores", default=0)  # of one statement; 0 = all there are


@contextmanager
def cores(count: int) -> Iterator[None]:
    """What this thread asks meanwhile takes so many cores: for statements that run beside others."""
    token = _cores.set(count)
    try:
        yield
    finally:
        _cores.reset(token)


def query_settings() -> dict[str, Any]:
    """ClickHouse's settings of one question; the operator's QUERY_LIMITS win."""
    beside = {"max_threads": _cores.get()} if _cores.get() else {}
    return {**DEFAULTS, **beside, **getattr(settings, "QUERY_LIMITS", {})}


def explained(error: Exception) -> QueryRefused | None:
    """The refusal that a store's error means, if it is about the question and not about the store."""
    text = f"{error} {error.__cause__ or ''}"
    words = {CODES.get(code, "") for code in CODE.findall(text)}
    limits = query_settings()
    for word, refusal, sentence in SENTENCES:
        if word in text or word in words:
            filled = sentence.format(megabytes=limits["max_memory_usage"] // 1_000_000, **limits)
            return refusal(filled, "where" if refusal is QueryRefused else "")
    return None
