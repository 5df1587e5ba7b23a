"""Split tests: who saw which version, and how many of them reached a goal afterwards.

Only visitors who saw one version count; those who saw several are told apart. The interval of a rate is Wilson's score
interval at 95 percent: it holds for few visitors and for rates near 0 and 100 percent, where others promise too much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reports.engine.conditions import Conditions
from reports.engine.lists import asked, scene_of
from reports.engine.lookup import Source
from reports.engine.people_sql import chosen, trees
from reports.engine.period import Period

Z = 1.959963984540054  # of a two-sided 95 percent interval
MOST_TESTS, MOST_ARMS = 100, 50


@dataclass(frozen=True)
class Arm:
    """One version: visitors, those of them who reached the goal, and the interval of the rate (0 to 1)."""

    name: str
    visitors: int
    converted: int

    @property
    def rate(self) -> float:
        return self.converted / self.visitors if self.visitors else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.converted, self.visitors)


def wilson(hits: int, tries: int) -> tuple[float, float]:
    """Wilson's score interval at 95 percent; everything is possible where nothing was tried."""
    if not tries:
        return 0.0, 1.0
    share, square = hits / tries, Z * Z
    middle = share + square / (2 * tries)
    reach = Z * math.sqrt(share * (1 - share) / tries + square / (4 * tries * tries))
    below = 1 + square / tries
    low, high = (middle - reach) / below, (middle + reach) / below
    return (0.0 if not hits else max(0.0, low), 1.0 if hits == tries else min(1.0, high))


def tests(site_id: int, period: Period, where: Any = None, *, now: datetime, source: Source | None = None) -> list[str]:
    """Names of the split tests that ran in the period, the most seen first."""
    scene = scene_of((site_id,), period, where, now, source)
    sql = (
        f"SELECT split_test, uniq(device) AS seen {scene.events(chosen(scene), SPLIT)} "
        "GROUP BY split_test ORDER BY seen DESC, split_test"
    )
    return [str(row["split_test"]) for row in asked(scene, sql, MOST_TESTS, 0)]


SPLIT = "split_test != ''"


def arms(
    site_id: int,
    period: Period,
    test: str,
    goals: list[Any],
    where: Any = None,
    *,
    now: datetime,
    source: Source | None = None,
) -> tuple[list[Arm], int]:
    """The versions of a test by name, and how many visitors saw several of them.

    `goals`: filter JSON of events; a visitor converted who did any of them at or after first seeing their version.
    """
    scene = scene_of((site_id,), period, where, now, source)
    conditions = Conditions(scene)
    reached = " OR ".join(f"({conditions.events(tree)})" for tree in trees((site_id,), goals, source, "goal")) or "0"
    of_test = f"split_test = {scene.params.text(test)}"
    people = (
        f"SELECT {scene.visitor} AS who, groupUniqArrayIf(2)(split_arm, {of_test}) AS seen, "
        f"minIf(ts, {of_test}) AS since, maxIf(ts, {reached}) AS reached, countIf({reached}) > 0 AS did "
        f"{scene.events(chosen(scene))} GROUP BY who HAVING notEmpty(seen)"
    )
    sql = (
        "SELECT if(length(seen) = 1, seen[1], '') AS arm, length(seen) > 1 AS mixed, count() AS visitors, "
        f"countIf(did AND reached >= since) AS converted FROM ({people}) GROUP BY arm, mixed ORDER BY mixed, arm"
    )
    rows = asked(scene, sql, MOST_ARMS, 0)
    found = [Arm(str(row["arm"]), int(row["visitors"]), int(row["converted"])) for row in rows if not row["mixed"]]
    return found, sum(int(row["visitors"]) for row in rows if row["mixed"])
