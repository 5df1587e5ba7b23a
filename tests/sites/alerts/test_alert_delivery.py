"""Alerts: conditions, pauses and delivery; mail at most once, webhooks at least once with one id."""

import asyncio
import dataclasses
import hashlib
import hmac
import json
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import uuid4

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from goals.services import goal_create
from sites import site_cache
from sites.alerts import deliveries as out
from sites.alerts.condition_registry import AlertNotification
from sites.alerts.models import Alert, Channel, Delivery
from sites.alerts.services import alert_notify, alerts_evaluate, delivery_queue
from sites.models import Site
from tests.served import reserve_port
from tests.support import browse, event, record
from tests.support.clicky_client import Clicky
from tests.support.misbehaving_server import MisbehavingServer
from tests.support.types import Store
from tests.values import require

NOW = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)
FIRING = AlertNotification("once", "Something happened", "It did.", {"event": "test"})


def channel(site: Site, kind: str = "webhook", target: str = "http://127.0.0.1:1/", **fields: Any) -> Channel:
    return Channel.objects.create(
        account=site.account, kind=kind, name="ops", target=target, **{"confirmed": NOW, **fields}
    )


def queue(channel: Channel, key: str = "once") -> Delivery | None:
    """The delivery; none if it is queued already."""
    return delivery_queue(channel=channel, notification=dataclasses.replace(FIRING, key=key), now=NOW)


def die(*_: object) -> None:
    """The process ends after the message left, before it is written down."""
    raise KeyboardInterrupt


