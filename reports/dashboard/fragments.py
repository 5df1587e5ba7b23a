"""Fragments of a report (key figures, tables …): queried in one batch, rendered and failing each for itself.

A query that several fragments need runs once. A fragment that fails displays the reason in its place; the rest of the
page is not affected.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from reports.query import Query, QueryRefused, Result, ask_many
from tracking.store import StoreError

log = logging.getLogger(__name__)
QUERY_ERRORS = (QueryRefused, StoreError)
T = TypeVar("T")
Content = TypeVar("Content", covariant=True)


def describe_error(error: Exception) -> str:
    """Return the sentence that a page displays instead of a fragment; failures of the store are logged."""
    if isinstance(error, QueryRefused):
        return error.sentence
    log.warning("a page could not query the event store: %s", error)
    return str(error) or "The event store does not answer."


def fetch_or_none(fetch: Callable[[], T]) -> T | None:
    """Return what `fetch` returns, or None where the query is refused or the store does not answer."""
    try:
        return fetch()
    except QUERY_ERRORS as error:
        describe_error(error)
        return None


@dataclass(frozen=True)
class Fragment(Generic[Content]):
    """A piece of a report: its queries, how it is built from their results, and what replaces it when that fails."""

    build_queries: Callable[[], Sequence[Query]]
    build: Callable[[list[Result]], Content]  # takes the results in the order of the queries
    build_failure: Callable[[str], Content]  # takes the reason as a sentence


def load_fragments(fragments: Sequence[Fragment[T]], now: datetime) -> list[T]:
    """Return the contents of the fragments, in their order. Equal queries run once."""
    queries: dict[Query, int] = {}
    indexes = [collect_queries(fragment, queries) for fragment in fragments]
    try:
        results = ask_many(list(queries), now=now)
    except StoreError as error:
        reason = describe_error(error)
        return [fragment.build_failure(reason) for fragment in fragments]
    return [build_content(fragment, own, results) for fragment, own in zip(fragments, indexes, strict=True)]


def collect_queries(fragment: Fragment[object], queries: dict[Query, int]) -> list[int] | QueryRefused:
    """Add the fragment's queries to `queries` (query -> index), unless they are there, and return their indexes."""
    try:
        return [queries.setdefault(query, len(queries)) for query in fragment.build_queries()]
    except QueryRefused as error:
        return error


def build_content(
    fragment: Fragment[T], indexes: list[int] | QueryRefused, results: Sequence[Result | QueryRefused]
) -> T:
    """Return the fragment's content, or its replacement where one of its queries failed."""
    if isinstance(indexes, QueryRefused):
        return fragment.build_failure(describe_error(indexes))
    own_results = []
    for index in indexes:
        result = results[index]
        if isinstance(result, QueryRefused):
            return fragment.build_failure(describe_error(result))
        own_results.append(result)
    try:
        return fragment.build(own_results)
    except QUERY_ERRORS as error:
        return fragment.build_failure(describe_error(error))
