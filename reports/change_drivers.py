"""The drivers of a change: the values of a dimension whose visitors differ most between two periods.

There may be very many pages, so the visitors are counted only for those whose views differ most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from reports.query import Period, Query, Result, ask_all
from reports.query.filters import FilterInput
from reports.query.periods import find_comparison_period

DRIVER_DIMENSIONS = ("source", "page", "country")
MAX_VALUES = 500  # values compared on each side
DIMENSIONS_OF_MANY_VALUES = ("page",)  # dimensions with very many values
MAX_CANDIDATES = 25  # values of such a dimension whose visitors are counted


@dataclass(frozen=True)
class Difference:
    """The visitors of one value of a dimension, now and before."""

    dimension: str
    value: str
    now: int
    before: int

    @property
    def size(self) -> int:
        return self.now - self.before


def build_queries(
    sites: Sequence[int], period: Period, against: str | Period, now: datetime, where: FilterInput = None
) -> list[Query]:
    """Return the first queries: for each dimension the values of `period`, then those of the period to compare with.

    `against`: "previous", "weekday", "year" or a Period.
    """
    periods = (period, find_comparison_period(period, against, now))
    return [
        Query(
            sites=tuple(sites),
            period=each,
            metrics=("views" if name in DIMENSIONS_OF_MANY_VALUES else "visitors",),
            dimensions=(name,),
            where=where,
            limit=MAX_VALUES,
        )
        for name in DRIVER_DIMENSIONS
        for each in periods
    ]


def build_differences(queries: Sequence[Query], results: Sequence[Result], now: datetime) -> list[Difference]:
    """Return the differences from the results of these queries, largest first. Raises QueryRefused, StoreError."""
    differences: list[Difference] = []
    for index in range(0, len(queries), 2):
        by_value = compare_results(queries[index], *results[index : index + 2])
        if queries[index].dimensions[0] in DIMENSIONS_OF_MANY_VALUES:
            by_value = compare_visitors(queries[index : index + 2], by_value[:MAX_CANDIDATES], now)
        differences += by_value
    return sort_by_size(differences)


def sort_by_size(differences: Sequence[Difference]) -> list[Difference]:
    """Return the differences, largest first."""
    return sorted(differences, key=lambda difference: -abs(difference.size))


def compare_results(query: Query, new: Result, old: Result) -> list[Difference]:
    """Return the values whose metric differs between two results, largest difference first."""
    name, metric = query.dimensions[0], query.metrics[0]
    after, before = ({str(row[name]): int(row[metric] or 0) for row in result.rows} for result in (new, old))
    values = dict.fromkeys([*after, *before])
    differences = [Difference(name, value, after.get(value, 0), before.get(value, 0)) for value in values]
    return sort_by_size([difference for difference in differences if difference.size])


def compare_visitors(queries: Sequence[Query], candidates: Sequence[Difference], now: datetime) -> list[Difference]:
    """Return the differences of the same values by visitors."""
    if not candidates:
        return []
    values = tuple(candidate.value for candidate in candidates)
    by_visitors = [replace(query, metrics=("visitors",), limit=len(values), values=values) for query in queries]
    return compare_results(by_visitors[0], *ask_all(by_visitors, now))


def find_differences(
    sites: Sequence[int], period: Period, against: str | Period, now: datetime, where: FilterInput = None
) -> list[Difference]:
    """Return what differs from the period `against`, largest first. Raises QueryRefused, StoreError."""
    queries = build_queries(sites, period, against, now, where)
    return build_differences(queries, ask_all(queries, now), now)
