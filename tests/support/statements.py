"""The statements that the event store gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tracking import store

QUERIES = ("query", "query_available")  # the second does not call the first by this name


@contextmanager
def record_statements() -> Iterator[list[str]]:
    """Yield a list to which every statement of a query is added meanwhile."""
    asked: list[str] = []

    def record(real: Callable[..., Any]) -> Callable[..., Any]:
        def query(sql: str, *more: Any, **named: Any) -> Any:
            asked.append(sql)
            return real(sql, *more, **named)

        return query

    functions = {name: getattr(store, name) for name in QUERIES}
    try:
        for name, real in functions.items():
            setattr(store, name, record(real))
        yield asked
    finally:
        for name, real in functions.items():
            setattr(store, name, real)
