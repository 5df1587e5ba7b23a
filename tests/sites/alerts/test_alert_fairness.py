"""Broken or slow messages of one account do not delay others, and are given up after a day."""

import dataclasses
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import Account, User
from accounts.notices.models import Notice
from goals.models import Goal
from sites.alerts import deliveries as out
from sites.alerts.condition_registry import AlertNotification
from sites.alerts.models import Alert, Channel, Delivery
from sites.alerts.services import alert_notify, delivery_queue
from sites.alerts.transports import SENDERS, Send
from sites.fair_rounds import Slots
from sites.models import Site
from tests.support.misbehaving_server import Misbehaving, MisbehavingServer, misbehaving
from tests.values import require

NOW = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)
POISON = "https://0177.0.0.1/"  # the parser of addresses refuses it in a way of its own


@pytest.fixture
def server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[MisbehavingServer]:
    """The misbehaving server; its /wait answers once its /ok was asked, at the latest after half a minute."""
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("127.0.0.1/32",))
    with misbehaving() as running:
        arrived = threading.Event()

        def answer_wait(handler: Misbehaving, rest: str) -> None:
            running.waited.append(arrived.wait(30))
            handler.reply(200)

        def answer_ok(handler: Misbehaving, rest: str) -> None:
            arrived.set()
            handler.reply(200)

        monkeypatch.setattr("tests.support.misbehaving_server.Misbehaving.answer_wait", answer_wait, raising=False)
        monkeypatch.setattr("tests.support.misbehaving_server.Misbehaving.answer_ok", answer_ok)
        running.socket.listen(200)
        yield running


def hook(account: Account, target: str, kind: str = "webhook") -> Channel:
    return Channel.objects.create(account=account, kind=kind, name="ops", target=target, confirmed=NOW)


def queue(channel: Channel, count: int = 1, now: datetime = NOW) -> list[Delivery]:
    notification = AlertNotification("", "Something happened", "It did.", {"event": "test"})
    return [
        require(delivery_queue(channel=channel, notification=dataclasses.replace(notification, key=f"k{n}"), now=now))
        for n in range(count)
    ]


def state(delivery: Delivery) -> str:
    delivery.refresh_from_db()
    return delivery.state


def test_a_message_that_cannot_be_sent_does_not_delay_others(
    charlie: User, site: Site, server: MisbehavingServer
) -> None:
    poisoned = queue(hook(charlie.memberships.get().account, POISON), 25, NOW - timedelta(minutes=5))
    [good] = queue(hook(site.account, f"{server.base}/ok"))
    assert out.deliver_due(now=NOW) == 1
    assert state(good) == "sent"
    assert {state(delivery) for delivery in poisoned} == {"waiting"}
    assert all("not an address that can be requested" in delivery.error for delivery in poisoned)


def test_a_test_message_to_an_invalid_address_reports_the_error(client: Client, alice: User, site: Site) -> None:
    client.force_login(alice)
    channel = hook(site.account, POISON)
    page = client.post(reverse("alerts:channel-test", args=[site.pk, channel.pk]), follow=True)
    assert "not an address that can be requested" in page.content.decode()


