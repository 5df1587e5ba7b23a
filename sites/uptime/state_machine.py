"""The state machine of a monitor: pure functions from results of checks to states and incidents.

A failure counts only when a second check, `CONFIRM_AFTER` later, fails too; the incident then starts at the FIRST
failure. One successful check ends it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

CONFIRM_AFTER = timedelta(seconds=10)
GOLDEN_RATIO_HASH = 2654435761  # a prime near 2^32 / golden ratio (Knuth): spreads consecutive ids evenly
StateName = Literal["unknown", "up", "unsure", "down"]


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """The result of a check: `milliseconds` until the body was read, `cause` as a sentence when not ok.

    It is not `conclusive` if the check could not be made for a reason on this side: then it says nothing about the
    monitored address.
    """

    ok: bool
    milliseconds: int = 0
    cause: str = ""
    tls_expires: datetime | None = None
    conclusive: bool = True


@dataclass(frozen=True)
class MonitorStatus:
    """The state of a monitor, since when, and the first failure of an unconfirmed or open incident."""

    state: StateName = "unknown"
    since: datetime | None = None
    first_failure: datetime | None = None


@dataclass(frozen=True)
class Transition:
    """The effect of a check: the new status, and the start or the end of an incident if it has one."""

    status: MonitorStatus
    incident_start: datetime | None = None
    incident_end: datetime | None = None
    confirm_at: datetime | None = None  # check again then, instead of at the next regular time


def apply_check(status: MonitorStatus, result: CheckResult, now: datetime) -> Transition:
    """Return the transition from `status` that a check finished at `now` causes."""
    if not result.conclusive:
        return apply_inconclusive_check(status, now)
    if result.ok:
        if status.state == "up":
            return Transition(status)
        since = status.since if status.state == "unsure" and status.since else now
        return Transition(MonitorStatus("up", since), incident_end=now if status.state == "down" else None)
    if status.state == "down":
        return Transition(status)
    if status.state == "unsure" and status.first_failure:
        return Transition(MonitorStatus("down", now, status.first_failure), incident_start=status.first_failure)
    return Transition(replace(status, state="unsure", first_failure=now), confirm_at=now + CONFIRM_AFTER)


def apply_inconclusive_check(status: MonitorStatus, now: datetime) -> Transition:
    """Return the transition of an inconclusive check: to "unknown", but a monitor that was down stays down."""
    if status.state == "down":
        return Transition(status)
    return Transition(MonitorStatus("unknown", status.since if status.state == "unknown" else now))


def find_next_check(monitor_id: int, interval: int, after: datetime) -> datetime:
    """Return the time of the next regular check after `after`; `interval` is in seconds.

    Each monitor has a grid of its own, so that checks are spread evenly over the interval and never drift.
    """
    phase = (monitor_id * GOLDEN_RATIO_HASH) % (interval * 1000) / 1000
    seconds = after.timestamp() - phase
    return datetime.fromtimestamp(phase + (seconds // interval + 1) * interval, tz=after.tzinfo)
