"""A month of uptime checks of the demo shop, told to the code that writes down real ones."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from config.demo.shop import moment
from config.demo.world import HOURS, world
from sites.models import Site
from sites.uptime.models import Monitor
from sites.uptime.services import checks_replay, monitor_create, monitor_update
from sites.uptime.state import CONFIRM_AFTER, Verdict

EVERY = 300  # seconds between two checks
CERTIFICATE = timedelta(days=52)
Stretch = tuple[datetime, datetime, str]


def stretches(monitor: dict[str, Any], now: datetime) -> list[Stretch]:
    """When the monitor's address did not answer, and why."""
    starts = [(moment(now, row["days"], row["clock"]), row) for row in monitor["incidents"]]
    return [(start, start + timedelta(minutes=row["minutes"]), row["cause"]) for start, row in starts]


def closed(now: datetime) -> list[Stretch]:
    """When nobody could visit the shop."""
    return [one for monitor in world()["monitors"] if monitor.get("stops_visits") for one in stretches(monitor, now)]


def verdicts(row: dict[str, Any], now: datetime, days: int, dice: random.Random) -> Iterator[tuple[Verdict, datetime]]:
    """Every check of the month, oldest first; a failure is asked again soon, as the judge wants it."""
    down = [one for one in stretches(row, now) if one[1] < now]
    at, doubted = now - timedelta(days=days), False
    while at < now:
        cause = next((why for start, end, why in down if start <= at < end), "")
        if cause:
            yield Verdict(False, cause=cause), at
            if not doubted:
                yield Verdict(False, cause=cause), at + CONFIRM_AFTER
        else:
            busy = 1 + HOURS[at.hour] / 120
            milliseconds = int(row["milliseconds"] * busy * dice.lognormvariate(0, 0.18))
            yield Verdict(True, milliseconds, tls_expires=now + CERTIFICATE), at
        doubted = bool(cause)
        at += timedelta(seconds=EVERY)


def watch(site: Site, now: datetime, days: int, dice: random.Random) -> list[Monitor]:
    """The shop's monitors with their month behind them. They are paused: nothing is asked of a shop nobody has."""
    made = []
    for row in world()["monitors"]:
        monitor = monitor_create(
            site=site, name=row["name"], url=row["url"], interval=EVERY, public=row["public"], now=now
        )
        checks_replay(monitor=monitor, verdicts=list(verdicts(row, now, days, dice)))
        made.append(monitor_update(monitor=monitor, changes={"enabled": False}))
    return made
