"""Webhooks of the operator's billing system: `usage.recorded` once a day and account, `plan.changed` at once."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.test import Client

from accounts.audit.models import AuditEntry
from accounts.models import Account, User
from accounts.notices.models import Notice
from accounts.plans.models import ApiCallDay, EventDay
from accounts.services.plans import account_plan_set, plan_create, plan_update
from reports.usage.billing import usage_record
from sites.alerts import deliveries as out
from sites.alerts.models import Alert, Channel, Delivery
from sites.alerts.services import billing_deliveries_clear, billing_event_queue
from sites.models import Site
from tests.support import browse, read_html
from tests.support.misbehaving_server import MisbehavingServer
from tests.support.traffic import log_in
from tests.support.types import Store

NOW = datetime(2026, 3, 20, 3, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def at_night() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def create_webhook(target: str, created: datetime = NOW - 30 * DAY, **fields: Any) -> Channel:
    webhook = Channel.objects.create(kind="webhook", name="Invoices", target=target, **fields)
    Channel.objects.filter(pk=webhook.pk).update(created=created)
    return webhook


@pytest.fixture
def webhook(server: MisbehavingServer, db: None) -> Channel:
    return create_webhook(f"{server.base}/ok")


@pytest.fixture
def pro(account: Account) -> Account:
    account_plan_set(account=account, plan=plan_create(name="Pro", limits={"monthly_events": 100}))
    Delivery.objects.all().delete()
    return account


def bodies(server: MisbehavingServer) -> list[Any]:
    return [json.loads(body) for _, _, _, body in server.seen]


def test_the_usage_of_a_closed_day_is_sent_once(
    pro: Account, site: Site, webhook: Channel, server: MisbehavingServer, store: Store
) -> None:
    browse(site, "/a", "/b", at=NOW - DAY)
    browse(site, "/a", at=NOW - 5 * DAY, visitor="b")
    EventDay.objects.create(account=pro, site=site.pk, day=date(2026, 3, 15), events=1)
    ApiCallDay.objects.create(account=pro, api="clicky", day=date(2026, 3, 19), calls=7)
    assert usage_record(now=NOW) == 3
    assert usage_record(now=NOW + HOUR) == 0
    assert out.deliver_due(now=NOW) == 3
    sent = {body["day"]: body for body in bodies(server)}
    assert sorted(sent) == ["2026-03-17", "2026-03-18", "2026-03-19"]
    body = sent["2026-03-19"]
    assert (body["event"], body["account"], body["month"]) == (
        "usage.recorded", {"id": pro.pk, "name": pro.name}, "2026-03",
    )  # fmt: skip
    assert body["events"] == {"day": 2, "month": 3, "included": 100, "percent": 3}
    assert body["api_calls"] == {"day": 7, "month": 7, "included": 0, "percent": 0}
    assert body["plan"]["name"] == "Pro" and body["numbers"]["sites"] == 1


def test_a_request_is_signed_with_its_time_and_carries_an_id(
    pro: Account, webhook: Channel, server: MisbehavingServer, store: Store
) -> None:
    usage_record(now=NOW)
    out.deliver_due(now=NOW)
    _, _, headers, body = server.seen[0]
    signed = hmac.new(webhook.secret.encode(), headers["X-Timestamp"].encode() + b"." + body, hashlib.sha256)
    assert headers["X-Signature"] == f"sha256={signed.hexdigest()}"
    assert int(headers["X-Timestamp"]) == NOW.timestamp()
    assert headers["X-Delivery-Id"] == json.loads(body)["id"]


def test_accounts_without_a_plan_and_days_before_the_webhook_are_not_told(
    account: Account, charlies_site: Site, server: MisbehavingServer, store: Store
) -> None:
    create_webhook(f"{server.base}/ok", created=NOW - DAY)
    assert usage_record(now=NOW) == 0
    account_plan_set(account=account, plan=plan_create(name="Pro"))
    Delivery.objects.all().delete()
    assert usage_record(now=NOW) == 1
    assert Delivery.objects.get().payload["day"] == "2026-03-19"


def test_a_day_is_recorded_only_when_late_events_have_arrived(pro: Account, webhook: Channel, store: Store) -> None:
    usage_record(now=NOW - 2 * HOUR)
    assert {row.payload["day"] for row in Delivery.objects.all()} == {"2026-03-16", "2026-03-17", "2026-03-18"}


def test_every_webhook_is_told_and_one_that_is_off_is_not(pro: Account, webhook: Channel, store: Store) -> None:
    create_webhook("https://b.example/")
    create_webhook("https://c.example/", enabled=False)
    assert usage_record(now=NOW) == 6
    assert Delivery.objects.count() == 6


def test_a_changed_plan_is_sent_at_once(account: Account, webhook: Channel, server: MisbehavingServer) -> None:
    free, pro = plan_create(name="Free"), plan_create(name="Pro", limits={"sites": 5})
    account_plan_set(account=account, plan=free)
    for _ in range(2):
        account_plan_set(account=account, plan=pro)
    plan_update(plan=pro, limits={"sites": 6})
    account_plan_set(account=account, plan=None)
    out.deliver_due(now=NOW)
    sent = sorted(bodies(server), key=lambda body: str(body["previous_plan"]))
    assert [(body["previous_plan"], (body["plan"] or {}).get("name")) for body in sent] == [
        ("Free", "Pro"), (None, "Free"), ("Pro", None),
    ]  # fmt: skip
    assert {body["event"] for body in sent} == {"plan.changed"}


def queue(webhook: Channel) -> Delivery:
    billing_event_queue(event="plan.changed", key="once", text="A test.", payload={}, now=NOW)
    delivery = Delivery.objects.get(channel=webhook)
    Delivery.objects.filter(pk=delivery.pk).update(created=NOW)
    return delivery


def test_a_failed_request_is_repeated_for_a_week_with_the_same_id(server: MisbehavingServer, alice: User) -> None:
    webhook = create_webhook(f"{server.base}/status/500")
    delivery, at = queue(webhook), NOW
    while at < NOW + 8 * DAY:
        out.deliver_due(now=at)
        delivery.refresh_from_db()
        if delivery.state == "failed":
            break
        at = delivery.next_try
    assert NOW + 7 * DAY <= at < NOW + 7 * DAY + 2 * HOUR
    assert len({headers["X-Delivery-Id"] for _, _, headers, _ in server.seen}) == 1
    assert len(server.seen) > 100 and delivery.error == "The hook answered 500."
    webhook.refresh_from_db()
    assert webhook.enabled, "what is not sent meanwhile would be lost"


def test_operators_are_told_of_failures_and_nobody_else(server: MisbehavingServer, alice: User, bob: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_operator=True)
    webhook = create_webhook(f"{server.base}/status/500")
    delivery = queue(webhook)
    for minutes in (0, 30, 61, 125):
        at = NOW + timedelta(minutes=minutes)
        Delivery.objects.filter(pk=delivery.pk).update(next_try=at)
        out.deliver_due(now=at)
    assert list(Notice.objects.values_list("user", "kind")) == [(alice.pk, "billing_away")]
    Delivery.objects.filter(pk=delivery.pk).update(next_try=NOW + 7 * DAY)
    out.deliver_due(now=NOW + 7 * DAY)
    assert list(Notice.objects.order_by("pk").values_list("user", "kind")) == [
        (alice.pk, "billing_away"), (alice.pk, "billing_lost"),
    ]  # fmt: skip
    assert mail.outbox == [], "their notices are mailed by a task"
    alice.refresh_from_db()
    assert "Billing webhook fails" in read_html(log_in(alice).get("/notices/choices"))
    assert "Billing webhook fails" not in read_html(log_in(bob).get("/notices/choices"))


def test_a_delivery_that_was_given_up_is_sent_again_by_a_button(
    server: MisbehavingServer, alice: User, webhook: Channel
) -> None:
    User.objects.filter(pk=alice.pk).update(is_operator=True)
    alice.refresh_from_db()
    delivery = queue(webhook)
    Delivery.objects.filter(pk=delivery.pk).update(state="failed", created=NOW - 9 * DAY, error="It was away.")
    client = log_in(alice)
    page = read_html(client.get("/operations/billing"))
    assert "plan.changed" in page and "It was away." in page and "Send again" in page
    assert "It was away." not in read_html(client.get("/operations/billing?state=sent"))
    client.post(f"/operations/billing/deliveries/{delivery.pk}/repeat")
    assert out.deliver_due(now=NOW) == 1
    assert server.seen[0][2]["X-Delivery-Id"] == str(delivery.pk)
    assert AuditEntry.objects.filter(action="channel.delivery_repeated", account=None).count() == 1
    client.post(f"/operations/billing/deliveries/{delivery.pk}/repeat")
    assert out.deliver_due(now=NOW) == 0


def test_the_operators_pages_create_change_test_and_delete_a_webhook(alice: User, server: MisbehavingServer) -> None:
    User.objects.filter(pk=alice.pk).update(is_operator=True)
    alice.refresh_from_db()
    client = log_in(alice)
    form = {"name": "Invoices", "target": f"{server.base}/ok", "enabled": "on"}
    address = client.post("/operations/billing/new", form)["Location"]
    webhook = Channel.objects.get(account=None)
    assert address == f"/operations/billing/{webhook.pk}"
    assert server.base not in client.get(address).content.decode(), "the address may contain a secret"
    client.post(address, {**form, "name": "Accounting", "target": ""})
    webhook.refresh_from_db()
    assert (webhook.name, webhook.target) == ("Accounting", f"{server.base}/ok")
    client.post(f"{address}/test")
    assert bodies(server)[0]["subject"] == "Test message"
    first = webhook.secret
    assert first in client.get(f"{address}/secret").content.decode()
    client.post(f"{address}/secret")
    webhook.refresh_from_db()
    assert webhook.secret != first
    client.post(f"{address}/delete")
    assert not Channel.objects.exists() and not Delivery.objects.exists()
    told = AuditEntry.objects.filter(account=None).order_by("pk").values_list("action", flat=True)
    assert list(told)[-6:] == [
        "channel.created", "channel.changed", "channel.tested", "webhook_secret.shown", "webhook_secret.replaced",
        "channel.deleted",
    ]  # fmt: skip


def test_an_address_that_may_not_be_reached_is_refused(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_operator=True)
    alice.refresh_from_db()
    answer = log_in(alice).post(
        "/operations/billing/new", {"name": "x", "target": "http://169.254.169.254/", "enabled": "on"}
    )
    assert answer.status_code == 200 and not Channel.objects.exists()


def test_no_account_sees_the_operators_webhooks_or_sends_alerts_to_them(
    webhook: Channel, account: Account, site: Site, alice: User
) -> None:
    program = Client(headers={"authorization": f"Bearer {account.authkey}"})
    assert program.get("/api/v1/channels").json()["results"] == []
    assert program.get(f"/api/v1/channels/{webhook.pk}").status_code == 404
    client = log_in(alice)
    assert client.get(f"/sites/{site.pk}/alerts/channels/{webhook.pk}").status_code == 404
    body = {"name": "n", "condition": "uptime", "channels": [webhook.pk]}
    answer = program.post(f"/api/v1/sites/{site.pk}/alerts", body, content_type="application/json")
    assert answer.status_code == 400 and not Alert.objects.exists()


def test_what_was_sent_long_ago_is_deleted_and_what_waits_is_not(webhook: Channel) -> None:
    for key, state, age in (("a", "sent", 91), ("b", "failed", 91), ("c", "waiting", 91), ("d", "sent", 89)):
        billing_event_queue(event="plan.changed", key=key, text="", payload={}, now=NOW)
        Delivery.objects.filter(key=key).update(
            state=state, sent=NOW if state == "sent" else None, created=NOW - age * DAY
        )
    assert billing_deliveries_clear(now=NOW) == 2
    assert set(Delivery.objects.values_list("key", flat=True)) == {"c", "d"}


def test_alerts_of_accounts_and_the_operators_events_do_not_wait_for_one_another(
    webhook: Channel, site: Site, server: MisbehavingServer
) -> None:
    own = Channel.objects.create(account=site.account, kind="webhook", name="ops", target=f"{server.base}/ok")
    for number in range(30):
        billing_event_queue(event="plan.changed", key=f"{number}", text="", payload={}, now=NOW)
    Delivery.objects.create(channel=own, key="k", subject="s", text="t", next_try=NOW)
    assert out.deliver_due(now=NOW) == 31
    places = [headers["X-Delivery-Id"] for _, _, headers, _ in server.seen]
    assert places.index(str(Delivery.objects.get(channel=own).pk)) <= 2 * out.MAX_PER_ACCOUNT