def test_a_webhook_is_signed_and_carries_its_delivery_id(site: Site, server: MisbehavingServer) -> None:
    hook = channel(site, target=f"{server.base}/ok")
    delivery = require(queue(hook))
    assert out.deliver_due(now=NOW) == 1
    _, _, headers, body = server.seen[0]
    stamp = headers["X-Timestamp"]
    expected = hmac.new(hook.secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["X-Signature"] == f"sha256={expected}"
    assert headers["X-Delivery-Id"] == json.loads(body)["id"] == str(delivery.pk)


def test_a_slack_channel_gets_text(site: Site, server: MisbehavingServer) -> None:
    queue(channel(site, "slack", f"{server.base}/ok"))
    out.deliver_due(now=NOW)
    assert "Something happened" in json.loads(server.seen[0][3])["text"]


def test_the_same_notification_is_queued_once_per_channel(site: Site) -> None:
    hook = channel(site)
    assert queue(hook) and queue(hook) is None


def test_a_failing_webhook_is_retried_with_growing_pauses_and_the_same_id(
    site: Site, server: MisbehavingServer
) -> None:
    queue(channel(site, target=f"{server.base}/status/500"))
    now, pauses = NOW, []
    for _ in range(4):
        out.deliver_due(now=now)
        following = Delivery.objects.get().next_try
        pauses.append((following - now).total_seconds())  # counted from when it failed, which takes a moment
        now = following
    assert all(0 <= pause - wanted < 5 for pause, wanted in zip(pauses, (10, 30, 120, 600), strict=True)), pauses
    assert len({headers["X-Delivery-Id"] for _, _, headers, _ in server.seen}) == 1
    assert "answered 500" in Delivery.objects.get().error


def test_a_day_of_failures_disables_the_channel_with_a_notice(
    alice: User, site: Site, server: MisbehavingServer
) -> None:
    hook = channel(site, target=f"{server.base}/status/500")
    queue(hook)
    now = NOW
    while Channel.objects.get().enabled and now < NOW + timedelta(days=3):
        out.deliver_due(now=now)
        now = Delivery.objects.get().next_try
    hook.refresh_from_db()
    assert now - NOW <= timedelta(hours=26)
    assert "a day of failures" in hook.switched_off
    assert [message.to for message in mail.outbox] == [["alice@example.com"]]


def test_a_webhook_of_a_killed_worker_is_sent_again_with_the_same_id(
    site: Site, server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = require(queue(channel(site, target=f"{server.base}/ok")))
    monkeypatch.setattr(out, "record_success", die)
    with pytest.raises(KeyboardInterrupt):
        out.deliver_due(now=NOW)
    monkeypatch.undo()
    assert out.deliver_due(now=NOW + timedelta(seconds=30)) == 0  # the claim still holds
    assert out.deliver_due(now=NOW + out.MIN_CLAIM) == 1
    assert [headers["X-Delivery-Id"] for _, _, headers, _ in server.seen] == [str(delivery.pk)] * 2


def test_a_mail_of_a_killed_worker_is_never_sent_twice(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    queue(channel(site, "email", "ops@example.com"))

    monkeypatch.setattr(out, "record_success", die)
    with pytest.raises(KeyboardInterrupt):
        out.deliver_due(now=NOW)
    monkeypatch.undo()
    out.deliver_due(now=NOW + timedelta(hours=1))
    assert len(mail.outbox) == 1
    delivery = Delivery.objects.get()
    assert delivery.state == "failed" and "may have arrived" in delivery.error


def test_mail_goes_through_a_real_mail_server(site: Site, settings: Settings) -> None:
    class Kept(Message):
        letters = []

        def handle_message(self, message: Any) -> None:
            self.letters.append(message)

    asyncio.set_event_loop(asyncio.new_event_loop())
    controller = Controller(Kept(), hostname="127.0.0.1", port=reserve_port())
    controller.start()
    try:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", controller.port
        queue(channel(site, "email", "ops@example.com"))
        assert out.deliver_due(now=NOW) == 1
    finally:
        controller.stop()
    assert [letter["Subject"] for letter in Kept.letters] == ["Something happened"]


def test_an_unreachable_mail_server_leaves_the_mail_waiting(site: Site, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    queue(channel(site, "email", "ops@example.com"))
    assert out.deliver_due(now=NOW) == 0
    assert Delivery.objects.get().state == "waiting"


@pytest.mark.parametrize(
    ("start", "end", "until"),
    [
        (time(12), time(14), "14:00"),
        (time(22), time(13), "13:00"),
        (time(13), time(12), None),
        (time(1), time(2), None),
    ],
)
def test_quiet_hours_hold_messages_in_the_accounts_zone(site: Site, start: Any, end: Any, until: str | None) -> None:
    hook = channel(site, quiet_from=start, quiet_until=end)
    held = out.find_quiet_end(hook, NOW)
    assert (held and f"{held:%H:%M}") == until


def test_an_alert_notifies_at_most_once_per_pause(site: Site) -> None:
    alert = Alert.objects.create(site=site, name="a", condition="goal", throttle_minutes=60)
    alert.channels.add(channel(site))

    def fire(minutes: int) -> int:
        now = NOW + timedelta(minutes=minutes)
        return alert_notify(alert=alert, notifications=[AlertNotification(f"k{minutes}", "s", "t")], now=now)

    assert [fire(0), fire(30), fire(61)] == [1, 0, 1]


def watched(site: Site, condition: str, **parameters: Any) -> Alert:
    alert = Alert.objects.create(
        site=site, name=condition, condition=condition, parameters=parameters, throttle_minutes=0
    )
    alert.channels.add(channel(site))
    return alert


def evaluate(now: datetime = NOW) -> int:
    before = Delivery.objects.count()
    alerts_evaluate(now=now)
    return Delivery.objects.count() - before


def test_each_goal_is_notified(site: Site, store: Store) -> None:
    goal_create(site=site, name="Thanks", kind="page", pattern="/thanks")
    watched(site, "goal", goal="Thanks", per_hour=1)
    assert evaluate() == 0
    browse(site, "/", "/thanks", at=NOW - timedelta(minutes=5))
    assert [evaluate(), evaluate()] == [1, 0]
    browse(site, "/thanks", at=NOW - timedelta(minutes=2), visitor="two")
    assert evaluate() == 1


def test_many_visitors_online_are_notified_once_until_they_leave(site: Site, store: Store) -> None:
    watched(site, "online", above=2, below=0)
    for name in "abc":
        browse(site, "/", at=NOW - timedelta(seconds=30), visitor=name)
    assert [evaluate(), evaluate()] == [1, 0]
    assert evaluate(NOW + timedelta(minutes=20)) == 0


def test_a_spike_is_measured_against_the_same_hour_of_the_weekday(site: Site, store: Store) -> None:
    watched(site, "unusual", percent=100, least=5)
    for week in range(1, 5):
        for index in range(10):
            browse(site, "/", at=NOW - timedelta(days=7 * week, minutes=70), visitor=f"{week}-{index}")
    for index in range(15):
        browse(site, "/", at=NOW - timedelta(minutes=70), visitor=index)
    assert evaluate() == 0
    for index in range(15, 40):
        browse(site, "/", at=NOW - timedelta(minutes=60), visitor=index)
    assert evaluate() == 1
    assert "Spike" in Delivery.objects.get().subject


def test_missing_traffic_is_notified_once_and_only_where_there_was_traffic(
    site: Site, charlies_site: Site, store: Store
) -> None:
    watched(site, "silence", hours=6)
    watched(charlies_site, "silence", hours=6)
    browse(site, "/", at=NOW - timedelta(hours=7))
    assert [evaluate(), evaluate()] == [1, 0]


def test_a_tagged_visitor_is_notified_on_arrival(site: Site, store: Store) -> None:
    watched(site, "visitor", key="username", value="jane")
    assert evaluate() == 0
    at = NOW - timedelta(minutes=1)
    record(event(site, "/", at=at, tags={"username": "jane"}, person="jane"))
    assert [evaluate(), evaluate()] == [1, 0]


def test_one_broken_alert_does_not_stop_the_others(site: Site, store: Store) -> None:
    Alert.objects.create(site=site, name="broken", condition="goal", parameters={})
    watched(site, "silence", hours=6)
    browse(site, "/", at=NOW - timedelta(hours=7))
    assert evaluate() == 1


def test_channels_are_created_tested_and_deleted_on_pages(
    client: Client, alice: User, site: Site, server: MisbehavingServer
) -> None:
    client.force_login(alice)
    form = {"kind": "webhook", "name": "hook", "target": f"{server.base}/ok", "enabled": "on"}
    client.post(reverse("alerts:channel-new", args=[site.pk]), form)
    created = Channel.objects.get()
    client.post(reverse("alerts:channel-test", args=[site.pk, created.pk]))
    assert len(server.seen) == 1
    page = client.get(reverse("alerts:list", args=[site.pk])).content.decode()
    assert "hook" in page
    client.post(reverse("alerts:channel-delete", args=[site.pk, created.pk]))
    assert not Channel.objects.exists()


def test_a_guest_with_write_access_sees_no_channels_of_the_account(client: Client, bob: User, site: Site) -> None:
    bob.memberships.get().grants.update(right="write")
    client.force_login(bob)
    assert client.get(reverse("alerts:list", args=[site.pk])).status_code == 404
    assert client.get(reverse("alerts:channel-edit", args=[site.pk, channel(site).pk])).status_code == 404


def test_an_alert_id_returns_the_visit_it_was_about(site: Site, charlies_site: Site, store: Store) -> None:
    now = timezone.now()
    watched(site, "visitor", key="username", value="jane")
    record(event(site, "/other", at=now, visitor="other", visit=5))
    record(event(site, "/", at=now - timedelta(minutes=1), tags={"username": "jane"}, person="jane", visit=77))
    assert evaluate(now) == 1
    delivery = Delivery.objects.get()
    assert delivery.text.endswith(f"/sites/{site.pk}/visits/77")
    client = Clicky(site)
    assert [row["session_id"] for row in client.items("visitors", alert_id=delivery.pk)] == ["77"]
    for wrong in ("7", uuid4(), "' OR 1"):
        assert client.error("visitors-list", alert_id=wrong) == "Invalid alert_id."
    site_cache.refresh()
    assert Clicky(charlies_site).error("visitors-list", alert_id=delivery.pk) == "Invalid alert_id."
