"""Certificates: their expiry is on the monitor's page, and uptime alerts warn once for each number of days."""

import dataclasses
import json
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
import trustme
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from sites.alerts.deliveries import deliver_due
from sites.alerts.models import Alert, Channel, Delivery
from sites.alerts.services import alerts_evaluate
from sites.models import Site
from sites.outbound import connection
from sites.uptime.certificates import parse_days
from sites.uptime.checks import check_monitor
from sites.uptime.history import compute_uptime
from sites.uptime.models import Monitor
from sites.uptime.scheduler import run_round, write_results
from sites.uptime.services import incident_notify, monitor_create, monitor_update
from sites.uptime.state_machine import CheckResult
from tests.support import read_html
from tests.support.misbehaving_server import misbehaving
from tests.values import require

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def alert(site: Site) -> Alert:
    channel = Channel.objects.create(
        account=site.account, kind="email", name="me", target="a@example.com", confirmed=NOW
    )
    alert = Alert.objects.create(site=site, name="down", condition="uptime")
    alert.channels.add(channel)
    return alert


def monitor_with(site: Site, expires: datetime, **fields: Any) -> Monitor:
    monitor = monitor_create(site=site, url="https://shop.example/", name="Shop", now=NOW, **fields)
    write_results([(monitor, CheckResult(ok=True, milliseconds=80, tls_expires=expires), NOW)])
    return monitor


def subjects() -> list[str]:
    return list(Delivery.objects.order_by("next_try").values_list("subject", flat=True))


