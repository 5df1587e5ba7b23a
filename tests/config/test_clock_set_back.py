"""After a clock that was ahead is set right, times recorded by it must not have an effect until they are reached."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from config import health
from sites.alerts.models import Alert
from sites.alerts.services import is_throttled
from sites.models import Site
from sites.uptime.models import Monitor
from sites.uptime.scheduler import make_due_after_clock_change, run_round
from sites.uptime.services import monitor_create
from sites.uptime.state_machine import CheckResult
from tests.support import state
from tracking.bots.request_rate import MAX_WITHOUT_ATTENTION, RequestRates
from tracking.state.deduplication import BRIEF_SECONDS, RecentIds
from tracking.state.questions import ClaimFirst, Window

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
AHEAD = 2 * 3600.0


def test_the_request_rate_does_not_add_up_minutes_after_a_clock_change() -> None:
    pace, minute = RequestRates(), int(NOW.timestamp()) // 60
    pace.count_view(1, 7, "192.0.2.1", minute + 120)
    told = {pace.count_view(1, 7, "192.0.2.1", minute + number) for number in range(MAX_WITHOUT_ATTENTION + 5)}
    assert told == {""}
    pace.count_view(1, 7, "192.0.2.1", minute + 200)
    pace.count_view(1, 7, "192.0.2.1", minute + 199)  # a hit that was under way when the minute began
    assert pace.minute == minute + 200


def test_a_click_recorded_by_a_fast_clock_does_not_block_unique_clicks() -> None:
    window, now = Window("test", 1800), NOW.timestamp()
    moments = (now + AHEAD, now, now + 60)
    assert [state.current().ask(ClaimFirst(window, "a", at)) for at in moments] == [True, True, False]


def test_beacon_ids_recorded_by_a_fast_clock_expire_after_minutes() -> None:
    brief, now = RecentIds(), NOW.timestamp()
    brief.add(1, now + AHEAD)
    brief.add(2, now)
    assert brief.since == now
    brief.add(3, now + BRIEF_SECONDS + 1)
    assert brief.previous == {2}


def test_a_silent_worker_is_noticed_after_a_clock_change(db: None) -> None:
    health.record_heartbeat(NOW + timedelta(hours=2))
    assert any("not reported" in text for text in health.build_report(NOW)["warnings"])
    health.record_heartbeat(NOW)
    assert not any("not reported" in text for text in health.build_report(NOW)["warnings"])


def test_monitors_checked_by_a_fast_clock_are_checked_again_at_once(site: Site) -> None:
    async def up(monitor: Monitor) -> CheckResult:
        return CheckResult(ok=True, milliseconds=5)

    monitor_create(site=site, url="https://example.com/", interval=60, now=NOW)
    ahead = NOW + timedelta(hours=2)
    assert run_round(up, lambda incident: None, ahead) == 1
    assert run_round(up, lambda incident: None, NOW + timedelta(seconds=9)) == 1
    assert run_round(up, lambda incident: None, NOW + timedelta(seconds=14)) == 0
    assert run_round(up, lambda incident: None, NOW + timedelta(seconds=75)) == 1


def test_a_monitor_scheduled_by_a_fast_clock_is_due(site: Site) -> None:
    monitor = monitor_create(site=site, url="https://example.com/", now=NOW + timedelta(hours=3))
    assert make_due_after_clock_change(NOW) == 1
    monitor.refresh_from_db()
    assert monitor.next_due == NOW


def test_an_alert_sent_by_a_fast_clock_is_sent_again(site: Site) -> None:
    alert = Alert(site=site, name="x", condition="online", throttle_minutes=30)
    alert.last_fired = NOW + timedelta(hours=2)
    assert not is_throttled(alert, NOW)
    alert.last_fired = NOW
    assert is_throttled(alert, NOW + timedelta(minutes=29)) and not is_throttled(alert, NOW + timedelta(minutes=30))
