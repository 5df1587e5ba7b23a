"""Many sites at once, and sites that move to another account with their history."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from accounts.audit.models import AuditEntry
from accounts.clients.models import ClientAccount
from accounts.custom_domains.services import host_provision
from accounts.models import Account, ExposedKey, Grant, HostClaim, Purpose, Role, User
from accounts.services.clients import client_create
from goals.services import goal_create
from sites import site_cache
from sites.alerts.models import Alert, Channel
from sites.models import Site
from sites.selectors import select_sites
from sites.services import NewSite, site_create, sites_create
from sites.site_moves import site_move
from tests.conftest import member
from tests.support import ask, browse, log_in, read_html
from tests.support.types import Store

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(account: Account, alice: User) -> ClientAccount:
    """A client of alice's agency, whose owner is zoe."""
    client = client_create(agency=account, name="Zoo")
    member(client.account, "zoe", Role.OWNER)
    return client


def test_a_moved_site_answers_the_same_numbers(
    inside: Client, account: Account, alice: User, site: Site, client: ClientAccount, store: Store
) -> None:
    now = timezone.now()
    goal = goal_create(site=site, name="Order", pattern="/thanks")
    for day in range(3):
        browse(site, "/", "/thanks", at=now - timedelta(days=day, hours=1), visitor=f"v{day}")
    query: dict[str, Any] = {
        "site_id": site.pk,
        "sitekey": site.sitekey,
        "type": "visitors,actions,pages,goals",
        "output": "json",
    }
    query |= {"date": "last-7-days"}
    before = Client().get("/api/stats/4", query).json()
    metrics = ("visitors", "visits", "views", "bounce_rate", "conversions")
    report = ask(site, *metrics, by="day", period="7d", now=now)
    assert "Order" in str(before)
    answer = inside.post(f"/sites/{site.pk}/settings/move", {"account": client.account_id})
    assert answer["Location"] == f"/sites/{site.pk}/settings/general"
    site_cache.refresh()
    site.refresh_from_db()
    assert site.account == client.account and goal in site.goals.all()
    assert Client().get("/api/stats/4", query).json() == before
    assert ask(site, *metrics, by="day", period="7d", now=now) == report
    zoe = User.objects.get(email="zoe@example.com")
    for browser in (inside, log_in(zoe)):
        assert browser.get(f"/sites/{site.pk}/").status_code == 200


def test_guests_of_the_old_account_lose_the_site(
    account: Account, alice: User, bob: User, site: Site, client: ClientAccount
) -> None:
    assert site in select_sites(bob)
    site_move(site=site, account=client.account)
    assert site not in select_sites(bob) and not Grant.objects.filter(kind="site", object_id=site.pk).exists()
    site_move(site=site, account=account)
    assert site not in select_sites(bob), "it does not come back with the site"


def test_keys_are_listed_as_exposed_to_those_who_lose_the_site(
    account: Account, alice: User, bob: User, site: Site, client: ClientAccount
) -> None:
    member(account, "erin", Role.EDITOR)
    site_move(site=site, account=client.account)
    exposed = ExposedKey.objects.filter(kind="site", object_id=site.pk)
    assert {row.account for row in exposed} == {client.account}
    assert sorted(row.person for row in exposed) == ["Bob (bob@example.com)", "Erin (erin@example.com)"]


def test_alerts_lose_the_channels_of_the_old_account(account: Account, site: Site, client: ClientAccount) -> None:
    channel = Channel.objects.create(account=account, kind="webhook", name="hook", target="https://a.example/")
    alert = Alert.objects.create(site=site, name="a", condition="uptime")
    alert.channels.add(channel)
    site_move(site=site, account=client.account)
    assert list(alert.channels.all()) == [] and alert.enabled


def test_the_verified_domain_comes_along(account: Account, site: Site, client: ClientAccount) -> None:
    claim = HostClaim.objects.get(account=account, host="example.com", purpose=Purpose.SITE)
    assert claim.verified
    site_move(site=site, account=client.account)
    claim.refresh_from_db()
    assert claim.account == client.account and claim.verified
    site_cache.refresh()
    config = site_cache.find_site_by_host("example.com")
    assert config is not None and config.site_id == site.pk


