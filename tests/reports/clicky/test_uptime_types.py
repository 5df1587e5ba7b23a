"""Clicky's uptime types return the availability and incidents of monitors."""

from datetime import timedelta

import pytest
from django.utils import timezone

from sites.models import Site
from sites.uptime.models import Incident, Monitor
from sites.uptime.scheduler import write_results
from sites.uptime.services import monitor_create, monitor_update
from sites.uptime.state_machine import CheckResult
from tests.support.clicky_client import Clicky
from tests.support.types import Store


@pytest.fixture
def watched(site: Site, store: Store) -> Monitor:
    monitor = monitor_create(site=site, url="https://example.com/", name="Home & shop", interval=120)
    bad = CheckResult(ok=False, cause="Answered 503; expected 200-399.")
    now = timezone.now()
    for minutes, verdict in (
        (10, CheckResult(ok=True, milliseconds=90)),
        (8, bad),
        (6, bad),
        (4, bad),
        (2, CheckResult(ok=True, milliseconds=90)),
    ):
        at = now - timedelta(minutes=minutes)
        write_results([(Monitor.objects.get(pk=monitor.pk), verdict, at)])
    return monitor


def test_uptime_is_percent_of_the_watched_time_by_monitor(watched: Monitor, site: Site) -> None:
    (item,) = Clicky(site).items("uptime", date="last-2-days")
    assert item["title"] == "Home &amp; shop"
    assert float(item["value"]) == pytest.approx(40, abs=1)  # up for 4 of the 10 minutes, less the moment since


def test_uptime_list_has_every_incident_with_its_duration(watched: Monitor, site: Site) -> None:
    (item,) = Clicky(site).items("uptime-list", date="last-2-days")
    assert (item["status"], item["duration"]) == ("up", "360")
    assert "503" in item["cause"]


def test_an_incident_that_a_pause_ended_is_not_reported_as_up_again(site: Site, store: Store) -> None:
    monitor = monitor_create(site=site, url="https://example.com/")
    now, bad = timezone.now(), CheckResult(ok=False, cause="Answered 503; expected 200-399.")
    for minutes in (8, 7):
        write_results([(monitor, bad, now - timedelta(minutes=minutes))])
    monitor_update(monitor=monitor, changes={"enabled": False}, now=now - timedelta(minutes=6))
    assert [item["status"] for item in Clicky(site).items("uptime-list", date="last-2-days")] == ["paused"]
    monitor_update(monitor=monitor, changes={"enabled": True}, now=now - timedelta(minutes=5))
    for minutes, verdict in ((4, bad), (3, bad), (2, CheckResult(ok=True, milliseconds=90))):
        write_results([(monitor, verdict, now - timedelta(minutes=minutes))])
    statuses = [item["status"] for item in Clicky(site).items("uptime-list", date="last-2-days")]
    assert statuses == ["up", "paused"]
    monitor_update(monitor=monitor, changes={"enabled": False}, now=now)
    assert [item["status"] for item in Clicky(site).items("uptime-list", date="last-2-days")] == statuses


def test_nothing_of_another_site_is_returned(watched: Monitor, site: Site, charlies_site: Site) -> None:
    Incident.objects.update(monitor=monitor_create(site=charlies_site, url="https://charlie.example/"))
    assert Clicky(site).items("uptime-list", date="last-2-days") == []
