"""How much of a month's events or API calls an account will have used when the month ends, at the present pace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from accounts.plans.monthly_use import USED_PERCENT, MonthlyUse
from accounts.plans.months import DAY, list_days
from sites.amounts import round_half_up

PACE_DAYS = 7  # complete days whose mean is the pace: a whole week, because weekends differ


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What the month ends with. `used_up` and `refused` are the days on which that begins; None: not in this month."""

    per_day: int
    total: int
    percent: int
    used_up: date | None
    refused: date | None


def forecast_use(use: MonthlyUse, by_day: Mapping[date, int], today: date, since: date) -> Forecast | None:
    """Continue the running month with the mean of the last complete days. None if there is no complete day `since` the
    account exists."""
    days = min(PACE_DAYS, (today - since).days)
    if days < 1:
        return None
    pace = sum(by_day.get(today - number * DAY, 0) for number in range(1, days + 1)) / days
    sums: dict[date, float] = {}
    total = float(use.used)
    for day in list_days(today.replace(day=1)):
        if day >= today:
            total += max(0.0, pace - by_day.get(day, 0)) if day == today else pace
            sums[day] = total
    return Forecast(
        per_day=int(round_half_up(pace)),
        total=int(round_half_up(total)),
        percent=int(100 * total // use.quota) if use.quota else 0,
        used_up=find_day(sums, use.quota, USED_PERCENT),
        refused=find_day(sums, use.quota, use.refused_at),
    )


def find_day(sums: Mapping[date, float], quota: int, percent: int) -> date | None:
    """Find the first day whose sum reaches a percentage of the quota; None without one."""
    if not quota or not percent:
        return None
    return next((day for day, total in sums.items() if 100 * total >= percent * quota), None)
