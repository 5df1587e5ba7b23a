"""What moved: the values of a dimension whose visitors differ between two periods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reports.engine import Period, Query, ask
from reports.engine.compare import compared

MOVED_BY = ("source", "page", "country")
MOST = 500  # values looked at on each side


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


def by_value(sites: Sequence[int], period: Period, name: str, now: datetime, where: Any) -> dict[str, int]:
    query = Query(tuple(sites), period, ("visitors",), (name,), where=where, limit=MOST)
    return {str(row[name]): int(row["visitors"] or 0) for row in ask(query, now=now).rows}


def differences(
    sites: Sequence[int], period: Period, against: Any, now: datetime, where: Any = None
) -> list[Difference]:
    """What differs from the period `against` ("previous", "weekday", "year" or a Period), largest first."""
    earlier = compared(period, against, now)
    found = []
    for name in MOVED_BY:
        new, old = by_value(sites, period, name, now, where), by_value(sites, earlier, name, now, where)
        values = dict.fromkeys([*new, *old])
        found += [Difference(name, value, new.get(value, 0), old.get(value, 0)) for value in values]
    return sorted((one for one in found if one.size), key=lambda one: -abs(one.size))
