"""A month of uptime checks of the demo shop, replayed through the code that stores real ones."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from config.demo.shop import compute_moment
from config.demo.world import HOUR_WEIGHTS, WorldRow, load_world
from sites.models import Site
from sites.uptime.models import Monitor
from sites.uptime.services import checks_replay, monitor_create, monitor_update
from sites.uptime.state_machine import CONFIRM_AFTER, CheckResult

CHECK_SECONDS = 300  # seconds between two checks
CERTIFICATE_LIFETIME = timedelta(days=52)
Outage = tuple[datetime, datetime, str]  # start, end, cause


def list_outages(monitor: WorldRow, now: datetime) -> list[Outage]:
    """List when the monitor's address was down, and why."""
    starts = [(compute_moment(now, row["days"], row["clock"]), row) for row in monitor["incidents"]]
    return [(start, start + timedelta(minutes=row["minutes"]), row["cause"]) for start, row in starts]


def list_closures(now: datetime) -> list[Outage]:
    """List the outages in which nobody could visit the shop."""
    return [
        outage
        for monitor in load_world()["monitors"]
        if monitor.get("stops_visits")
        for outage in list_outages(monitor, now)
    ]


def generate_checks(
    row: WorldRow, now: datetime, days: int, dice: random.Random
) -> Iterator[tuple[CheckResult, datetime]]:
    """Yield every check of the month, oldest first; a first failure is confirmed after CONFIRM_AFTER."""
    outages = [outage for outage in list_outages(row, now) if outage[1] < now]
    at, was_down = now - timedelta(days=days), False
    while at < now:
        cause = next((reason for start, end, reason in outages if start <= at < end), "")
        if cause:
            yield CheckResult(ok=False, cause=cause), at
            if not was_down:
                yield CheckResult(ok=False, cause=cause), at + CONFIRM_AFTER
        else:
            busy = 1 + HOUR_WEIGHTS[at.hour] / 120
            milliseconds = int(row["milliseconds"] * busy * dice.lognormvariate(0, 0.18))
            yield CheckResult(ok=True, milliseconds=milliseconds, tls_expires=now + CERTIFICATE_LIFETIME), at
        was_down = bool(cause)
        at += timedelta(seconds=CHECK_SECONDS)


def create_monitors(site: Site, now: datetime, days: int, dice: random.Random) -> list[Monitor]:
    """Create the shop's monitors with a month of checks. They are paused, because the shop does not exist."""
    monitors = []
    for row in load_world()["monitors"]:
        monitor = monitor_create(
            site=site, name=row["name"], url=row["url"], interval=CHECK_SECONDS, public=row["public"], now=now
        )
        checks_replay(monitor=monitor, results=list(generate_checks(row, now, days, dice)))
        monitors.append(monitor_update(monitor=monitor, changes={"enabled": False}))
    return monitors
