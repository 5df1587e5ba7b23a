"""What moved: the values of a dimension whose visitors differ between two periods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from reports.engine import Period, Query, QueryRefused, Result, ask_together
from reports.engine.compare import compared

MOVED_BY = ("source", "page", "country")
MOST = 500  # values looked at on each side
FIRST = 100  # where there may be many more: of each side the first, and what the other side knows of them
MANY = ("page",)
ALONG = {"page": ("views",)}  # what the panel of pages asks too, so that one question answers both


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
    """What is asked: of every dimension the values of `period`, then those of `against` ("previous", "weekday", "year"
    or a Period)."""
    earlier, found = compared(period, against, now), []
    for name in MOVED_BY:
        metrics = ("visitors", *ALONG.get(name, ()))
        found.append(widened(Query(tuple(sites), period, metrics, (name,), where=where), earlier))
        found.append(widened(Query(tuple(sites), earlier, ("visitors",), (name,), where=where), period))
    return found


def widened(query: Query, other: Period) -> Query:
    """A question about the first rows, made one that also tells what moved from or to the `other` period."""
    if query.dimensions[0] in MANY:
        return replace(query, limit=FIRST, compare=other)
    return replace(query, limit=MOST)


def told(answers: Sequence[Result]) -> list[Difference]:
    """What differs by the answers to `questions`, largest first."""
    found = []
    for index, name in enumerate(MOVED_BY):
        (new, before), (old, after) = (by_value(name, answer) for answer in answers[2 * index : 2 * index + 2])
        new, old = {**after, **new}, {**before, **old}
        values = dict.fromkeys([*new, *old])
        found += [Difference(name, value, new.get(value, 0), old.get(value, 0)) for value in values]
    return sorted((one for one in found if one.size), key=lambda one: -abs(one.size))


def by_value(name: str, answer: Result) -> tuple[dict[str, int], dict[str, int]]:
    """Visitors of each value, and those of the same values in the other period where that was asked too."""
    other = answer.comparison if isinstance(answer.comparison, list) else []
    mine, theirs = ({str(row[name]): int(row["visitors"] or 0) for row in rows} for rows in (answer.rows, other))
    return mine, theirs


def differences(
    sites: Sequence[int], period: Period, against: Any, now: datetime, where: Any = None
) -> list[Difference]:
    """What differs from the period `against`, largest first. Raises QueryRefused for what cannot be asked."""
    answers = []
    for answer in ask_together(questions(sites, period, against, now, where), now=now):
        if isinstance(answer, QueryRefused):
            raise answer
        answers.append(answer)
    return told(answers)
