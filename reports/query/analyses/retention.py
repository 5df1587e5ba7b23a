"""Retention: visitors by the day, week or month of their first visit, and how many visited in each later one.

A filter selects by the first visit ("people who first came from a newsletter"); every later visit counts, wherever it
came from. A visitor is the person where the visit has one, else the device, so without cookies and names nobody can be
recognised on another day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from dateutil.relativedelta import relativedelta

from reports.query.analyses.base import build_context, fetch_page
from reports.query.context import QueryContext, to_milliseconds, write_instant
from reports.query.errors import QueryRefused
from reports.query.filters import FilterInput
from reports.query.periods import Period, find_day_start
from reports.query.references import GoalSource
from reports.query.sql.conditions import ConditionBuilder
from reports.query.sql.select import Rows
from reports.query.sql.tables import rows_of_sites
from reports.query.timezones import EPOCH, Clock

STEPS = ("day", "week", "month")
MAX_COHORTS = 31  # cohorts of one query
BEGIN_OF_TIME = datetime(1970, 1, 3, tzinfo=UTC)


@dataclass(frozen=True)
class Cohort:
    """Visitors whose first visit lies in the step that begins on `start`.

    Element n of the numbers counts those who visited in the n-th step after it; element 0 counts all.
    """

    start: date
    visitors: tuple[int, ...]


def find_step(day: date, by: str) -> date:
    """Return the first day of the step that a day lies in; weeks begin on Monday."""
    if by == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if by == "week" else day


def shift_step(first: date, by: str, count: int = 1) -> date:
    """Return the first day of the step `count` later (or, if negative, earlier)."""
    if by == "month":
        return first + relativedelta(months=count)
    return first + timedelta(days=count * (7 if by == "week" else 1))


def find_cohorts(
    site_id: int,
    last: date,
    by: str,
    count: int,
    zone: str,
    where: FilterInput = None,
    *,
    named: bool = False,
    now: datetime,
    source: GoalSource | None = None,
) -> list[Cohort]:
    """Return `count` cohorts up to the step that `last` lies in, oldest first, without those that have not begun.

    `named`: only persons, no devices.
    """
    if by not in STEPS or not 1 <= count <= MAX_COHORTS:
        raise QueryRefused(f"Retention is by {', '.join(STEPS)}, of 1 to {MAX_COHORTS} of them.", "by")
    starts = [shift_step(find_step(last, by), by, index - count + 1) for index in range(count)]
    info = Period(BEGIN_OF_TIME, now, zone).info
    period = Period(find_day_start(starts[0], info), find_day_start(shift_step(starts[-1], by), info), zone)
    context = build_context((site_id,), period, where, now, source)
    visitors: dict[tuple[int, int], int] = {}
    for row in fetch_page(context, select_cohorts(context, by, named), count * (count + 1)):
        visitors[int(row["cohort"]), int(row["step"])] = int(row["visitors"])
    begun = {number_step(start, by): start for start in starts if find_day_start(start, info) <= now}
    return [
        Cohort(start, tuple(visitors.get((number, step), 0) for step in begun if step >= number))
        for number, start in begun.items()
    ]


def number_step(day: date, by: str) -> int:
    """Return the number of a step, as `number_step_sql` does."""
    days = (day - EPOCH).days
    return day.year * 12 + day.month if by == "month" else (days + 3) // 7 if by == "week" else days


def write_step_number(day: str, by: str) -> str:
    """Write the number of the step that a day (SQL of days since 1970) lies in."""
    if by == "month":
        return f"toYear(toDate({day})) * 12 + toMonth(toDate({day}))"
    return f"intDiv({day} + 3, 7)" if by == "week" else day


def select_cohorts(context: QueryContext, by: str, named: bool) -> str:
    """Write SELECT of cohort, step and visitors. Steps are numbered by the local time of the site."""
    step = write_step_number(Clock(context.period).day("toUnixTimestamp(visit_start)"), by)
    fits = ConditionBuilder(context).for_visits(context.tree) or "1"
    begin = write_instant(to_milliseconds(context.period.start))
    visitors = (
        f"SELECT min(visit_start) AS since, argMin({fits}, (visit_start, visit)) AS fits, "
        f"argMin({step}, visit_start) AS cohort, groupUniqArrayIf({step}, visit_start >= {begin}) AS steps "
        f"{find_visits_to_search(context, named)} GROUP BY visitor HAVING since >= {begin} AND fits"
    )
    return (
        "SELECT cohort, arrayJoin(steps) AS step, count() AS visitors "
        f"FROM ({visitors}) GROUP BY cohort, step ORDER BY cohort, step"
    )


def find_visits_to_search(context: QueryContext, named: bool) -> Rows:
    """Return the visits among which first ones are searched.

    The first visit of a device is stored, so visits before the period need not be read. A person may have come before
    on another device, so where people are identified, all visits are read.
    """
    conditions = ["person != ''"] if named else []
    if context.has_persons:
        context = context.for_period(Period(BEGIN_OF_TIME, context.period.end, context.period.zone))
    else:
        begin = write_instant(to_milliseconds(context.period.start))
        first_visits = rows_of_sites("firsts", context.sites)
        conditions.append(f"device IN (SELECT device {first_visits} GROUP BY device HAVING min(first) >= {begin})")
    return context.from_visits(*conditions)


def identifies_people(site_id: int, now: datetime) -> bool:
    """Return whether the site ever identified a person."""
    return build_context((site_id,), Period(BEGIN_OF_TIME, now), None, now, None).has_persons
