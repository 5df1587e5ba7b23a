"""More sites than one statement may name: every task and page still works, and leaves none out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Account, User
from goals.discovery import create_named_goals
from goals.models import Goal
from links import link_statistics
from links.services.links import datapoint_create
from reports.incident_costs import services as prices
from reports.incident_costs.models import IncidentPrice
from reports.query import Period
from reports.query.analyses.usage import MAX_SITES_PER_QUERY
from reports.query.model import MAX_SITES
from reports.usage.counting import count_recent_usage
from sites import site_cache
from sites.models import Site
from sites.services import site_create
from sites.uptime.models import Incident, Monitor
from tests.support import NOW, browse, event, read_html, record
from tests.support.types import Store

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def make_sites(account: Account, count: int) -> list[Site]:
    """So many sites of an account; the last one has the highest number."""
    first = site_create(account=account, domain="first.example")
    rows = [Site(pk=first.pk + 1 + index, account=account, domain=f"s{index}.example") for index in range(count - 1)]
    Site.objects.bulk_create(rows, batch_size=500)
    site_cache.refresh()
    return [first, *rows]


def test_named_goals_are_created_on_all_of_very_many_sites(account: Account, store: Store) -> None:
    sites = make_sites(account, MAX_SITES_PER_QUERY + 2)
    for site in (sites[0], sites[-1]):
        record(event(site, at=NOW - HOUR, kind="goal", name="Signed up"))
    assert create_named_goals(NOW) == 2
    assert set(Goal.objects.values_list("site_id", flat=True)) == {sites[0].pk, sites[-1].pk}


def test_a_site_that_names_very_many_goals_does_not_affect_others(
    site: Site, charlies_site: Site, store: Store
) -> None:
    names = [event(site, at=NOW - HOUR, kind="goal", name=f"order {number}", visitor=number) for number in range(6000)]
    record(*names, *[event(site, at=NOW - HOUR, kind="goal", name=str(n), visitor=n) for n in range(2000)])
    record(event(charlies_site, at=NOW - HOUR, kind="goal", name="Signed up"))
    create_named_goals(NOW)
    assert Goal.objects.filter(site=charlies_site, name="Signed up").exists()
    assert Goal.objects.filter(site=site).count() == 500


def test_quotas_are_counted_for_very_many_accounts(monkeypatch: pytest.MonkeyPatch, store: Store, db: None) -> None:
    Account.objects.bulk_create([Account(name=f"A{index}", monthly_events=5) for index in range(1_001)])
    last = Account.objects.latest("pk")
    browse(site_create(account=last, domain="last.example"), "/", at=NOW)
    assert count_recent_usage(now=NOW) == 1_001
    last.refresh_from_db()
    assert last.events_used == 1


def test_the_visits_of_a_link_are_found_on_every_site_of_a_large_account(account: Account, store: Store) -> None:
    sites = make_sites(account, MAX_SITES + 1)
    link = datapoint_create(account=account, alias="go", url="https://s1.example/")
    for number, site in enumerate((sites[0], sites[-1])):
        browse(site, "/", at=NOW, visitor=number, link_id=link.pk, click_id=number + 1)
    period = Period(NOW - HOUR, NOW + HOUR, "UTC")
    web = link_statistics.query_report(account, period, link.pk, NOW).web
    assert web is not None
    assert (web.totals["visits"], web.joined) == (2, 2)


def test_the_white_label_api_returns_the_usage_of_a_large_account(
    client: Client, account: Account, store: Store
) -> None:
    sites = make_sites(account, MAX_SITES + 1)
    for site in (sites[0], sites[-1]):
        browse(site, "/", at=timezone.now().replace(day=1))
    answer = client.get("/api/whitelabel/usage", {"auth": account.authkey})
    assert answer.content.decode().split() == ["OK", "2"], answer.content


def test_ongoing_incidents_do_not_delay_cost_estimates_of_others(
    monkeypatch: pytest.MonkeyPatch, site: Site, charlies_site: Site, store: Store
) -> None:
    monkeypatch.setattr(prices, "MAX_INCIDENTS", 1)
    for hours, where in ((1, site), (3, charlies_site)):
        monitor = Monitor.objects.create(site=where, url="https://x.example/", next_due=NOW)
        Incident.objects.create(monitor=monitor, start=NOW - hours * HOUR, cause="It broke.")
    for round in range(2):
        prices.incident_costs_estimate(now=NOW + round * timedelta(minutes=5))
    assert IncidentPrice.objects.count() == 2


def test_every_one_of_very_many_sites_is_found_by_name(client: Client, alice: User, account: Account) -> None:
    sites = make_sites(account, 450)
    client.force_login(alice)
    for site in (sites[-1], sites[200]):
        page = read_html(client.get("/go", {"q": f"{site.domain.removesuffix('.example')}. goals"}))
        assert f'href="/sites/{site.pk}/goals"' in page, site
    page = read_html(client.get("/go", HTTP_REFERER=f"http://testserver/sites/{sites[-1].pk}/spy"))
    assert f'href="/sites/{sites[-1].pk}/goals"' in page


def test_a_portfolio_of_very_many_sites_shows_the_first_and_any_can_be_chosen(
    client: Client, alice: User, account: Account, store: Store
) -> None:
    sites = make_sites(account, MAX_SITES + 1)
    last = sorted(sites, key=lambda site: site.domain)[-1]
    browse(last, "/", at=timezone.now())
    client.force_login(alice)
    page = read_html(client.get("/sites/all"))
    assert "The first 2,000 sites" in page and "at most 2,000 sites" in page
    chosen = client.get("/sites/all", {"only": last.pk})
    assert chosen.status_code == 200 and "<h1>1 site</h1>" in read_html(chosen)
    assert client.get("/sites/all", {"only": 7}).status_code == 404
    assert client.get("/sites/all", {"only": "x" * 30}).status_code == 404
