"""The verdicts of checks, told as a story: pure functions, driven by any clock.

A failure is believed only when a second check, `CONFIRM_AFTER` later, fails too; then the incident starts at the
FIRST failure. One good check ends it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

CONFIRM_AFTER = timedelta(seconds=10)
Word = Literal["unknown", "up", "unsure", "down"]


@dataclass(frozen=True)
class Verdict:
    """What one check found. `milliseconds` to the last byte read; `cause` is a sentence when not ok.

    A check that was not `made`, for a reason on this side, says nothing about the monitored address.
    """

    ok: bool
    milliseconds: int = 0
    cause: str = ""
    tls_expires: datetime | None = None
    made: bool = True


@dataclass(frozen=True)
class Standing:
    """Where a monitor stands: the word, since when, and the first failure of an unconfirmed or open incident."""

    word: Word = "unknown"
    since: datetime | None = None
    first_failure: datetime | None = None


@dataclass(frozen=True)
class Change:
    """What a verdict did: the new standing, and at most one of an incident's two moments."""

    standing: Standing
    went_down: datetime | None = None  # the incident's start
    came_up: datetime | None = None
    confirm_at: datetime | None = None  # ask again then, instead of at the next regular moment


def judged(standing: Standing, verdict: Verdict, now: datetime) -> Change:
    """The change that `verdict`, reached at `now`, makes to `standing`."""
    if not verdict.made:
        return not_checked(standing, now)
    if verdict.ok:
        if standing.word == "up":
            return Change(standing)
        ended = now if standing.word == "down" else None
        since = standing.since if standing.word == "unsure" and standing.since else now
        return Change(Standing("up", since), came_up=ended)
    if standing.word == "down":
        return Change(standing)
    if standing.word == "unsure" and standing.first_failure:
        return Change(Standing("down", now, standing.first_failure), went_down=standing.first_failure)
    unsure = replace(standing, word="unsure", first_failure=now)
    return Change(unsure, confirm_at=now + CONFIRM_AFTER)


def not_checked(standing: Standing, now: datetime) -> Change:
    """The change when a check was not made: the state is unknown, but a monitor that was down stays down."""
    if standing.word == "down":
        return Change(standing)
    return Change(Standing("unknown", standing.since if standing.word == "unknown" else now))


def next_moment(monitor_id: int, interval: int, after: datetime) -> datetime:
    """The next check after `after`, on a grid of its own: evenly spread over monitors, never drifting."""
    phase = (monitor_id * 2654435761) % (interval * 1000) / 1000
    seconds = after.timestamp() - phase
    return datetime.fromtimestamp(phase + (seconds // interval + 1) * interval, tz=after.tzinfo)
