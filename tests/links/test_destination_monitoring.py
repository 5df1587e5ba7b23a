"""Dead destinations of links are confirmed by a second check and notified once, where there is an alert."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import Account, User
from accounts.notices.models import Notice
from links.models import Datapoint, Destination, Status
from links.monitoring.destination_checks import CHECK_INTERVAL, RETRY_INTERVAL, destinations_check
from links.services.links import datapoint_create, datapoint_update
from sites.alerts.models import Alert, Channel, Delivery
from sites.alerts.services import alerts_evaluate
from sites.models import Site
from sites.uptime.models import Monitor
from tests.support.links import reset_state
from tests.support.misbehaving_server import MisbehavingServer
from tests.support.types import Store
from tests.values import require

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    reset_state()
    yield
    reset_state()


@pytest.fixture
def alert(site: Site) -> Alert:
    hook = Channel.objects.create(account=site.account, kind="webhook", name="ops", target="http://127.0.0.1:1/")
    made = Alert.objects.create(site=site, name="Links", condition="link", parameters={"contains": ""})
    made.channels.add(hook)
    return made


def link(account: Account, alias: str, url: str, **fields: Any) -> Datapoint:
    return datapoint_create(account=account, alias=alias, url=url, **fields)


def rounds(*moments: datetime) -> list[int]:
    """One round of checks and alerts at each moment."""
    return [(destinations_check(now=at), alerts_evaluate(now=at))[1] for at in moments]


def test_a_dead_destination_is_confirmed_by_a_second_check_and_notified_once(
    account: Account, alert: Alert, server: MisbehavingServer
) -> None:
    link(account, "dead", f"{server.base}/status/404", title="Offer")
    later = [
        NOW,
        NOW + RETRY_INTERVAL,
        NOW + RETRY_INTERVAL + CHECK_INTERVAL,
        NOW + RETRY_INTERVAL + 2 * CHECK_INTERVAL,
    ]
    assert rounds(*later) == [0, 1, 0, 0]
    told = Delivery.objects.get()
    assert told.subject == "The link Offer is broken"
    assert "answers 404" in told.text and "/l/dead" in told.text
    assert len(server.seen) == 4


@pytest.mark.parametrize("path", ["status/500", "reset", "loop"])
def test_every_kind_of_failure_makes_a_destination_dead(
    account: Account, alert: Alert, server: MisbehavingServer, path: str
) -> None:
    link(account, "dead", f"{server.base}/{path}")
    assert rounds(NOW, NOW + RETRY_INTERVAL) == [0, 1]


def test_a_destination_that_may_not_be_requested_is_not_dead(
    account: Account, alert: Alert, server: MisbehavingServer
) -> None:
    link(account, "inner", f"{server.base}/to/http:||10.0.0.1|")
    assert rounds(NOW, NOW + RETRY_INTERVAL, NOW + CHECK_INTERVAL) == [0, 0, 0]
    assert Destination.objects.get().dead_since is None


def test_an_unreadable_link_does_not_stop_the_checks_of_others(
    account: Account, alert: Alert, server: MisbehavingServer
) -> None:
    link(account, "dead", f"{server.base}/status/404")
    Datapoint.objects.filter(pk=link(account, "odd", "https://example.com/").pk).update(url="http://exa\u2100mple.com/")
    assert rounds(NOW, NOW + RETRY_INTERVAL) == [0, 1]


def test_a_host_that_does_not_resolve_is_dead(account: Account, alert: Alert) -> None:
    link(account, "dead", "http://nowhere.invalid/")
    assert rounds(NOW, NOW + RETRY_INTERVAL) == [0, 1]
    assert "could not be resolved" in Destination.objects.get().cause


@pytest.mark.parametrize("path", ["ok", "status/403", "status/429", "to/|ok", "endless"])
def test_a_destination_that_works_or_rejects_programs_is_not_dead(
    account: Account, alert: Alert, server: MisbehavingServer, path: str
) -> None:
    link(account, "fine", f"{server.base}/{path}")
    assert rounds(NOW, NOW + RETRY_INTERVAL, NOW + CHECK_INTERVAL) == [0, 0, 0]
    assert Destination.objects.get().cause == ""


def test_one_failure_alone_does_not_make_a_destination_dead(
    account: Account, alert: Alert, server: MisbehavingServer
) -> None:
    row = link(account, "once", f"{server.base}/status/500")
    destinations_check(now=NOW)
    Destination.objects.update(url=f"{server.base}/ok")  # it recovers before it is asked again
    assert rounds(NOW + RETRY_INTERVAL) == [0]
    assert row.watched_destinations.get().first_failure is None


def test_a_notification_is_sent_when_a_destination_works_again(
    account: Account, alert: Alert, server: MisbehavingServer
) -> None:
    link(account, "back", f"{server.base}/status/500")
    rounds(NOW, NOW + RETRY_INTERVAL)
    Destination.objects.update(url=f"{server.base}/ok")
    assert rounds(NOW + CHECK_INTERVAL + RETRY_INTERVAL) == [1]
    assert "works again" in require(Delivery.objects.order_by("created").last()).subject


def test_a_failing_domain_gives_one_notification_and_a_throttled_rest_later(
    account: Account, alert: Alert, server: MisbehavingServer
) -> None:
    for number in range(3):
        link(account, f"dead{number}", f"{server.base}/status/{500 + number}")
    assert rounds(NOW, NOW + RETRY_INTERVAL) == [0, 1]
    assert "3 destinations of links are broken" in Delivery.objects.get().subject
    link(account, "late", f"{server.base}/status/404")
    asked = NOW + RETRY_INTERVAL + timedelta(minutes=5)
    assert rounds(asked, asked + RETRY_INTERVAL) == [0, 0]  # within the hour of silence
    assert rounds(NOW + RETRY_INTERVAL + timedelta(minutes=61)) == [1]
    assert "late" in require(Delivery.objects.order_by("created").last()).text


def test_every_destination_of_a_rotating_link_is_checked_but_not_links_of_our_own(
    account: Account, alert: Alert, server: MisbehavingServer
) -> None:
    link(account, "inner", f"{server.base}/ok/inner")
    rules = {"random": [f"{server.base}/ok/a", f"{server.base}/ok/b", "http://127.0.0.1:8000/l/inner"]}
    link(account, "turn", f"{server.base}/ok/c", mode=1, rules=rules)
    destinations_check(now=NOW)
    assert {path for _, path, _, _ in server.seen} == {"/ok/inner", "/ok/a", "/ok/b", "/ok/c"}


def test_only_links_with_an_alert_are_checked_and_changed_destinations_followed(
    account: Account, alert: Alert, server: MisbehavingServer, charlies_site: Site
) -> None:
    link(charlies_site.account, "other", f"{server.base}/ok/charlie")
    row = link(account, "mine", f"{server.base}/ok/old")
    destinations_check(now=NOW)
    datapoint_update(datapoint=row, url=f"{server.base}/ok/new")
    destinations_check(now=NOW + timedelta(minutes=5))
    assert [path for _, path, _, _ in server.seen] == ["/ok/old", "/ok/new"]
    Alert.objects.update(enabled=False)
    destinations_check(now=NOW + timedelta(minutes=10))
    assert not Destination.objects.exists()


def test_an_alert_can_be_limited_to_some_destinations(
    account: Account, alert: Alert, server: MisbehavingServer
) -> None:
    Alert.objects.update(parameters={"contains": "SHOP"})
    link(account, "dead", f"{server.base}/status/404?other")
    link(account, "shop", f"{server.base}/status/404?shop")
    assert rounds(NOW, NOW + RETRY_INTERVAL) == [0, 1]
    assert "?shop" in Delivery.objects.get().text and "?other" not in Delivery.objects.get().text


def test_two_workers_do_not_check_twice(account: Account, alert: Alert, server: MisbehavingServer) -> None:
    link(account, "one", f"{server.base}/ok")
    destinations_check(now=NOW)
    destinations_check(now=NOW)
    assert len(server.seen) == 1


def test_the_destination_of_a_link_becomes_a_monitor_that_follows_it(
    client: Client, alice: User, account: Account, site: Site, store: Store
) -> None:
    row = link(account, "watched", "https://www.example.com/sale")
    client.force_login(alice)
    for _ in range(2):
        answer = client.post(f"/links/{row.pk}/watch")
    monitor = Monitor.objects.get()
    assert answer["Location"] == f"/sites/{site.pk}/uptime/{monitor.pk}"
    assert (monitor.url, monitor.link_id, monitor.enabled) == ("https://www.example.com/sale", row.pk, True)
    assert "The destination is watched" in client.get(f"/links/{row.pk}").content.decode()
    datapoint_update(datapoint=row, url="https://example.com/new", status=Status.PAUSED)
    destinations_check(now=NOW)
    monitor.refresh_from_db()
    assert (monitor.url, monitor.enabled) == ("https://example.com/new", False)


def test_guests_and_strangers_cannot_create_a_destination_monitor(
    client: Client, bob: User, charlie: User, account: Account, site: Site
) -> None:
    row = link(account, "hers", "https://example.com/")
    for person in (bob, charlie):
        client.force_login(person)
        assert client.post(f"/links/{row.pk}/watch").status_code == 404
    assert not Monitor.objects.exists()


def test_the_page_of_a_link_shows_a_dead_destination(
    client: Client, alice: User, account: Account, alert: Alert, server: MisbehavingServer, store: Store
) -> None:
    row = link(account, "dead", f"{server.base}/status/410")
    rounds(NOW, NOW + RETRY_INTERVAL)
    client.force_login(alice)
    assert "It answers 410." in client.get(f"/links/{row.pk}").content.decode()


def test_a_dead_destination_is_in_the_inbox_of_the_team_once_a_day(
    account: Account, alice: User, bob: User, alert: Alert, server: MisbehavingServer
) -> None:
    dead = link(account, "dead", f"{server.base}/status/404", title="Offer")
    rounds(NOW, NOW + RETRY_INTERVAL)
    Destination.objects.update(dead_since=None, first_failure=NOW, next_due=NOW)  # it came back, and failed again
    rounds(NOW + 2 * RETRY_INTERVAL, NOW + 3 * RETRY_INTERVAL)
    (notice,) = Notice.objects.filter(kind="destination_dead")
    assert (notice.user, notice.values["link"], notice.values["link_id"]) == (alice, "Offer", dead.pk)
    rounds(NOW + timedelta(days=1))
    Destination.objects.update(dead_since=None, first_failure=NOW, next_due=NOW)
    rounds(NOW + timedelta(days=1) + RETRY_INTERVAL)
    assert Notice.objects.filter(kind="destination_dead").count() == 2
