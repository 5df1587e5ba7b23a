"""The demo shows the whole product: every page has data, and the data is consistent."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.models import Membership, Role
from accounts.services import user_create
from accounts.services.invitations import accounts_adopt, create_setup_link
from config.demo.monitors import generate_checks
from config.demo.world import load_world
from links import link_statistics
from links.models import Datapoint
from links.routing import link_cache
from reports.query import Period
from sites.models import Site
from sites.uptime.models import Incident, Monitor, UptimeHour
from sites.uptime.services import checks_replay, monitor_create
from sites.uptime.state_machine import CheckResult
from tests.support import state
from tests.support.types import Store

DAYS = 7


@pytest.fixture
def demo(db: None, store: Store, client: Client) -> Iterator[Site]:
    """The demo, adopted by the one who looks at it."""
    state.restart()
    call_command("demo", days=DAYS, verbosity=0)
    assert "/setup/" in create_setup_link(""), "a guest who cannot log in must not close the set-up"
    owner = user_create(email="owner@example.com", password="a long enough password")
    accounts_adopt(user=owner)
    client.force_login(owner)
    yield Site.objects.get(domain=load_world()["domain"])
    link_cache.forget()


def link(site: Site, alias: str) -> Datapoint:
    return Datapoint.objects.get(account=site.account, alias=alias)


def pages(site: Site) -> dict[str, tuple[str, ...]]:
    """Address -> what a look at it must find. The addresses are below the site unless they begin with a slash."""
    monitor, funnel = Monitor.objects.get(site=site, name="Shop"), site.funnels.order_by("pk")[0]
    return {
        "heatmaps": ("/shop", "/subscription"),
        "heatmaps/page?at=/subscription&period=30d": ("#plans", "#code", "Rage"),
        "funnels": ("From the shelf to the till", "Start page to subscription"),
        f"funnels/{funnel.pk}": ("Basket", "Purchase"),
        "goals?period=30d": ("Purchase", "Subscription", "Brewing card", "€"),
        "splits?period=30d": ("Headline on the start page", "Roasted on Monday"),
        "notes": ("Hacker News", "Autumn roasts"),
        "uptime": ("Shop", "Checkout", "502", "Paused"),
        f"uptime/{monitor.pk}": ("502", " ms", "Paused"),
        "alerts": ("The shop is down", "Somebody takes the subscription"),
        f"/status/{site.pk}": ("Checkout",),
        "/links": ("Autumn roasts", "Coffee of the week", "Paused", "pixel"),
        f"/links/{link(site, 'autumn').pk}?period=30d": ("Conversions", "Revenue", "Browsers", "€"),
        f"/links/{link(site, 'week').pk}/edit": ("colombia-huila", "Where visitors are redirected now"),
        "/links/groups": ("Partners", "Print"),
        "/links/tags": ("newsletter", "wholesale"),
        "/links/conversions": ("Purchase", "Subscription"),
        "/links/domains": ("go.northwind-coffee.example", "Approved by the operator"),
        "/links/scripts": ("Advertising network",),
        "/links/lists": ("198.51.100.0/24",),
        "/links/guests": ("Jana, Kaffeeblog", "Partners"),
        "/links/live": ("Autumn roasts", "robot", "conversion"),
    }


def test_every_page_of_the_demo_shows_data(demo: Site, client: Client) -> None:
    missing = []
    for address, words in pages(demo).items():
        answer = client.get(address if address.startswith("/") else f"/sites/{demo.pk}/{address}")
        text = answer.content.decode()
        missing += [(address, word) for word in (*words, "</html>") if word not in text]
        if answer.status_code != 200:
            missing.append((address, str(answer.status_code)))
    assert missing == []
    assert {one.name for one in demo.segments.all()} >= {"Newsletter readers", "Subscribers"}


def test_the_demo_data_is_consistent_and_sends_nothing_to_outside(demo: Site) -> None:
    one_thread_from_a_link_to_revenue(demo)
    links_that_stop_and_turn(demo)
    assert not Monitor.objects.filter(enabled=True).exists()
    assert not demo.account.channels.filter(enabled=True).exists()
    assert not demo.alerts.filter(condition="link").exists()
    assert not Incident.objects.filter(monitor__site=demo, end=None).exists()
    assert not Incident.objects.filter(monitor__site=demo, start_notified=None).exists()
    guest = Membership.objects.get(account=demo.account, role=Role.GUEST)
    assert not guest.user.has_usable_password() and [grant.kind for grant in guest.grants.all()] == ["group"]


def one_thread_from_a_link_to_revenue(site: Site) -> None:
    now = timezone.now()
    period, number = Period.parse("30d", site.timezone, now), link(site, "autumn").pk
    web = link_statistics.query_report(site.account, period, number, now).web
    assert web is not None and web.joined > 20 and web.joined >= 0.9 * web.sent
    assert web.totals["visits"] >= web.joined and web.totals["conversions"] > 0 and web.totals["revenue"] > 0
    counts = link_statistics.query_totals(site.account, period, [], now)
    assert counts["link_conversions"] > 0 and counts["conversion_value"] > 0 and counts["commission_cost"] > 0
    assert counts["pixel_views"] > counts["clicks"] / 4 and counts["spider_hits"] > 0 and counts["click_cost"] > 0


def links_that_stop_and_turn(site: Site) -> None:
    now = timezone.now()
    period = Period.parse("30d", site.timezone, now)
    over = link_statistics.query_by_dimension(
        site.account, "destination", period, [link_statistics.is_any_of("link", link(site, "half-price").pk)], now
    )
    assert any("offer=over" in row["destination"] for row in over)
    turned = link_statistics.query_by_dimension(
        site.account, "destination", period, [link_statistics.is_any_of("link", link(site, "week").pk)], now
    )
    assert len([row for row in turned if row["clicks"] > 3]) == 3


@pytest.mark.django_db
def test_replayed_checks_give_the_same_history_as_real_ones(site: Site) -> None:
    now = timezone.now()
    monitor = monitor_create(site=site, url="https://shop.example/", now=now)
    row = {"milliseconds": 200, "incidents": [{"days": 2, "clock": "12:00", "minutes": 30, "cause": "Answered 502."}]}
    (incident,) = checks_replay(monitor=monitor, results=list(generate_checks(row, now, 4, random.Random(1))))
    assert incident.cause == "Answered 502." and incident.end is not None and incident.start_notified is not None
    assert timedelta(minutes=25) <= incident.end - incident.start <= timedelta(minutes=35)
    hours = UptimeHour.objects.filter(monitor=monitor)
    assert sum(hour.checks for hour in hours) >= 4 * 24 * 12 and sum(hour.failures for hour in hours) >= 6
    monitor.refresh_from_db()
    assert monitor.state == "up" and monitor.checked is not None and monitor.tls_expires is not None


@pytest.mark.django_db
def test_a_monitor_whose_checks_ended_in_a_failure_is_down_and_its_incident_open(site: Site) -> None:
    now = timezone.now()
    monitor = monitor_create(site=site, url="https://shop.example/", now=now)
    told = [
        (CheckResult(ok=True, milliseconds=90), now - timedelta(minutes=3)),
        (CheckResult(ok=False, cause="No answer."), now - timedelta(minutes=2)),
        (CheckResult(ok=False, cause="No answer."), now - timedelta(minutes=1)),
    ]
    (incident,) = checks_replay(monitor=monitor, results=told)
    assert incident.end is None and incident.start == now - timedelta(minutes=2)
    assert Monitor.objects.get(pk=monitor.pk).state == "down"