def test_a_message_that_cannot_even_be_prepared_is_tried_again_and_given_up_after_a_day(
    site: Site, server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(SENDERS, "slack")
    [bad] = queue(hook(site.account, f"{server.base}/ok", kind="slack"))
    [good] = queue(hook(site.account, f"{server.base}/ok"))
    assert out.deliver_due(now=NOW) == 1
    assert (state(bad), state(good)) == ("waiting", "sent")
    assert "could not be prepared" in bad.error and bad.next_try > NOW
    Delivery.objects.filter(pk=bad.pk).update(created=NOW - timedelta(hours=25))
    out.deliver_due(now=bad.next_try)
    assert state(bad) == "failed"


def test_any_exception_while_sending_is_a_failed_attempt(
    site: Site, server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    [bad] = queue(hook(site.account, f"{server.base}/ok"))

    def broken(delivery: Delivery, now: datetime) -> Send:
        async def send() -> None:
            raise RecursionError("again and again")

        return send

    monkeypatch.setitem(SENDERS, "webhook", broken)
    assert out.deliver_due(now=NOW) == 0
    assert (state(bad), bad.error) == ("waiting", "It could not be sent: RecursionError.")


def test_slow_hooks_of_several_accounts_do_not_delay_an_alert(site: Site, server: MisbehavingServer) -> None:
    slow = []
    for number in range(3):
        other = Account.objects.create(name=f"Slow {number}")
        slow += queue(hook(other, f"{server.base}/wait"), 20, NOW - timedelta(minutes=number + 1))
    [alert] = queue(hook(site.account, f"{server.base}/ok"))
    assert out.deliver_due(now=NOW) == 61
    assert state(alert) == "sent" and {state(delivery) for delivery in slow} == {"sent"}
    assert all(server.waited), "the alert was sent while the slow hooks were being waited for"
    before = [path for _, path, _, _ in server.seen].index("/ok")
    assert before <= 3 * out.MAX_PER_ACCOUNT


def test_an_alert_that_becomes_due_during_slow_webhooks_is_sent_in_the_same_round(
    site: Site, server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(hook(Account.objects.create(name="Slow"), f"{server.base}/wait"), 3)
    late, claim = hook(site.account, f"{server.base}/ok"), out.claim_due

    def claim_and_fire(slots: Slots, mails: Slots, now: datetime) -> Any:
        claimed = claim(slots, mails, now)
        if claimed and not Delivery.objects.filter(channel=late).exists():
            queue(late, now=now)
        return claimed

    monkeypatch.setattr(out, "claim_due", claim_and_fire)
    assert out.deliver_due(now=NOW) == 4
    assert all(server.waited)


def test_a_message_that_kills_its_worker_is_retried_ever_less_often_for_a_day(
    site: Site, server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    [killer] = queue(hook(site.account, f"{server.base}/ok"))

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(out, "record_success", die)
    now, pauses = NOW, []
    for _ in range(7):
        with pytest.raises(KeyboardInterrupt):
            out.deliver_due(now=now)
        assert state(killer) == "sending"
        pauses.append(round((killer.next_try - now).total_seconds()))
        now = killer.next_try
    assert pauses == [120, 120, 120, 600, 1800, 3600, 3600]
    Delivery.objects.update(created=NOW - timedelta(hours=25))
    assert out.deliver_due(now=now) == 0
    assert state(killer) == "failed" and "ended each time" in killer.error


def test_messages_of_a_disabled_channel_are_given_up_after_a_day(site: Site, server: MisbehavingServer) -> None:
    channel = hook(site.account, f"{server.base}/ok")
    [old] = queue(channel)
    Channel.objects.update(enabled=False)
    Delivery.objects.update(created=NOW - timedelta(hours=25))
    out.deliver_due(now=NOW)
    Channel.objects.update(enabled=True)
    assert out.deliver_due(now=NOW) == 0
    assert state(old) == "failed" and "off" in old.error and server.seen == []


def test_a_killed_worker_loses_at_most_one_mail_of_an_account(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    mails = queue(hook(site.account, "ops@example.com", kind="email"), 5)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(out, "record_success", die)
        with pytest.raises(KeyboardInterrupt):
            out.deliver_due(now=NOW)
    out.deliver_due(now=NOW + timedelta(minutes=5))
    assert sorted(state(delivery) for delivery in mails) == ["failed", "sent", "sent", "sent", "sent"]
    assert len(mail.outbox) == 5


def test_an_outage_of_the_mail_server_disables_no_channel(alice: User, site: Site, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    channel = hook(site.account, "ops@example.com", kind="email")
    queue(channel)
    for day in range(4):
        Delivery.objects.update(state="waiting", next_try=NOW + timedelta(days=day))
        out.deliver_due(now=NOW + timedelta(days=day))
    channel.refresh_from_db()
    assert channel.enabled and channel.failing_since is None


def test_redirects_of_a_webhook_are_not_followed(site: Site, server: MisbehavingServer) -> None:
    with misbehaving() as other:
        there = f"{other.base}/ok".replace("/", "|")
        [sent] = queue(hook(site.account, f"{server.base}/to/{there}"))
        assert out.deliver_due(now=NOW) == 0
        assert other.seen == []
    assert state(sent) == "waiting" and "redirects to" in sent.error


@pytest.mark.parametrize("name", ["<!channel>", "<https://evil.example|Open dashboard>", "<@U123> & <#C1>"])
def test_page_text_cannot_mention_people_or_hide_links_in_slack(
    site: Site, server: MisbehavingServer, name: str
) -> None:
    goal = Goal.objects.create(site=site, name=name, kind="manual")
    alert = Alert.objects.create(site=site, name="Goal", condition="goal", throttle_minutes=0)
    alert.channels.add(hook(site.account, f"{server.base}/ok", kind="slack"))
    notification = AlertNotification("k", f"Goal “{goal.name}” reached", f"“{goal.name}” was reached 1 time.")
    alert_notify(alert=alert, notifications=[notification], now=NOW)
    out.deliver_due(now=NOW)
    text = json.loads(server.seen[0][3])["text"]
    escaped = name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert text == f"*Goal “{escaped}” reached*\n“{escaped}” was reached 1 time."


def test_a_line_break_in_a_name_cannot_inject_a_mail_header(alice: User, site: Site) -> None:
    channel = hook(site.account, "ops@example.com", kind="email")
    notification = AlertNotification("k", "Goal “a\r\nBcc: victim@example.org\nb” reached", "It was.")
    delivery = require(delivery_queue(channel=channel, notification=notification, now=NOW))
    Delivery.objects.filter(pk=delivery.pk).update(subject="Stored before:\r\nBcc: victim@example.org")
    assert out.deliver_due(now=NOW) == 1
    Channel.objects.update(name="a\r\nBcc: victim@example.org")
    channel.refresh_from_db()
    out.switch_off(channel, "It broke.")
    assert [letter.subject for letter in mail.outbox] == [
        "Stored before: Bcc: victim@example.org", "Channel “a Bcc: victim@example.org” was switched off",
    ]  # fmt: skip
    assert all(letter.message()["Bcc"] is None for letter in mail.outbox)


def test_a_delivery_that_is_given_up_and_a_channel_that_is_switched_off_are_in_the_owners_inbox(
    alice: User, bob: User, site: Site, server: MisbehavingServer
) -> None:
    queue(hook(site.account, f"{server.base}/status/500"))
    Delivery.objects.update(created=NOW - timedelta(hours=25))
    Channel.objects.update(failing_since=NOW - timedelta(hours=25))
    out.deliver_due(now=NOW)
    told = {notice.kind: notice for notice in Notice.objects.filter(kind__in=("delivery_failed", "channel_stopped"))}
    assert {notice.user for notice in told.values()} == {alice} and len(told) == 2
    assert told["delivery_failed"].values["subject"] == "Something happened"
    assert told["channel_stopped"].values["channel"] == "ops"
