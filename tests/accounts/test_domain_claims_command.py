"""The command custom_domain and provisioning, and how a running server learns of an approval."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from accounts.custom_domains.services import host_claim, host_provision
from accounts.models import Account, HostClaim, HostOwner, Purpose, User
from accounts.services import account_brand_set
from links.routing import link_cache
from links.services.domains import domain_create
from sites import site_cache
from sites.models import Site
from sites.services import site_create
from tests.support import asgi
from tests.support.links import create_link, refresh_caches
from tests.values import require

pytestmark = pytest.mark.django_db
HOST = "go.shop.test"


def run(*words: str) -> str:
    out = StringIO()
    call_command("custom_domain", *words, stdout=out)
    return out.getvalue()


@pytest.fixture
def other(charlie: User) -> Account:
    """The stranger's account."""
    return charlie.memberships.get().account


def test_it_lists_claims_by_host_account_and_purpose(account: Account, other: Account) -> None:
    for each in (account, other):
        host_claim(account=each, host=HOST, purpose=Purpose.LINKS)
    run("approve", HOST, "--account", str(account.pk))
    listed = run("list", HOST).splitlines()
    assert listed == [
        f"{HOST}  links  account {account.pk} (Alice & Co)  verified (operator)",
        f"{HOST}  links  account {other.pk} (Charlie's)  pending",
    ]
    assert run("list", "--account", str(account.pk)).splitlines() == listed[:1]
    assert "charlie.example  site" in run("list", "--purpose", "site")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("approve", HOST), "Several claims"),
        (("approve", "nobody.test"), "claims it first"),
        (("approve",), "Name the host"),
        (("revoke", HOST), "no verified claim"),
    ],
)
def test_an_ambiguous_claim_is_rejected(account: Account, other: Account, words: tuple[str, ...], message: str) -> None:
    for each in (account, other):
        host_claim(account=each, host=HOST, purpose=Purpose.LINKS)
    with pytest.raises(CommandError, match=message):
        run(*words)


def test_a_second_approval_does_not_transfer_a_host(account: Account, other: Account) -> None:
    for each in (account, other):
        host_claim(account=each, host=HOST, purpose=Purpose.SITE)
    run("approve", HOST, "--account", str(account.pk))
    with pytest.raises(CommandError, match=f"Account {account.pk} has verified .* revoke {HOST}"):
        run("approve", HOST, "--account", str(other.pk))
    run("revoke", HOST)
    assert not HostOwner.objects.exists()
    run("approve", HOST, "--account", str(other.pk))
    assert HostOwner.objects.get().account == other


def test_the_operator_cannot_approve_the_installations_own_host(account: Account, settings: Settings) -> None:
    settings.BASE_URL = "https://stats.saas.test"
    for purpose in (Purpose.LINKS, Purpose.BRAND):
        HostClaim.objects.create(account=account, host=f"{purpose}.stats.saas.test", purpose=purpose)
        with pytest.raises(CommandError, match="belongs to this installation"):
            run("approve", f"{purpose}.stats.saas.test")


def test_a_running_server_loads_an_approval_at_its_next_refresh(
    account: Account, alice: User, fresh_links: None
) -> None:
    domain = domain_create(account=account, name=HOST)
    account_brand_set(account=account, host="stats.shop.test", name="Shop Numbers")
    site = site_create(account=account, domain="shop.test")
    create_link(account, "offer", domain=domain)
    refresh_caches()

    def look() -> list[bool]:
        site_cache.load_changes()
        site_cache.refresh_accounts()
        link_cache.load_changes()
        return [
            asgi.browser_request("/offer", host=HOST).status == 301,
            "Shop Numbers" in asgi.browser_request("/login", host="stats.shop.test").text,
            site_cache.find_site_by_host("shop.test") == site_cache.get_site(site.pk),
        ]

    assert look() == [False, False, False]
    for host in (HOST, "stats.shop.test", "shop.test"):
        run("approve", host)
    assert look() == [True, True, True]
    for host in (HOST, "stats.shop.test", "shop.test"):
        run("revoke", host)
    assert look() == [False, False, False]


def provision(domain: str, name: str = "Shop") -> None:
    words = ["--email", f"{name}@example.org", "--password", "correct horse battery", "--account", name]
    call_command("provision", *words, "--domain", domain, "--json", stdout=StringIO())


def test_provisioning_verifies_the_domain_unless_another_account_has_it(
    charlies_site: Site, settings: Settings
) -> None:
    settings.BASE_URL = "https://stats.saas.test"
    for domain in ("shop.test", "stats.saas.test", "plain.localhost", "127.0.0.1"):
        provision(domain)
        provision(domain)
        site_cache.load_changes()
        assert require(site_cache.find_site_by_host(domain)).domain == domain
    provision("shop.test", name="Later")
    site_cache.load_changes()
    first = Site.objects.get(domain="shop.test", account__name="Shop")
    assert require(site_cache.find_site_by_host("shop.test")).site_id == first.pk
    assert Site.objects.filter(domain="shop.test").count() == 2
    assert HostClaim.objects.get(host="shop.test", account__name="Later").verified is None


def test_it_lists_the_hosts_that_need_a_certificate(account: Account, settings: Settings) -> None:
    settings.BASE_URL, settings.LINK_DOMAIN = "https://stats.example.com", "go.example.com"
    account_brand_set(account=account, host="stats.shop.test", tracking_host="t.shop.test", sender="a@shop.test")
    domain_create(account=account, name="go.shop.test")
    assert run("served").split() == ["go.example.com", "stats.example.com"]
    for host in ("stats.shop.test", "t.shop.test", "shop.test"):
        host_provision(account=account, host=host, purpose=Purpose.BRAND)
    host_provision(account=account, host="go.shop.test", purpose=Purpose.LINKS)
    served = ["go.example.com", "go.shop.test", "stats.example.com", "stats.shop.test", "t.shop.test"]
    assert run("served").split() == served, "the domain of the sender is not served"
