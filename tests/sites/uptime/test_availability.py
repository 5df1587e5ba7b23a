"""Availability is a share of the watched time; unchecked time is neither up nor down."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from accounts.models import User
from sites.models import Site
from sites.uptime.history import compute_availability, compute_daily_uptime, compute_uptime, find_midnight
from sites.uptime.models import Incident, Monitor, WatchedPeriod
from sites.uptime.scheduler import delete_old_history, write_results
from sites.uptime.services import incident_notify, monitor_create, monitor_update, monitor_url_set
from sites.uptime.state_machine import CheckResult
from tests.support import read_html
from tests.support.clicky_client import Clicky
from tests.support.turns import count_examples
from tests.support.types import Store
from tests.values import require

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
OK, BAD = (
    CheckResult(ok=True, milliseconds=80),
    CheckResult(ok=False, cause="The name shop.example could not be resolved."),
)
NOT_MADE = CheckResult(ok=False, cause="The name servers of this installation do not answer.", conclusive=False)


@pytest.fixture
def monitor(site: Site) -> Monitor:
    return monitor_create(site=site, url="https://shop.example/", name="Shop", public=True, now=NOW)


def write(monitor: Monitor, *checks: tuple[datetime, CheckResult]) -> None:
    """Write (moment, verdict), as a round does."""
    write_results([(monitor, verdict, at) for at, verdict in checks])
    monitor.refresh_from_db()


def every_minute(start: datetime, verdict: CheckResult, count: int) -> list[tuple[datetime, CheckResult]]:
    return [(start + index * MINUTE, verdict) for index in range(count)]


def between(monitor: Monitor, start: datetime, end: datetime) -> Any:
    return compute_uptime(monitor, [start, end])[0]


def test_a_monitor_that_was_never_up_has_zero_availability_everywhere(
    client: Client, alice: User, site: Site, store: Store
) -> None:
    monitor = monitor_create(site=site, url="https://shop.example/", name="Shop", public=True)
    now = timezone.now()
    write(monitor, *every_minute(now - 15 * MINUTE, BAD, 15))
    Monitor.objects.update(created=now - 15 * MINUTE)
    client.force_login(alice)
    for name, where in (
        ("uptime:list", [site.pk]),
        ("uptime:monitor", [site.pk, monitor.pk]),
        ("uptime:status", [site.pk]),
    ):
        page = read_html(client.get(reverse(name, args=where)))
        assert "0.00 % available in 90 days" in page and ">0.00 %</span>" in page
        assert ": not checked</title>" in page and "100.00 %" not in page
    for date in ("today", "yesterday"):
        values = [item["value"] for item in Clicky(site).items("uptime", date=date)]
        assert values == (["0.00"] if between_dates(monitor, site, date) else [])


def between_dates(monitor: Monitor, site: Site, date: str) -> bool:
    """Whether the quarter of an hour before now touches the date."""
    today = find_midnight(timezone.now().astimezone(ZoneInfo(site.timezone)).date(), ZoneInfo(site.timezone))
    return date == "today" or require(monitor.checked) - 14 * MINUTE < today


def test_a_day_without_checks_is_unknown(monitor: Monitor) -> None:
    write(monitor, (NOW, OK), (NOW + MINUTE, OK))
    later = NOW + 5 * DAY
    write(monitor, (later, OK), (later + MINUTE, BAD), (later + 2 * MINUTE, BAD), (later + 3 * MINUTE, OK))
    result = compute_daily_uptime(monitor, now=later + 4 * MINUTE, zone="UTC", count=7)
    assert [span.availability for span in result] == [None, 100, None, None, None, None, 50]
    assert [span.seconds_watched for span in result] == [0, 120, 0, 0, 0, 0, 240]
    assert compute_availability(result) == pytest.approx(100 * 4 / 6)


def test_a_pause_is_neither_up_nor_down_and_ends_an_incident(monitor: Monitor) -> None:
    write(monitor, *every_minute(NOW, OK, 10), *every_minute(NOW + 10 * MINUTE, BAD, 10))
    monitor_update(monitor=monitor, changes={"enabled": False}, now=NOW + 19 * MINUTE + timedelta(seconds=30))
    result = between(monitor, NOW, NOW + DAY)
    assert (result.seconds_watched, result.seconds_down) == (1170, 570)
    assert (monitor.state, Incident.objects.get().end) == ("unknown", NOW + 19 * MINUTE + timedelta(seconds=30))
    assert incident_notify(Incident.objects.get()) == 0
    monitor_update(monitor=monitor, changes={"enabled": True}, now=NOW + 2 * HOUR)
    write(monitor, *every_minute(NOW + 2 * HOUR, OK, 10))
    result = between(monitor, NOW, NOW + DAY)
    assert (result.seconds_watched, result.seconds_down) == (1770, 570)


def test_a_result_that_arrives_after_pausing_is_ignored(monitor: Monitor) -> None:
    write(monitor, (NOW, OK))
    monitor_update(monitor=monitor, changes={"enabled": False}, now=NOW + timedelta(seconds=20))
    write(monitor, (NOW + timedelta(seconds=30), OK))
    assert between(monitor, NOW, NOW + DAY).seconds_watched == 20


def test_a_paused_link_ends_the_watched_time_of_its_monitor(monitor: Monitor) -> None:
    write(monitor, (timezone.now() - timedelta(seconds=30), OK))
    monitor_url_set(monitor=monitor, url=monitor.url, enabled=False)
    assert WatchedPeriod.objects.count() == 1
    assert Monitor.objects.get().watched_since is None


def test_missed_checks_are_not_watched_time(monitor: Monitor) -> None:
    write(monitor, (NOW, OK), (NOW + MINUTE, NOT_MADE), (NOW + 2 * MINUTE, NOT_MADE), (NOW + 3 * MINUTE, OK))
    assert between(monitor, NOW, NOW + 4 * MINUTE).seconds_watched == 120


def test_an_outage_counts_only_while_it_was_checked(monitor: Monitor) -> None:
    checks = [(NOW, OK), (NOW + MINUTE, BAD), (NOW + 2 * MINUTE, BAD), (NOW + 3 * MINUTE, NOT_MADE)]
    write(monitor, *checks, (NOW + 3 * HOUR, BAD), (NOW + 3 * HOUR + MINUTE, OK))
    result = between(monitor, NOW, NOW + 3 * HOUR + 2 * MINUTE)
    assert (result.seconds_watched, result.seconds_down) == (300, 180)


def test_an_unconfirmed_failure_is_unknown(monitor: Monitor) -> None:
    write(monitor, (NOW, BAD))
    assert between(monitor, NOW, NOW + timedelta(seconds=5)).availability is None
    write(monitor, (NOW + timedelta(seconds=10), BAD))
    assert between(monitor, NOW, NOW + timedelta(seconds=20)).availability == 0


def test_a_shorter_interval_keeps_earlier_watched_time(monitor: Monitor) -> None:
    monitor_update(monitor=monitor, changes={"interval": 3600}, now=NOW)
    write(monitor, (NOW, OK))
    monitor_update(monitor=monitor, changes={"interval": 60}, now=NOW + 50 * MINUTE)
    write(monitor, (NOW + 51 * MINUTE, OK))
    assert between(monitor, NOW, NOW + 52 * MINUTE).seconds_watched == 51 * 60


def test_saving_the_form_keeps_what_a_round_stored_meanwhile(monitor: Monitor) -> None:
    stale = Monitor.objects.get()
    write(monitor, *every_minute(NOW, BAD, 3))
    monitor_update(monitor=stale, changes={"name": "Store"}, now=NOW + 3 * MINUTE)
    monitor.refresh_from_db()
    assert (monitor.name, monitor.state, monitor.watched_since) == ("Store", "down", NOW)


def test_old_watched_periods_are_deleted(monitor: Monitor) -> None:
    write(monitor, (NOW, OK), (NOW + DAY, OK))
    assert delete_old_history(NOW + timedelta(days=401)) == 2
    assert not WatchedPeriod.objects.exists()


# -- any month against an evaluation minute by minute ---------------------------------------------------------------

INTERVALS = [5, 15, 60]  # minutes
LATE = 1  # whole minutes that a check may be late without a gap
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York"]


@dataclass(kw_only=True)
class Month:
    """A month as it happened: when the monitor was made, paused, checked, and with what verdict."""

    interval: int  # minutes
    made: int  # minute of the month
    length: int  # minutes
    pauses: list[tuple[int, int]]
    gaps: list[tuple[int, int]]  # no worker runs
    cut_off: list[tuple[int, int]]  # checks are not made
    outages: list[tuple[int, int]]
    late: list[int]  # minutes that checks are late, in turn
    checks: list[tuple[int, CheckResult]] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        for index, due in enumerate(range(self.made, self.length - 4, self.interval)):
            minute = due + self.late[index % len(self.late)]
            if not inside(minute, self.pauses) and not inside(minute, self.gaps):
                self.checks.append((minute, self.verdict(minute)))

    def verdict(self, minute: int) -> CheckResult:
        if inside(minute, self.cut_off):
            return NOT_MADE
        return BAD if inside(minute, self.outages) else OK


def inside(minute: int, stretches: list[tuple[int, int]]) -> bool:
    return any(start <= minute < end for start, end in stretches)


def stretches(length: int, most: int) -> st.SearchStrategy[list[tuple[int, int]]]:
    """Up to `most` stretches of the month, apart from each other."""
    cuts = st.lists(st.integers(1, length - 1), unique=True, max_size=2 * most).map(sorted)
    return cuts.map(lambda result: list(zip(result[::2], result[1::2], strict=False)))


@st.composite
def months(draw: st.DrawFn) -> Month:
    length = draw(st.sampled_from([28, 30, 31])) * 1440
    return Month(
        interval=draw(st.sampled_from(INTERVALS)),
        made=draw(st.integers(0, length // 2)),
        length=length,
        pauses=draw(stretches(length, 2)),
        gaps=draw(stretches(length, 3)),
        cut_off=draw(stretches(length, 3)),
        outages=draw(stretches(length, 6)),
        late=draw(st.lists(st.integers(0, 3), min_size=1, max_size=20)),
    )


def happen(site: Site, month: Month) -> Monitor:
    """Let the month happen through the services; the monitor at its end."""
    seconds = month.interval * 60
    monitor = monitor_create(site=site, url="https://shop.example/", interval=seconds, now=at_minute(month.made))
    turns = sorted({minute for pause in month.pauses for minute in pause if minute > month.made} | {month.length})
    paused, done = inside(month.made, month.pauses), 0
    if paused:
        monitor_update(monitor=monitor, changes={"enabled": False}, now=at_minute(month.made))
    for switch in turns:
        part = [(at_minute(minute), verdict) for minute, verdict in month.checks[done:] if minute < switch]
        write(monitor, *part)
        done += len(part)
        if switch < month.length:
            paused = not paused
            monitor_update(monitor=monitor, changes={"enabled": not paused}, now=at_minute(switch))
    return monitor


def at_minute(minute: int) -> datetime:
    return FIRST + minute * MINUTE


def evaluate(month: Month) -> list[str]:
    """Every minute of the month as "up", "down" or "unknown", one after the other: what the last check said, as long as
    it speaks: until the next one is made, if that is not late, else until that was due, and never into a pause."""
    states = ["unknown"] * month.length
    for index, (minute, word) in enumerate(confirmed(month)):
        due = minute + month.interval
        following, verdict = month.checks[index + 1] if index + 1 < len(month.checks) else (month.length, NOT_MADE)
        until = following if verdict.conclusive and following <= due + LATE else min(due, following)
        for one in range(minute, until):
            if word == "unknown" or inside(one, month.pauses):
                break
            states[one] = word
    return states


def confirmed(month: Month) -> list[tuple[int, str]]:
    """The checks with what each one says. A failure says "down" if the check after it fails too, or if it is down
    already; nothing if no check could tell."""
    words, down = [], False
    for index, (minute, verdict) in enumerate(month.checks):
        later, next_verdict = month.checks[index + 1] if index + 1 < len(month.checks) else (month.length, NOT_MADE)
        pause_follows = any(minute < start <= later for start, _ in month.pauses)
        if verdict is BAD and not down:
            down = next_verdict is BAD and not pause_follows
            undecided = next_verdict is NOT_MADE or pause_follows
            words.append((minute, "down" if down else "unknown" if undecided else "up"))
        else:
            down = down and verdict is not OK
            words.append((minute, "unknown" if verdict is NOT_MADE else "down" if down else "up"))
        down = down and not pause_follows
    return words


def share(words: list[str]) -> float | None:
    watched = [word for word in words if word != "unknown"]
    return 100 * watched.count("up") / len(watched) if watched else None


@settings(
    max_examples=count_examples(20),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a month is slow to simplify, and says enough as it is
)
@given(month=months(), zone=st.sampled_from(ZONES), data=st.data())
def test_any_month_equals_an_evaluation_minute_by_minute(
    site: Site, month: Month, zone: str, data: st.DataObject
) -> None:
    monitor, words = happen(site, month), evaluate(month)
    tz, end = ZoneInfo(zone), at_minute(month.length)
    midnights = [find_midnight(FIRST.date() + index * DAY, tz) for index in range(-1, 33)]
    cuts = [data.draw(st.integers(0, month.length)) for _ in range(4)]
    edges = sorted({FIRST, end, *(at_minute(cut) for cut in cuts), *(one for one in midnights if FIRST < one < end)})
    for span, start, until in zip(compute_uptime(monitor, edges), edges, edges[1:], strict=False):
        part = words[(start - FIRST) // MINUTE : (until - FIRST) // MINUTE]
        watched, down = len(part) - part.count("unknown"), part.count("down")
        assert (start, span.seconds_watched / 60, span.seconds_down / 60) == (start, watched, down)
        assert span.availability == (None if share(part) is None else pytest.approx(share(part)))
    last = compute_daily_uptime(monitor, now=end, zone=zone, count=33)
    assert compute_availability(last) == (None if share(words) is None else pytest.approx(share(words)))
