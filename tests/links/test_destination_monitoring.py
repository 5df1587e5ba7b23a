"""Dead destinations of links are noticed, believed the second time, and told once; nobody else's links are asked."""

from datetime import UTC, datetime, timedelta

import pytest

from links.models import Datapoint, Destination, Status
from links.monitoring.destination_checks import CHECK_INTERVAL, RETRY_INTERVAL, destinations_check
from links.services.links import datapoint_create, datapoint_update
from sites.alerts.models import Alert, Channel, Delivery
from sites.alerts.services import alerts_evaluate
from sites.uptime.models import Monitor
from tests.support.links import forget

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def fresh():
    forget()
    yield
    forget()


@pytest.fixture
def alert(site):
    hook = Channel.objects.create(account=site.account, kind="webhook", name="ops", target="http://127.0.0.1:1/")
    made = Alert.objects.create(site=site, name="Links", condition="link", parameters={"contains": ""})
    made.channels.add(hook)
    return made


def link(account, alias, url, **fields):
    return datapoint_create(account=account, alias=alias, url=url, **fields)


def rounds(*moments):
    """One round of checks and alerts at each moment."""
    return [(destinations_check(now=at), alerts_evaluate(now=at))[1] for at in moments]


def test_a_dead_destination_is_believed_the_second_time_and_told_once(account, alert, server):
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
def test_what_fails_in_any_way_is_dead(account, alert, server, path):
    link(account, "dead", f"{server.base}/{path}")
    assert rounds(NOW, NOW + RETRY_INTERVAL) == [0, 1]


def test_an_address_that_may_not_be_asked_from_here_is_not_called_dead(account, alert, server):
    link(account, "inner", f"{server.base}/to/http:||10.0.0.1|")
    assert rounds(NOW, NOW + RETRY_INTERVAL, NOW + CHECK_INTERVAL) == [0, 0, 0]
    assert Destination.objects.get().dead_since is None


def test_a_link_that_cannot_be_read_keeps_no_other_from_being_watched(account, alert, server):
    link(account, "dead", f"{server.base}/status/404")
    Datapoint.objects.filter(pk=link(account, "odd", "https://example.com/").pk).update(url="http://exa\u2100mple.com/")
    assert rounds(NOW, NOW + RETRY_INTERVAL) == [0, 1]


def test_a_name_that_does_not_resolve_is_dead(account, alert):
    link(account, "dead", "http://nowhere.invalid/")
    assert rounds(NOW, NOW + RETRY_INTERVAL) == [0, 1]
    assert "could not be resolved" in Destination.objects.get().cause


@pytest.mark.parametrize("path", ["ok", "status/403", "status/429", "to/|ok", "endless"])
def test_what_works_or_turns_programs_away_is_not_dead(account, alert, server, path):
    link(account, "fine", f"{server.base}/{path}")
    assert rounds(NOW, NOW + RETRY_INTERVAL, NOW + CHECK_INTERVAL) == [0, 0, 0]
    assert Destination.objects.get().cause == ""


def test_one_failure_is_no_death(account, alert, server):
    row = link(account, "once", f"{server.base}/status/500")
    destinations_check(now=NOW)
    Destination.objects.update(url=f"{server.base}/ok")  # it recovers before it is asked again
    assert rounds(NOW + RETRY_INTERVAL) == [0]
    assert row.watched_destinations.get().first_failure is None


def test_it_is_told_when_it_works_again(account, alert, server):
    link(account, "back", f"{server.base}/status/500")
    rounds(NOW, NOW + RETRY_INTERVAL)
    Destination.objects.update(url=f"{server.base}/ok")
    assert rounds(NOW + CHECK_INTERVAL + RETRY_INTERVAL) == [1]
    assert "works again" in Delivery.objects.order_by("created").last().subject


def test_a_domain_that_dies_is_told_in_one_message_and_a_throttled_rest_later(account, alert, server):
    for number in range(3):
        link(account, f"dead{number}", f"{server.base}/status/{500 + number}")
    assert rounds(NOW, NOW + RETRY_INTERVAL) == [0, 1]
    assert "3 destinations of links are broken" in Delivery.objects.get().subject
    link(account, "late", f"{server.base}/status/404")
    asked = NOW + RETRY_INTERVAL + timedelta(minutes=5)
    assert rounds(asked, asked + RETRY_INTERVAL) == [0, 0]  # within the hour of silence
    assert rounds(NOW + RETRY_INTERVAL + timedelta(minutes=61)) == [1]
    assert "late" in Delivery.objects.order_by("created").last().text


def test_every_address_of_a_rotating_link_is_asked_and_links_to_own_links_are_not(account, alert, server):
    link(account, "inner", f"{server.base}/ok/inner")
    rules = {"random": [f"{server.base}/ok/a", f"{server.base}/ok/b", "http://127.0.0.1:8000/l/inner"]}
    link(account, "turn", f"{server.base}/ok/c", mode=1, rules=rules)
    destinations_check(now=NOW)
    assert {path for _, path, _, _ in server.seen} == {"/ok/inner", "/ok/a", "/ok/b", "/ok/c"}


def test_only_those_who_asked_are_watched_and_what_changes_is_followed(account, alert, server, charlies_site):
    link(charlies_site.account, "other", f"{server.base}/ok/charlie")
    row = link(account, "mine", f"{server.base}/ok/old")
    destinations_check(now=NOW)
    datapoint_update(datapoint=row, url=f"{server.base}/ok/new")
    destinations_check(now=NOW + timedelta(minutes=5))
    assert [path for _, path, _, _ in server.seen] == ["/ok/old", "/ok/new"]
    Alert.objects.update(enabled=False)
    destinations_check(now=NOW + timedelta(minutes=10))
    assert not Destination.objects.exists()


def test_a_word_limits_an_alert_to_some_destinations(account, alert, server):
    Alert.objects.update(parameters={"contains": "SHOP"})
    link(account, "dead", f"{server.base}/status/404?other")
    link(account, "shop", f"{server.base}/status/404?shop")
    assert rounds(NOW, NOW + RETRY_INTERVAL) == [0, 1]
    assert "?shop" in Delivery.objects.get().text and "?other" not in Delivery.objects.get().text


def test_two_workers_do_not_ask_twice(account, alert, server):
    link(account, "one", f"{server.base}/ok")
    destinations_check(now=NOW)
    destinations_check(now=NOW)
    assert len(server.seen) == 1


def test_the_destination_of_a_link_becomes_a_monitor_that_follows_it(client, alice, account, site, store):
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


def test_a_guest_and_a_stranger_cannot_have_it_watched(client, bob, charlie, account, site):
    row = link(account, "hers", "https://example.com/")
    for person in (bob, charlie):
        client.force_login(person)
        assert client.post(f"/links/{row.pk}/watch").status_code == 404
    assert not Monitor.objects.exists()


def test_the_page_of_a_link_says_that_nobody_finds_its_destination(client, alice, account, alert, server, store):
    row = link(account, "dead", f"{server.base}/status/410")
    rounds(NOW, NOW + RETRY_INTERVAL)
    client.force_login(alice)
    assert "It answers 410." in client.get(f"/links/{row.pk}").content.decode()
