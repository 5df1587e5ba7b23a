"""Rollups of closed days: built when a day is over, built again when its data has changed since.

Everything may run twice and at once: a build has its own number, and the ledger's highest counts. What changed is not
told to this module; it compares what has arrived for a day with what had when the day was built.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from accounts.operations.run import run_each
from reports.engine import rolled
from reports.engine.period import DAY, Period, day_start, zone_of
from reports.engine.plan import rolled_above
from sites import known
from tracking import store

log = logging.getLogger(__name__)
GRACE = timedelta(minutes=10)  # after midnight, so that what lay in the spool has arrived
MOST_DAYS = 31  # in one build
BUDGET = 300.0  # seconds of one round; the next one goes on
KEPT = timedelta(hours=1)  # superseded builds, for questions that began before


def build(site_id: int, day: date, now: datetime) -> None:
    """Build and publish one closed day of a site, in the site's zone. Nothing for an unknown site."""
    if facts := known.site(site_id):
        rolled.build_days(site_id, facts.timezone, day, day, next_build(), now)


def next_build() -> int:
    """A number above every earlier one: microseconds of the clock."""
    return time.time_ns() // 1000


def catch_up(now: datetime | None = None) -> int:
    """Build every closed day whose data is not what it was built from; how many days were built."""
    now = now or datetime.now(UTC)
    begun = time.monotonic()
    large = {site_id: first for site_id, first, events in rolled.sites_with_events() if events >= rolled_above()}
    order = random.sample(sorted(large), len(large))  # so that a site with much to build is not first in every round
    rounds = run_each(
        order, lambda site_id: build_site(site_id, large[site_id], now, begun + BUDGET), what="Rollups of site",
        stop_for=(store.StoreAway,),
    )  # fmt: skip
    built = sum(days for days, _ in rounds)
    if time.monotonic() - begun > BUDGET:
        log.info("rollups: %d days built, the rest comes with the next round", built)
    elif any(rebuilt for _, rebuilt in rounds):
        rolled.sweep(now - KEPT)
    return built


def build_site(site_id: int, first: datetime, now: datetime, until: float) -> tuple[int, bool]:
    """Build the stale days of one site, at most until `until` (`time.monotonic`).

    Returns how many days were built, and whether one of them replaces an earlier build.
    """
    facts, built, again = known.site(site_id), 0, False
    if facts is None or time.monotonic() > until:
        return 0, False
    for run, rebuilt in stale(site_id, facts.timezone, first, now):
        rolled.build_days(site_id, facts.timezone, run[0], run[-1], next_build(), now)
        built, again = built + len(run), again or rebuilt
        if time.monotonic() > until:
            break
    return built, again


def stale(site_id: int, zone: str, first: datetime, now: datetime) -> Iterator[tuple[list[date], bool]]:
    """Runs of closed days that need a build, and whether one of them had one."""
    info = zone_of(zone)
    day = max(first.astimezone(info).date(), date(1971, 1, 1))
    last = (now - GRACE).astimezone(info).date() - DAY
    if last < day:
        return
    published = rolled.published(site_id, zone, Period.days(day, last + DAY, zone))
    current = {each.day for each in published if each.whole}
    arrived = rolled.arrived(site_id, zone, day, last)
    ever = rolled.ever_built(site_id)
    run: list[date] = []
    while day <= last:
        wanted = day not in current and (day in arrived or day in ever)
        if wanted and day_start(day, info) < day_start(day + DAY, info):
            run.append(day)
        if run and (not wanted or len(run) == MOST_DAYS or day == last):
            yield run, any(each in ever for each in run)
            run = []
        day += DAY
