"""Links that are paused after their last click or at their expiration date, and what a click gets then."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import Account, User
from config.periodic_tasks import PERIODIC_TASKS
from links.models import Datapoint, DatapointKind, Status
from links.redirect import pausing
from links.services.links import datapoint_create
from sites.models import Site
from sites.uptime.models import Monitor
from tests.support.clickmeter_client import Program
from tests.support.links import NOON, Browser, count_metrics, create_link, flush_clicks, refresh_caches

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_links")]


def made(owner: Program, **specifics: Any) -> Datapoint:
    """A link as a program makes it."""
    body = {"name": "offer", "typeTL": {"url": "https://shop.test/p", **specifics}}
    link = Datapoint.objects.get(pk=owner.post("/datapoints", body)["id"])
    refresh_caches()
    return link


def opened(times: int, at: datetime = NOON, **headers: Any) -> list[int]:
    return [Browser(ip=f"203.0.113.{number}").open("/l/offer", at=at, **headers).status for number in range(times)]


def test_the_last_click_pauses_the_link(owner: Program, account: Account) -> None:
    link = made(owner, expirationClicks=2, pauseAfterClicksExpiration=True)
    assert opened(1) == [301] and pausing.pause_exhausted() == 0
    assert owner.get(f"/datapoints/{link.pk}").get("status", 0) == Status.ACTIVE
    assert opened(2) == [301, 404], "also before the status is written down"
    assert pausing.pause_exhausted() == 1
    refresh_caches()
    assert opened(1) == [404]
    assert owner.get(f"/datapoints/{link.pk}")["status"] == Status.PAUSED
    assert owner.get("/datapoints?status=paused")["entities"] == [{"id": link.pk, "uri": f"/datapoints/{link.pk}"}]
    flush_clicks()
    assert count_metrics(account, "clicks") == 2


def test_clicks_of_bots_and_previews_do_not_count_towards_the_limit(owner: Program) -> None:
    made(owner, expirationClicks=1, pauseAfterClicksExpiration=True)
    assert Browser(agent="Googlebot/2.1").open("/l/offer", at=NOON).status == 301
    assert Browser().open("/l/offer", at=NOON, method="HEAD").status == 301
    assert pausing.pause_exhausted() == 0 and opened(2) == [301, 404] and pausing.pause_exhausted() == 1


def test_a_limit_raised_in_the_meantime_keeps_the_link_active(owner: Program) -> None:
    link = made(owner, expirationClicks=1, pauseAfterClicksExpiration=True)
    assert opened(1) == [301]
    owner.post(f"/datapoints/{link.pk}", {"typeTL": {"expirationClicks": 10}})
    assert pausing.pause_exhausted() == 0
    refresh_caches()
    assert opened(1) == [301]


def test_the_expiration_date_pauses_the_link(owner: Program, account: Account) -> None:
    end = NOON + timedelta(hours=1)
    link = made(owner, expirationDate=f"{end:%Y%m%d%H%M%S}", pauseAfterDateExpiration=True)
    assert opened(1) == [301] and opened(1, at=end) == [404]
    assert pausing.pause_expired(now=end - timedelta(seconds=1)) == 0
    assert pausing.pause_expired(now=end) == 1 and pausing.pause_expired(now=end) == 0
    link.refresh_from_db()
    assert link.status == Status.PAUSED
    assert "links.redirect.pausing.pause_expired" in {period.path for period in PERIODIC_TASKS}


def test_pausing_takes_precedence_over_the_url_after_expiration(owner: Program) -> None:
    link = made(owner, expirationClicks=1, urlAfterClicksExpiration="https://late.test/")
    assert opened(1) == [301] and Browser().open("/l/offer", at=NOON).location == "https://late.test/"
    assert pausing.pause_exhausted() == 0
    owner.post(f"/datapoints/{link.pk}", {"typeTL": {"pauseAfterClicksExpiration": "true"}})
    refresh_caches()
    assert opened(1) == [404] and pausing.pause_exhausted() == 1


def test_a_nested_link_is_paused_by_its_own_limit(owner: Program, account: Account) -> None:
    inner = made(owner, expirationClicks=1, pauseAfterClicksExpiration=True)
    create_link(account, "outer", url="http://127.0.0.1:8000/l/offer")
    assert Browser().open("/l/outer", at=NOON).location == "https://shop.test/p"
    assert pausing.pause_exhausted() == 1
    inner.refresh_from_db()
    assert inner.status == Status.PAUSED and Datapoint.objects.get(alias="outer").status == Status.ACTIVE


def test_the_pausing_thread_stores_the_status_and_pauses_monitors(owner: Program, account: Account, site: Site) -> None:
    """Only what the thread does in each round is run here; the database is this test's own."""
    from sites.uptime.services import monitor_create

    link = made(owner, expirationClicks=1, pauseAfterClicksExpiration=True)
    monitor = monitor_create(site=site, url=link.url, name="m", link_id=link.pk)
    assert opened(1) == [301]
    for job, _ in pausing.refresher.jobs:
        assert pausing.refresher.attempt(job)
    from links.monitoring.destination_checks import update_link_monitors

    update_link_monitors()
    assert not Monitor.objects.get(pk=monitor.pk).enabled


def test_the_editor_offers_both_ways_of_pausing(alice: User, account: Account) -> None:
    from links.public_urls import get_system_domain

    client = Client()
    client.force_login(alice)
    sent = {
        "kind": int(DatapointKind.LINK), "domain": get_system_domain().pk, "status": 0, "redirect_type": 301, "mode": 0,
        "alias": "e", "referrer_clean": 0, "url": "https://shop.test/", "expiration_clicks": 3,
        "pause_after_clicks": "on",
    }  # fmt: skip
    assert client.post("/links/new", sent).status_code == 302
    link = Datapoint.objects.get(alias="e")
    assert link.pause_after_clicks and not link.pause_after_date
    shown = client.get(f"/links/{link.pk}/edit").content.decode()
    assert 'name="pause_after_clicks" id="id_pause_after_clicks" checked' in shown.replace(" class", "  class")
    client.post(f"/links/{link.pk}/edit", {**sent, "pause_after_clicks": "", "pause_after_date": "on"})
    link.refresh_from_db()
    assert link.pause_after_date and not link.pause_after_clicks


def test_a_new_link_that_is_already_expired_is_paused(account: Account) -> None:
    link = datapoint_create(
        account=account, alias="old", url="https://a.test/", expiration_date=NOON, pause_after_date=True
    )
    assert pausing.pause_expired(now=NOON + timedelta(days=1)) == 1
    link.refresh_from_db()
    assert link.status == Status.PAUSED
