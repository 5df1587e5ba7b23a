"""What moved: the values of a dimension whose visitors differ between two periods.

Of pages there may be very many: those whose views differ most are looked at, and their visitors counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from reports.engine import Period, Query, QueryRefused, Result, ask_together
from reports.engine.compare import compared

MOVED_BY = ("source", "page", "country")
MOST = 500  # values looked at on each side
MANY = ("page",)
LIKELIEST = 25  # of many: visitors are counted of so many


@dataclass(frozen=True)
class Difference:
    """Visitors of one value now and before."""

    dimension: str
    value: str
    now: int
    before: int

    @property
    def size(self) -> int:
        return self.now - self.before


def questions(sites: Sequence[int], period: Period, against: Any, now: datetime, where: Any = None) -> list[Query]:
    """What is asked first: of every dimension the values of `period`, then those of `against` ("previous", "weekday",
    "year" or a Period)."""
    periods = (period, compared(period, against, now))
    return [
        Query(tuple(sites), one, ("views" if name in MANY else "visitors",), (name,), where=where, limit=MOST)
        for name in MOVED_BY
        for one in periods
    ]


def told(asked: Sequence[Query], answers: Sequence[Result], now: datetime) -> list[Difference]:
    """What differs by the answers to `questions`, largest first. Raises QueryRefused, StoreError."""
    found: list[Difference] = []
    for index in range(0, len(asked), 2):
        pair = differing(asked[index], *answers[index : index + 2])
        if asked[index].dimensions[0] in MANY:
            pair = by_visitors(asked[index : index + 2], pair[:LIKELIEST], now)
        found += pair
    return sorted(found, key=lambda one: -abs(one.size))


def differing(asked: Query, new: Result, old: Result) -> list[Difference]:
    """The values whose number is another on the other side, the most different first."""
    name, metric = asked.dimensions[0], asked.metrics[0]
    after, before = ({str(row[name]): int(row[metric] or 0) for row in answer.rows} for answer in (new, old))
    values = dict.fromkeys([*after, *before])
    found = [Difference(name, value, after.get(value, 0), before.get(value, 0)) for value in values]
    return sorted((one for one in found if one.size), key=lambda one: -abs(one.size))


def by_visitors(asked: Sequence[Query], likely: Sequence[Difference], now: datetime) -> list[Difference]:
    """The same values by the visitors of both sides."""
    if not likely:
        return []
    values = tuple(one.value for one in likely)
    closer = [replace(one, metrics=("visitors",), limit=len(values), values=values) for one in asked]
    return differing(closer[0], *answered(closer, now))


def answered(queries: Sequence[Query], now: datetime) -> list[Result]:
    """The answers; the first refusal is raised."""
    found = []
    for answer in ask_together(queries, now=now):
        if isinstance(answer, QueryRefused):
            raise answer
        found.append(answer)
    return found


def differences(
    sites: Sequence[int], period: Period, against: Any, now: datetime, where: Any = None
) -> list[Difference]:
    """What differs from the period `against`, largest first. Raises QueryRefused for what cannot be asked."""
    asked = questions(sites, period, against, now, where)
    return told(asked, answered(asked, now), now)
