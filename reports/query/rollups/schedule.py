"""When rollups are built: each day once it is over, and again when its data has changed since.

All of it may run twice and at the same time: each build has a number of its own, and the highest published one is
current. Nothing reports changes to this module; it compares how many rows have arrived for a day with how many had when
the day was built.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from accounts.run_each import run_each
from reports.query.periods import DAY, Period, find_day_start, parse_zone
from reports.query.planner import get_min_rows_for_rollups
from reports.query.rollups.build import build_days, delete_superseded
from reports.query.rollups.read import count_arrived_rows, list_sites_with_events, read_built_days, read_published_days
from sites import site_cache
from tracking import store

log = logging.getLogger(__name__)
GRACE = timedelta(minutes=10)  # after midnight, until the spool is written to the store
MAX_DAYS_PER_BUILD = 31
MAX_ROUND_SECONDS = 300.0  # seconds of one round; the next one continues
SUPERSEDED_BUILD_LIFETIME = timedelta(hours=1)  # for queries that began before


def next_build_number() -> int:
    """Return a number above every earlier one: microseconds of the clock."""
    return time.time_ns() // 1000


def build_outdated_days(now: datetime | None = None) -> int:
    """Build every closed day whose data has changed since it was built; returns how many days were built."""
    now = now or datetime.now(UTC)
    started = time.monotonic()
    minimum = get_min_rows_for_rollups()
    first_events = {site_id: first for site_id, first, events in list_sites_with_events() if events >= minimum}
    # In random order, so that a site with much to build does not come first in every round
    order = random.sample(sorted(first_events), len(first_events))
    rounds = run_each(
        order, lambda site_id: build_site(site_id, first_events[site_id], now, started + MAX_ROUND_SECONDS),
        what="Rollups of site", stop_for=(store.StoreAway,),
    )  # fmt: skip
    built = sum(days for days, _ in rounds)
    if time.monotonic() - started > MAX_ROUND_SECONDS:
        log.info("rollups: %d days built, the rest follows in the next round", built)
    elif any(rebuilt for _, rebuilt in rounds):
        delete_superseded(now - SUPERSEDED_BUILD_LIFETIME)
    return built


def build_site(site_id: int, first: datetime, now: datetime, until: float) -> tuple[int, bool]:
    """Build the outdated days of one site, at most until `until` (`time.monotonic`).

    Returns how many days were built, and whether one of them replaces an earlier build.
    """
    site, built, any_rebuilt = site_cache.get_site(site_id), 0, False
    if site is None or time.monotonic() > until:
        return 0, False
    for days, rebuilt in find_outdated_days(site_id, site.timezone, first, now):
        build_days(site_id, site.timezone, days[0], days[-1], next_build_number(), now)
        built, any_rebuilt = built + len(days), any_rebuilt or rebuilt
        if time.monotonic() > until:
            break
    return built, any_rebuilt


def find_outdated_days(site_id: int, zone: str, first: datetime, now: datetime) -> Iterator[tuple[list[date], bool]]:
    """Yield runs of consecutive closed days that need a build, and whether one of them was built before."""
    info = parse_zone(zone)
    day = max(first.astimezone(info).date(), date(1971, 1, 1))
    last = (now - GRACE).astimezone(info).date() - DAY
    if last < day:
        return
    published = read_published_days(site_id, zone, Period.days(day, last + DAY, zone))
    current = {each.day for each in published if each.has_devices}
    arrived = count_arrived_rows(site_id, zone, day, last)
    built = read_built_days(site_id)
    run: list[date] = []
    while day <= last:
        outdated = day not in current and (day in arrived or day in built)
        if outdated and find_day_start(day, info) < find_day_start(day + DAY, info):
            run.append(day)
        if run and (not outdated or len(run) == MAX_DAYS_PER_BUILD or day == last):
            yield run, any(each in built for each in run)
            run = []
        day += DAY
