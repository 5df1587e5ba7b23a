"""A round of checks: monitors are claimed once, incidents notified once, hours counted."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from sites.alerts.models import Alert, Channel, Delivery
from sites.models import Site
from sites.uptime.checks import check_monitor
from sites.uptime.history import compute_daily_uptime, compute_percentile
from sites.uptime.models import Incident, Monitor, UptimeHour
from sites.uptime.scheduler import claim_due, run_round, write_results
from sites.uptime.services import incident_notify, incidents_notify_late, monitor_create
from sites.uptime.state_machine import CheckResult
from tests.support import read_html
from tests.support.misbehaving_server import MisbehavingServer, misbehaving, wrong_certificate

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BAD = CheckResult(ok=False, cause="It did not answer in time.")


@pytest.fixture
def monitor(site: Site) -> Monitor:
    return monitor_create(site=site, url="https://example.com/", now=NOW)


@pytest.fixture
def alert(site: Site) -> Alert:
    channel = Channel.objects.create(
        account=site.account, kind="email", name="me", target="a@example.com", confirmed=NOW
    )
    alert = Alert.objects.create(site=site, name="down", condition="uptime")
    alert.channels.add(channel)
    return alert


def play(monitor: Monitor, *verdicts: CheckResult, start: datetime = NOW) -> None:
    """Write verdicts a minute apart, telling as a round would; the moments."""
    for index, verdict in enumerate(verdicts):
        at = start + timedelta(minutes=index)
        for incident in write_results([(Monitor.objects.get(pk=monitor.pk), verdict, at)]):
            incident_notify(incident, now=at)


async def run_check(site: Site | None, server: MisbehavingServer, path: str, **fields: Any) -> CheckResult:
    return await check_monitor(
        Monitor(site=site, url=f"{server.base}/{path}", next_due=NOW, **{"timeout": 1, **fields})
    )


@pytest.mark.parametrize(
    ("path", "fields", "cause"),
    [
        ("ok", {}, ""),
        ("ok", {"must_contain": "Welcome"}, ""),
        ("ok", {"must_contain": "Bienvenue"}, "does not contain"),
        ("ok", {"must_not_contain": "Welcome"}, "contains"),
        ("status/503", {}, "Answered 503"),
        ("status/503", {"expected_status": "200, 500-599"}, ""),
        ("status/302", {"follow_redirects": False}, ""),
        ("slow/3", {}, "in time"),
        ("reset", {}, "broke"),
        ("half", {}, "broke"),
        ("endless", {"timeout": 10}, ""),
        ("to/http:||169.254.169.254|", {}, "may not be reached"),
        ("loop", {}, "redirects"),
    ],
)
async def test_a_check_has_the_expected_result(
    server: MisbehavingServer, path: str, fields: dict[str, Any], cause: str
) -> None:
    verdict = await run_check(None, server, path, **fields)
    assert verdict.ok == (not cause)
    assert cause in verdict.cause


async def test_a_wrong_certificate_is_a_failure(settings: Settings) -> None:
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("127.0.0.1/32",))
    with misbehaving(tls=wrong_certificate()) as server:
        assert "certificate" in (await run_check(None, server, "ok")).cause


def test_two_workers_never_claim_the_same_monitor(site: Site) -> None:
    for index in range(30):
        monitor_create(site=site, url=f"https://example.com/{index}", now=NOW)
    first, second = claim_due(NOW), claim_due(NOW)
    assert len(first) == 30 and second == []


@pytest.mark.django_db(transaction=True)
def test_parallel_workers_share_the_work(site: Site) -> None:
    for index in range(40):
        monitor_create(site=site, url=f"https://example.com/{index}", now=NOW)

    def claim(_: Any) -> list[int]:
        try:
            return [monitor.pk for monitor in claim_due(NOW)]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        claimed = [pk for part in pool.map(claim, range(4)) for pk in part]
    assert len(claimed) == len(set(claimed)) == 40


def test_monitors_of_a_killed_worker_are_due_at_their_next_time(monitor: Monitor) -> None:
    assert claim_due(NOW)
    assert claim_due(NOW + timedelta(seconds=60)) != []


def test_a_failure_is_checked_again_within_seconds_and_notified_once(monitor: Monitor, alert: Alert) -> None:
    play(monitor, CheckResult(ok=True, milliseconds=80), BAD)
    assert not Incident.objects.exists()
    soon = Monitor.objects.get(pk=monitor.pk).next_due
    assert soon == NOW + timedelta(minutes=1, seconds=10)
    play(monitor, BAD, BAD, BAD, start=soon)
    incident = Incident.objects.get()
    assert incident.start == NOW + timedelta(minutes=1)
    assert [delivery.subject for delivery in Delivery.objects.all()] == ["https://example.com/ is down"]


def test_the_end_of_an_incident_is_notified_with_its_duration(monitor: Monitor, alert: Alert) -> None:
    play(monitor, BAD, BAD, CheckResult(ok=True, milliseconds=90))
    subjects = {delivery.subject for delivery in Delivery.objects.all()}
    assert "https://example.com/ is up again after 2 min" in subjects


def test_notifications_missed_by_a_killed_worker_are_sent_later_and_once(monitor: Monitor, alert: Alert) -> None:
    for index in range(2):
        write_results([(Monitor.objects.get(), BAD, NOW + timedelta(minutes=index))])
    assert not Delivery.objects.exists()
    assert incidents_notify_late(now=NOW) == 1
    assert incidents_notify_late(now=NOW) == 0


def test_a_round_checks_only_what_is_due_and_enabled(site: Site) -> None:
    due = monitor_create(site=site, url="https://example.com/a", now=NOW)
    monitor_create(site=site, url="https://example.com/b", now=NOW + timedelta(minutes=1))
    monitor_create(site=site, url="https://example.com/c", now=NOW, enabled=False)
    checked = []

    async def fine(monitor: Monitor) -> CheckResult:
        checked.append(monitor.pk)
        return CheckResult(ok=True, milliseconds=50)

    assert run_round(fine, lambda incident: None, NOW) == 1
    assert checked == [due.pk]


def test_an_error_in_a_check_is_not_an_outage(site: Site) -> None:
    broken = monitor_create(site=site, url="https://example.com/a", now=NOW)
    fine = monitor_create(site=site, url="https://example.com/b", now=NOW)

    async def check_some(monitor: Monitor) -> CheckResult:
        if monitor.pk == broken.pk:
            raise RuntimeError("boom")
        return CheckResult(ok=True, milliseconds=50)

    run_round(check_some, lambda incident: None, NOW)
    broken.refresh_from_db()
    fine.refresh_from_db()
    assert (broken.state, broken.cause, fine.state) == ("unknown", "The check itself failed: RuntimeError", "up")


def test_hours_count_checks_and_keep_percentiles(monitor: Monitor) -> None:
    play(monitor, *[CheckResult(ok=True, milliseconds=100)] * 9, CheckResult(ok=True, milliseconds=2000))
    hour = UptimeHour.objects.get()
    assert (hour.checks, hour.failures) == (10, 0)
    assert compute_percentile(hour.histogram, 0.5) == pytest.approx(100, rel=0.05)
    assert compute_percentile(hour.histogram, 0.99) == pytest.approx(2000, rel=0.05)


def test_the_history_counts_seconds_down_by_day(monitor: Monitor) -> None:
    play(monitor, CheckResult(ok=True, milliseconds=50), BAD, BAD, CheckResult(ok=True, milliseconds=50))
    today = compute_daily_uptime(monitor, now=NOW + timedelta(hours=1), zone="Europe/Tallinn", count=3)[-1]
    assert today.seconds_down == 120
    assert today.checks == 4


@pytest.mark.parametrize("name", ["uptime:list", "uptime:new", "alerts:list", "alerts:channel-new"])
def test_uptime_pages_are_only_for_those_who_may_see_the_site(
    client: Client, alice: User, charlie: User, site: Site, monitor: Monitor, name: str
) -> None:
    url = reverse(name, args=[site.pk])
    client.force_login(alice)
    assert client.get(url).status_code == 200
    client.force_login(charlie)
    assert client.get(url).status_code == 404


def test_a_monitor_is_created_and_changed_by_form(client: Client, alice: User, site: Site) -> None:
    client.force_login(alice)
    form = {
        "url": "https://example.com/", "name": "Home", "method": "GET", "interval": "60", "timeout": "10",
        "expected_status": "200", "headers": "X-Test: yes", "follow_redirects": "on", "enabled": "on", "public": "on",
    }  # fmt: skip
    client.post(reverse("uptime:new", args=[site.pk]), form)
    monitor = Monitor.objects.get()
    assert monitor.headers == {"X-Test": "yes"}
    client.post(reverse("uptime:edit", args=[site.pk, monitor.pk]), form | {"headers": "no colon"})
    page = client.post(reverse("uptime:edit", args=[site.pk, monitor.pk]), form | {"timeout": "99"})
    assert b"Choose 1 to 30 seconds" in page.content
    assert Monitor.objects.get().timeout == 10
    assert client.get(reverse("uptime:monitor", args=[site.pk, monitor.pk])).status_code == 200


def test_the_public_status_page_shows_only_public_monitors(client: Client, site: Site, monitor: Monitor) -> None:
    url = reverse("uptime:status", args=[site.pk])
    assert client.get(url).status_code == 404
    monitor_create(site=site, url="https://example.com/shop", name="Shop", public=True, now=NOW)
    page = read_html(client.get(url))
    assert "Shop" in page and "https://example.com/" not in page.replace("https://example.com/shop", "")
