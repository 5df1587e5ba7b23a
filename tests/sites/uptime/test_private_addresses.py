"""Private addresses are rejected when a monitor is saved, and are no outage when they occur later."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from accounts.models import Account
from sites.alerts.models import Alert, Channel, Delivery
from sites.models import Site
from sites.uptime.checks import check_monitor
from sites.uptime.history import compute_daily_uptime
from sites.uptime.models import Incident, Monitor, UptimeHour
from sites.uptime.scheduler import run_round
from sites.uptime.services import incident_notify, monitor_create
from sites.uptime.state_machine import CheckResult, MonitorStatus, apply_check
from tests.accounts.test_object_limits import CHANNEL, MONITOR
from tests.support import read_html
from tests.support.dns_server import outbound_dns
from tests.support.misbehaving_server import misbehaving
from tests.values import require

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
OK, BAD = CheckResult(ok=True, milliseconds=50), CheckResult(ok=False, cause="Answered 503; expected 200-399.")
NOT_MADE = CheckResult(ok=False, cause="The name servers of this installation do not answer.", conclusive=False)
INNER = [
    "http://127.0.0.1:8000/healthz", "http://localhost/", "http://shop.localhost/", "http://[::1]/", "http://10.1.2.3/",
    "http://169.254.169.254/latest/", "http://2130706433/", "http://127.1/", "http://[::ffff:10.0.0.1]/",
]  # fmt: skip


@pytest.mark.parametrize("url", INNER)
def test_the_form_rejects_a_private_address(inside: Client, site: Site, url: str) -> None:
    page = read_html(inside.post(reverse("uptime:new", args=[site.pk]), MONITOR | {"url": url}))
    assert not Monitor.objects.exists()
    hook = read_html(inside.post(reverse("alerts:channel-new", args=[site.pk]), CHANNEL | {"target": url}))
    assert not Channel.objects.exists()
    assert "ALLOWED_OUTBOUND" in hook and ("ALLOWED_OUTBOUND" in page or "Enter a valid URL" in page)


@pytest.mark.parametrize("url", INNER)
def test_the_service_rejects_a_private_address(site: Site, url: str) -> None:
    with pytest.raises(ValidationError):
        monitor_create(site=site, url=url)


def test_a_monitor_of_an_address_no_longer_allowed_can_be_disabled(inside: Client, site: Site) -> None:
    monitor = Monitor.objects.create(site=site, url="http://10.1.2.3/", next_due=NOW)
    channel = Channel.objects.create(account=site.account, kind="webhook", name="ops", target="http://10.1.2.3/")
    off = {"enabled": ""}
    inside.post(reverse("uptime:edit", args=[site.pk, monitor.pk]), MONITOR | {"url": monitor.url} | off)
    inside.post(reverse("alerts:channel-edit", args=[site.pk, channel.pk]), CHANNEL | {"target": channel.target} | off)
    monitor.refresh_from_db()
    channel.refresh_from_db()
    assert (monitor.enabled, channel.enabled) == (False, False)


def test_a_host_with_only_private_addresses_is_rejected_and_an_unknown_one_is_not(
    inside: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with outbound_dns(monkeypatch, inner=["10.0.0.1", "fd00::1"], outer=["93.184.216.34", "10.0.0.1"]):
        for url in ("https://inner.example/", "https://outer.example/", "https://later.example/"):
            inside.post(reverse("uptime:new", args=[site.pk]), MONITOR | {"url": url})
            inside.post(reverse("alerts:channel-new", args=[site.pk]), CHANNEL | {"target": url})
    expected = ["https://later.example/", "https://outer.example/"]
    assert sorted(Monitor.objects.values_list("url", flat=True)) == expected
    assert sorted(channel.target for channel in Channel.objects.all()) == expected


def test_an_operator_can_allow_private_addresses(inside: Client, site: Site, settings: Settings) -> None:
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("10.0.0.0/8",))
    inside.post(reverse("uptime:new", args=[site.pk]), MONITOR | {"url": "http://10.1.2.3/"})
    assert Monitor.objects.get().url == "http://10.1.2.3/"


PRIVATE_NAMES = ["https://intranet/health", "https://intranet:8443/", "http://a_b/", "https://a_b.corp.example/"]


@pytest.mark.parametrize("url", PRIVATE_NAMES)
def test_a_host_in_an_allowed_private_network_can_be_monitored(
    inside: Client, site: Site, settings: Settings, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("10.0.0.0/8",))
    with outbound_dns(monkeypatch) as server:
        server.addresses = {name: ["10.1.2.3"] for name in ("intranet", "a_b", "a_b.corp.example")}
        inside.post(reverse("uptime:new", args=[site.pk]), MONITOR | {"url": url})
    assert Monitor.objects.get().url == url
    assert monitor_create(site=site, url=url).url == url


@pytest.mark.parametrize("url", PRIVATE_NAMES)
def test_a_host_in_a_private_network_is_rejected(
    inside: Client, site: Site, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    sentence = "lies in a network that may not be reached from here. The operator of this installation can allow it"
    with outbound_dns(monkeypatch) as server:
        server.addresses = {name: ["10.1.2.3"] for name in ("intranet", "a_b", "a_b.corp.example")}
        page = read_html(inside.post(reverse("uptime:new", args=[site.pk]), MONITOR | {"url": url}))
    assert sentence in page and not Monitor.objects.exists()
    if "." not in url:
        with pytest.raises(ValidationError, match=sentence):
            monitor_create(site=site, url=url)


def test_a_host_in_another_private_network_than_the_allowed_one_is_rejected(
    inside: Client, site: Site, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("10.0.0.0/8",))
    with outbound_dns(monkeypatch) as server:
        server.addresses["intranet"] = ["192.168.1.1"]
        page = inside.post(reverse("uptime:new", args=[site.pk]), MONITOR | {"url": "https://intranet/"})
    assert "intranet lies in a network that may not be reached" in read_html(page)


@pytest.mark.parametrize(
    "url", ["https://-intranet/", "https://in tranet/", "https://1.2/", "https://intra..net/", "//"]
)
def test_an_invalid_url_is_rejected(inside: Client, site: Site, settings: Settings, url: str) -> None:
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("10.0.0.0/8",))
    page = read_html(inside.post(reverse("uptime:new", args=[site.pk]), MONITOR | {"url": url}))
    assert "Enter a valid URL" in page and not Monitor.objects.exists()


@pytest.fixture
def alert(site: Site) -> Alert:
    channel = Channel.objects.create(account=site.account, kind="webhook", name="ops", target="https://example.com/")
    alert = Alert.objects.create(site=site, name="down", condition="uptime")
    alert.channels.add(channel)
    return alert


def rounds(monitor: Monitor, verdict: CheckResult | None, count: int) -> None:
    """So many rounds a minute apart with this verdict, or the real check."""

    async def given_verdict(_: Any) -> CheckResult:
        return require(verdict)

    for minute in range(count):
        now = NOW + timedelta(minutes=minute)
        Monitor.objects.filter(pk=monitor.pk).update(next_due=now)
        run_round(given_verdict if verdict else check_monitor, incident_notify, now)
    monitor.refresh_from_db()


def test_a_host_that_now_resolves_to_a_private_address_is_not_an_outage(
    inside: Client, site: Site, alert: Alert, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = monitor_create(site=site, url="https://inner.example/", public=True, now=NOW)
    with outbound_dns(monkeypatch, inner=["10.0.0.1"]):
        rounds(monitor, None, 3)
    assert (monitor.state, monitor.checked) == ("unknown", None)
    assert "may not be reached" in monitor.cause
    assert not Incident.objects.exists() and not Delivery.objects.exists() and not UptimeHour.objects.exists()
    assert compute_daily_uptime(monitor, now=NOW + timedelta(hours=1), zone="UTC", count=1)[0].availability is None
    page = read_html(inside.get(reverse("uptime:monitor", args=[site.pk, monitor.pk])))
    assert "Not checked: inner.example lies in a network" in page
    status = read_html(inside.get(reverse("uptime:status", args=[site.pk])))
    assert "Not checked" in status and "Everything answers" not in status and "ALLOWED_OUTBOUND" not in status


def test_unreachable_name_servers_are_not_an_outage(site: Site, alert: Alert, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sites.outbound.host_lookup.PROBE_SECONDS", 0.2)
    monitor = monitor_create(site=site, url="https://shop.example/", now=NOW, timeout=1)
    with outbound_dns(monkeypatch) as server:
        server.is_down = True
        rounds(monitor, None, 2)
    assert (monitor.state, Incident.objects.count()) == ("unknown", 0)
    assert "name servers of this installation" in monitor.cause


def test_a_server_that_fails_is_still_an_outage(site: Site, alert: Alert, settings: Settings) -> None:
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("127.0.0.1/32",))
    with misbehaving() as server:
        monitor = monitor_create(site=site, url=f"{server.base}/status/503", now=NOW)
        rounds(monitor, None, 3)
    assert (monitor.state, Incident.objects.count(), Delivery.objects.count()) == ("down", 1, 1)


def test_a_monitor_stays_down_until_a_check_succeeds(site: Site, alert: Alert) -> None:
    monitor = monitor_create(site=site, url="https://example.com/", now=NOW)
    rounds(monitor, BAD, 2)
    rounds(monitor, NOT_MADE, 2)
    assert (monitor.state, Incident.objects.filter(end=None).count()) == ("down", 1)
    rounds(monitor, OK, 1)
    assert (monitor.state, Incident.objects.filter(end=None).count()) == ("up", 0)


def test_failures_separated_by_an_unchecked_time_do_not_confirm_each_other() -> None:
    unsure = apply_check(MonitorStatus("up", NOW), BAD, NOW).status
    between = apply_check(unsure, NOT_MADE, NOW + timedelta(seconds=10)).status
    after = apply_check(between, BAD, NOW + timedelta(hours=1))
    assert (between.state, after.status.state, after.incident_start) == ("unknown", "unsure", None)


@given(st.lists(st.sampled_from([OK, BAD, NOT_MADE]), max_size=60))
def test_unchecked_times_neither_lengthen_nor_hide_an_incident(verdicts: list[CheckResult]) -> None:
    """Checks that were not made open and close nothing by themselves."""
    status = MonitorStatus()
    for step, verdict in enumerate(verdicts):
        transition = apply_check(status, verdict, NOW + timedelta(minutes=step))
        if verdict is NOT_MADE:
            assert (transition.incident_start, transition.incident_end, transition.confirm_at) == (None, None, None)
            assert transition.status.state == ("down" if status.state == "down" else "unknown")
        status = transition.status


def test_a_link_destination_that_may_not_be_requested_is_rejected_with_a_message(
    inside: Client, site: Site, account: Account, fresh_links: None
) -> None:
    from links.services.links import datapoint_create

    row = datapoint_create(account=account, alias="inner", url="http://10.1.2.3/")
    page = read_html(inside.post(f"/links/{row.pk}/watch", follow=True))
    assert "ALLOWED_OUTBOUND" in page and not Monitor.objects.exists()
