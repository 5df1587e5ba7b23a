"""States of a monitor under any clock: confirmed before notified, notified once, right durations."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from sites.uptime.state_machine import CONFIRM_AFTER, CheckResult, MonitorStatus, apply_check, find_next_check

START = datetime(2026, 3, 1, tzinfo=UTC)
OK, BAD = CheckResult(ok=True, milliseconds=120), CheckResult(ok=False, cause="It did not answer in time.")


def play(outcomes: list[bool], start: datetime = START, interval: int = 60) -> tuple[MonitorStatus, list[Any], int]:
    """Every (down, up) pair and confirmation that a list of check outcomes leads to."""
    status, now, stories, confirmations = MonitorStatus(), start, [], 0
    for good in outcomes:
        transition = apply_check(status, OK if good else BAD, now)
        if transition.incident_start:
            stories.append([transition.incident_start, None])
        if transition.incident_end:
            stories[-1][1] = transition.incident_end
        confirmations += transition.confirm_at is not None
        status = transition.status
        now = transition.confirm_at or now + timedelta(seconds=interval)
    return status, stories, confirmations


def test_one_failure_alone_sends_no_notification() -> None:
    status, stories, confirmations = play([True, False, True, True])
    assert (status.state, stories, confirmations) == ("up", [], 1)


def test_a_confirmed_failure_starts_at_the_first_failed_check_and_ends_at_the_first_good_one() -> None:
    _, stories, _ = play([True, False, False, False, True])
    first = START + timedelta(seconds=60)
    assert stories == [[first, first + CONFIRM_AFTER + timedelta(seconds=120)]]


def test_an_unconfirmed_failure_does_not_reset_the_time_since_up() -> None:
    status, _, _ = play([True, False, True])
    assert status.since == START


@given(st.lists(st.booleans(), max_size=400))
def test_incidents_never_overlap_and_each_is_opened_and_closed_once(outcomes: list[bool]) -> None:
    status, stories, _ = play(outcomes)
    ends = [end for _, end in stories]
    assert all(end is not None for end in ends[:-1])
    assert all(start < end for start, end in stories if end)
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(stories))
    assert (status.state == "down") == bool(stories and stories[-1][1] is None)


def test_each_incident_of_a_month_is_notified_once() -> None:
    outcomes = [minute % 1440 not in range(200, 210) for minute in range(31 * 1440)]
    _, stories, _ = play(outcomes)
    assert len(stories) == 31
    assert all(timedelta(minutes=9) < end - start <= timedelta(minutes=10) for start, end in stories)


def test_an_incident_over_a_clock_change_has_the_true_duration() -> None:
    before = datetime(2026, 3, 29, 1, 30, tzinfo=ZoneInfo("Europe/Berlin"))  # the clock jumps from 2 to 3
    _, stories, _ = play([True, False, *[False] * 90, True], start=before.astimezone(UTC))
    start, end = stories[0]
    assert end - start == CONFIRM_AFTER + timedelta(minutes=90)


@given(st.integers(1, 10**9), st.integers(30, 3600), st.integers(0, 10**6))
def test_check_times_never_drift(monitor_id: int, interval: int, offset: int) -> None:
    after = START + timedelta(milliseconds=offset)
    moment = find_next_check(monitor_id, interval, after)
    assert after < moment <= after + timedelta(seconds=interval + 0.001)
    second = find_next_check(monitor_id, interval, moment)
    assert abs((second - moment).total_seconds() - interval) < 0.01


def test_check_times_of_many_monitors_are_spread_over_the_minute() -> None:
    tenths = {int((find_next_check(i, 60, START) - START).total_seconds() / 6) for i in range(1, 200)}
    assert len(tenths) >= 10