def watch_daily(days: int, hours: int = 12) -> None:
    for half_days in range(days * 24 // hours):
        alerts_evaluate(now=NOW + half_days * timedelta(hours=hours))


def test_warnings_are_sent_exactly_30_14_and_7_days_before(site: Site, alert: Alert) -> None:
    monitor_with(site, NOW + 40 * DAY)
    watch_daily(45)
    expected = [f"The certificate of Shop expires in {days} days" for days in (30, 14, 7)]
    assert subjects() == expected
    delivery = require(Delivery.objects.order_by("next_try").first())
    assert "https://shop.example/" in delivery.text and "2026-04-11 12:00 UTC" in delivery.text
    assert (delivery.payload["event"], delivery.payload["days"]) == ("certificate", 30)


def test_the_warning_is_sent_by_mail(site: Site, alert: Alert) -> None:
    monitor_with(site, NOW + 10 * DAY)
    alerts_evaluate(now=NOW)
    deliver_due(now=NOW)
    assert [message.subject for message in mail.outbox] == ["The certificate of Shop expires in 10 days"]


def test_a_renewed_certificate_is_warned_of_only_before_its_new_expiry(site: Site, alert: Alert) -> None:
    monitor = monitor_with(site, NOW + 29 * DAY)
    alerts_evaluate(now=NOW)
    write_results([(monitor, CheckResult(ok=True, milliseconds=80, tls_expires=NOW + 90 * DAY), NOW + DAY)])
    alerts_evaluate(now=NOW + 25 * DAY)
    assert len(subjects()) == 1
    alerts_evaluate(now=NOW + 61 * DAY)
    assert subjects()[1:] == ["The certificate of Shop expires in 29 days"]


def test_an_alert_can_have_its_own_days(client: Client, alice: User, site: Site, alert: Alert) -> None:
    client.force_login(alice)
    url = reverse("alerts:edit", args=[site.pk, alert.pk])
    form = {"name": "down", "channels": alert.channels.get().pk, "throttle_minutes": "5", "enabled": "on"}
    page = read_html(client.post(url, form | {"p_certificate_days": "two weeks"}))
    assert "Write whole numbers of days up to 365 with commas, such as 30, 14, 7." in page
    assert client.post(url, form | {"p_certificate_days": "3, 1"}).status_code == 302
    monitor_with(site, NOW + 10 * DAY)
    watch_daily(12)
    assert subjects() == [f"The certificate of Shop expires {when}" for when in ("in 3 days", "within a day")]


@pytest.mark.parametrize(("text", "days"), [("", [7, 14, 30]), ("0", []), ("21", [21]), (" 5,60, 5", [5, 60])])
def test_the_days_of_an_alert_are_parsed(text: str, days: Any) -> None:
    assert parse_days(text) == days


def test_paused_monitors_and_other_accounts_cause_no_warning(site: Site, charlies_site: Site, alert: Alert) -> None:
    monitor_update(monitor=monitor_with(site, NOW + 10 * DAY), changes={"enabled": False})
    monitor_with(charlies_site, NOW + 10 * DAY)
    alerts_evaluate(now=NOW)
    assert subjects() == []


def test_a_channel_confirmed_later_still_gets_the_warning(site: Site, alert: Alert) -> None:
    monitor_with(site, NOW + 10 * DAY)
    Channel.objects.update(confirmed=None)
    alerts_evaluate(now=NOW)
    Channel.objects.update(confirmed=NOW)
    alerts_evaluate(now=NOW + timedelta(minutes=1))
    assert len(subjects()) == 1


def test_the_expiry_of_the_certificate_is_shown_on_pages(
    client: Client, alice: User, site: Site, settings: Settings
) -> None:
    monitor = monitor_with(site, datetime(2026, 3, 27, 12, tzinfo=UTC))
    client.force_login(alice)
    with time_machine.travel(NOW, tick=False):
        client.force_login(alice)
        pages = [
            read_html(client.get(reverse(name, args=where)))
            for name, where in (("uptime:monitor", [site.pk, monitor.pk]), ("uptime:list", [site.pk]))
        ]
    for page in pages:
        assert "chip-warn" in page and ">27 Mar 2026</time> (25 days left)" in page


def test_a_url_without_a_certificate_shows_none(site: Site) -> None:
    monitor = monitor_with(site, NOW + 10 * DAY)
    write_results([(monitor, CheckResult(ok=False, cause="It did not answer in time."), NOW)])
    assert Monitor.objects.get().tls_expires == NOW + 10 * DAY
    monitor_update(monitor=Monitor.objects.get(), changes={"url": "http://shop.example/"})
    assert Monitor.objects.get().tls_expires is None


@pytest.fixture
def authority(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> trustme.CA:
    """A certificate authority that outbound requests trust."""
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("127.0.0.1/32",))
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setattr(connection, "_context", None)
    return authority


def certificate(authority: trustme.CA, expires: datetime) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", not_after=expires).configure_cert(context)
    return context


def test_the_first_certificate_to_expire_among_redirects_counts(
    client: Client, alice: User, site: Site, alert: Alert, authority: trustme.CA
) -> None:
    now = timezone.now().replace(microsecond=0)
    with (
        misbehaving(tls=certificate(authority, now + 12 * DAY)) as first,
        misbehaving(tls=certificate(authority, now + 80 * DAY)) as second,
    ):
        there = f"{second.base}/ok".replace("/", "|")
        monitor = monitor_create(site=site, url=f"{first.base}/to/{there}", name="Shop", now=now)
        run_round(check_monitor, incident_notify, now)
    monitor.refresh_from_db()
    assert (monitor.state, monitor.tls_expires) == ("up", now + 12 * DAY)
    alerts_evaluate(now=now)
    assert subjects() == ["The certificate of Shop expires in 12 days"]


def test_a_certificate_valid_for_less_than_an_hour_is_not_an_outage(
    site: Site, authority: trustme.CA, machine_clock: None
) -> None:
    now = timezone.now().replace(microsecond=0)
    with misbehaving(tls=certificate(authority, now + timedelta(minutes=30))) as server:
        monitor = monitor_create(site=site, url=f"{server.base}/ok", now=now - timedelta(minutes=1))
        run_round(check_monitor, incident_notify, now - timedelta(minutes=1))
    monitor.refresh_from_db()
    assert (monitor.state, monitor.cause, monitor.tls_expires) == ("up", "", now + timedelta(minutes=30))
    assert compute_uptime(monitor, [now - timedelta(minutes=1), now])[0].seconds_down == 0


def test_a_webhook_gets_the_expiry_date(site: Site, alert: Alert) -> None:
    alert.channels.set([
        Channel.objects.create(account=site.account, kind="webhook", name="ops", target="https://example.com/"),
    ])  # fmt: skip
    monitor_with(site, NOW + 10 * DAY)
    alerts_evaluate(now=NOW)
    payload = json.loads(json.dumps(Delivery.objects.get().payload))
    assert payload["expires"] == "2026-03-12T12:00:00+00:00"