def test_a_claim_that_the_new_account_has_not_verified_is_replaced(
    account: Account, site: Site, client: ClientAccount
) -> None:
    site_create(account=client.account, domain="example.com")
    site_move(site=site, account=client.account)
    claim = HostClaim.objects.get(host="example.com", purpose=Purpose.SITE)
    assert claim.account == client.account and claim.verified


def test_a_domain_that_has_another_use_stays_with_the_account(
    account: Account, site: Site, client: ClientAccount
) -> None:
    host_provision(account=account, host="example.com", purpose=Purpose.BRAND)
    site_move(site=site, account=client.account)
    claims = HostClaim.objects.filter(host="example.com", purpose=Purpose.SITE)
    assert [(claim.account, claim.verified) for claim in claims] == [(client.account, None)]


def test_a_move_is_recorded_in_both_logs(account: Account, site: Site, client: ClientAccount) -> None:
    site_move(site=site, account=client.account)
    entries = AuditEntry.objects.filter(action="site.moved")
    assert {entry.account_id for entry in entries} == {account.pk, client.account_id}
    assert all(entry.changes["account"] == ["Alice & Co", "Zoo"] for entry in entries)


def test_a_site_moves_only_to_accounts_that_one_manages(
    inside: Client, account: Account, site: Site, client: ClientAccount, charlies_site: Site
) -> None:
    stranger = charlies_site.account
    page = read_html(inside.post(f"/sites/{site.pk}/settings/move", {"account": stranger.pk}))
    assert "Select a valid choice" in page
    answer = inside.post(f"/api/v1/sites/{site.pk}/move", {"account": stranger.pk}, "application/json")
    assert answer.status_code == 400
    site.refresh_from_db()
    assert site.account == account
    with pytest.raises(ValidationError, match="already"):
        site_move(site=site, account=account)


def test_the_limit_of_sites_holds_for_moves(account: Account, site: Site, client: ClientAccount) -> None:
    client.account.limits = {"sites": 0}
    client.account.save()
    with pytest.raises(ValidationError, match="may have 0 sites"):
        site_move(site=site, account=client.account)


def test_many_sites_are_added_at_once(inside: Client, client: ClientAccount) -> None:
    text = "zoo.example\n\nshop.example, Shop\ncircus.example, , Europe/Tallinn\n"
    inside.post("/clients/sites", {"account": client.account_id, "sites": text, "labels": "big, retail"})
    assert all(site.labels == ["big", "retail"] for site in Site.objects.all())
    rows = Site.objects.order_by("pk").values_list("domain", "nickname", "timezone", "account_id")
    assert list(rows) == [
        ("zoo.example", "", "UTC", client.account_id),
        ("shop.example", "Shop", "UTC", client.account_id),
        ("circus.example", "", "Europe/Tallinn", client.account_id),
    ]


def test_of_many_sites_all_are_added_or_none(inside: Client, client: ClientAccount) -> None:
    text = "zoo.example\nnot a host\nzoo.example\nshop.example,,Nowhere/Here"
    page = read_html(inside.post("/clients/sites", {"account": client.account_id, "sites": text}))
    assert not Site.objects.exists()
    assert "2. not a host: Enter a host name" in page and "3. zoo.example: This domain is in the account" in page
    assert "4. shop.example" in page and "1. zoo" not in page


def test_programs_add_many_sites(account: Account, client: ClientAccount) -> None:
    answer = Client().post(
        f"/api/v1/clients/{client.pk}/sites", {"sites": [{"domain": "zoo.example"}, {"domain": "shop.example"}]},
        "application/json", HTTP_AUTHORIZATION=f"Bearer {account.authkey}",
    )  # fmt: skip
    assert answer.status_code == 201
    assert [row["domain"] for row in answer.json()["sites"]] == ["zoo.example", "shop.example"]


def test_too_many_sites_at_once_are_refused(account: Account) -> None:
    with pytest.raises(ValidationError, match="1 to 200"):
        sites_create(account=account, sites=[NewSite(f"s{number}.example") for number in range(201)])


def test_a_site_that_has_moved_meanwhile_is_not_taken_from_its_new_account(
    account: Account, site: Site, client: ClientAccount
) -> None:
    other, read_before = client_create(agency=account, name="Other"), Site.objects.get(pk=site.pk)
    site_move(site=site, account=client.account)
    with pytest.raises(ValidationError, match="meanwhile"):
        site_move(site=read_before, account=other.account)
    assert Site.objects.get(pk=site.pk).account == client.account
