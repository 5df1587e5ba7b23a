"""Who came back: visitors by the day, week or month of their first visit, and how many were seen in each later one.

A filter chooses by the first visit ("people who first came from a newsletter"); every later visit counts, wherever it
came from. A visitor is the known person, else the device, so without cookies and names nobody can be seen to come back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from reports.engine.conditions import Conditions
from reports.engine.lists import asked, scene_of
from reports.engine.lookup import Source
from reports.engine.period import Period, day_start
from reports.engine.refusal import QueryRefused
from reports.engine.scene import Scene, instant, millis
from reports.engine.tables import rows_of_sites
from reports.engine.zones import EPOCH, Clock

STEPS = ("day", "week", "month")
MOST = 31  # cohorts of one question
EVER = datetime(1970, 1, 3, tzinfo=UTC)


@dataclass(frozen=True)
class Cohort:
    """Visitors whose first visit lies in the step that begins on `start`.

    `seen[n]`: how many of them visited in the n-th step after it; `seen[0]` are all of them.
    """

    start: date
    seen: tuple[int, ...]


def step_of(day: date, by: str) -> date:
    """The first day of the step a day lies in; weeks begin on Monday."""
    if by == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if by == "week" else day


def step_after(first: date, by: str, count: int = 1) -> date:
    """The first day of the step `count` later (or, negative, earlier)."""
    if by == "month":
        months = first.year * 12 + first.month - 1 + count
        return date(months // 12, months % 12 + 1, 1)
    return first + timedelta(days=count * (7 if by == "week" else 1))


def retention(
    site_id: int,
    last: date,
    by: str,
    count: int,
    zone: str,
    where: Any = None,
    *,
    named: bool = False,
    now: datetime,
    source: Source | None = None,
) -> list[Cohort]:
    """`count` cohorts up to the step that `last` lies in, the oldest first. `named`: only people known by name."""
    if by not in STEPS or not 1 <= count <= MOST:
        raise QueryRefused(f"Retention is by {', '.join(STEPS)}, of 1 to {MOST} of them.", "by")
    starts = [step_after(step_of(last, by), by, index - count + 1) for index in range(count)]
    info = Period(EVER, now, zone).info
    window = Period(day_start(starts[0], info), day_start(step_after(starts[-1], by), info), zone)
    scene = scene_of((site_id,), window, where, now, source)
    numbers = [number_of(start, by) for start in starts]
    seen: dict[tuple[int, int], int] = {}
    for row in asked(scene, cohorts_sql(scene, by, named), count * (count + 1), 0):
        seen[int(row["cohort"]), int(row["step"])] = int(row["visitors"])
    begun = [number for start, number in zip(starts, numbers, strict=True) if day_start(start, info) <= now]
    return [
        Cohort(start, tuple(seen.get((number, step), 0) for step in begun if step >= number))
        for start, number in zip(starts, numbers, strict=True)
        if number in begun
    ]


def number_of(day: date, by: str) -> int:
    """The step as the SQL below numbers it."""
    days = (day - EPOCH).days
    return day.year * 12 + day.month if by == "month" else (days + 3) // 7 if by == "week" else days


def number_sql(day: str, by: str) -> str:
    if by == "month":
        return f"toYear(toDate({day})) * 12 + toMonth(toDate({day}))"
    return f"intDiv({day} + 3, 7)" if by == "week" else day


def cohorts_sql(scene: Scene, by: str, named: bool) -> str:
    """Rows of cohort, step and visitors. Steps are numbered on the clock of the site."""
    step = number_sql(Clock(scene.period).day("toUnixTimestamp(visit_start)"), by)
    fits = Conditions(scene).visits(scene.tree) or "1"
    began = instant(millis(scene.period.start))
    people = (
        f"SELECT min(visit_start) AS since, argMin({fits}, (visit_start, visit)) AS fits, "
        f"argMin({step}, visit_start) AS cohort, groupUniqArrayIf({step}, visit_start >= {began}) AS steps "
        f"FROM {visits_of(scene, named)} GROUP BY visitor HAVING since >= {began} AND fits"
    )
    return (
        "SELECT cohort, arrayJoin(steps) AS step, count() AS visitors "
        f"FROM ({people}) GROUP BY cohort, step ORDER BY cohort, step"
    )


def visits_of(scene: Scene, named: bool) -> str:
    """The visits among which first ones are looked for.

    A device's first visit is remembered, so devices that came before need not be read. A person may have come before
    on another device, so where people are known, all their visits are read.
    """
    began = instant(millis(scene.period.start))
    rows = rows_of_sites("firsts", scene.sites)
    firsts = f"SELECT device {rows} GROUP BY device HAVING min(first) >= {began}"
    conditions = [] if scene.persons else [f"device IN ({firsts})"]
    conditions += ["person != ''"] if named else []
    among = scene.during(Period(EVER, scene.period.end, scene.period.zone)) if scene.persons else scene
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"(SELECT * FROM {among.visits()}{where})"


def knows_people(site_id: int, now: datetime) -> bool:
    """Whether the site ever said who somebody is."""
    return scene_of((site_id,), Period(EVER, now), None, now, None).persons
