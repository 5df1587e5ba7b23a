"""A proxy gets a certificate for proved hosts only: it asks at `/internal/tls-allowed` in the middle of a handshake."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.custom_domains.services import claim_revoke, host_claim
from accounts.models import Account, HostClaim, Purpose
from accounts.services import account_brand_set
from links.routing import link_cache
from links.services.domains import domain_create
from sites import site_cache
from sites.models import Site
from tests.support import asgi, verify_host

BRAND, LINKS = "stats.agency.example", "go.agency.example"
ON_THIS_MACHINE = "127.0.0.1"


@pytest.fixture
def proved(account: Account) -> Account:
    account_brand_set(account=account, host=BRAND, name="Agency Numbers")
    domain_create(account=account, name=LINKS)
    verify_host(account, BRAND, Purpose.BRAND)
    verify_host(account, LINKS, Purpose.LINKS)
    return account


def ask(host: str, client: str = ON_THIS_MACHINE, headers: dict[str, str] | None = None) -> int:
    return asgi.request(f"/internal/tls-allowed?domain={host}", headers=headers, client=client).status


def test_a_proved_host_gets_a_certificate_without_a_look_into_the_database(
    proved: Account, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        assert ask(BRAND) == ask(LINKS) == ask(BRAND.upper()) == 200
        assert ask("stats.stranger.example") == 404


@pytest.mark.parametrize(
    "host",
    ["", "stats.stranger.example", f"www.{BRAND}", f"x.{BRAND}", "agency.example", f"{BRAND}.", f"{BRAND}:443",
     f"https://{BRAND}/", "127.0.0.1", "::1", "localhost", "*.agency.example", f"{BRAND}%00", "%ff",
     f"{BRAND}&domain={BRAND}", "a" * 5000],
)  # fmt: skip
def test_any_other_name_gets_none(proved: Account, host: str) -> None:
    assert ask(host) == 404


def test_a_claim_gets_none_until_it_is_verified_nor_after_it_is_withdrawn(account: Account) -> None:
    account_brand_set(account=account, host=BRAND)
    site_cache.refresh()
    assert ask(BRAND) == 404
    verify_host(account, BRAND, Purpose.BRAND)
    assert ask(BRAND) == 200
    claim = HostClaim.objects.get(host=BRAND)
    claim_revoke(claim=claim, reason="The record names another account now.", now=datetime.now(UTC))
    site_cache.refresh()
    link_cache.refresh()
    assert ask(BRAND) == 404


def test_the_domain_of_a_website_gets_none(account: Account, site: Site) -> None:
    host_claim(account=account, host="shop.example", purpose=Purpose.SITE)
    verify_host(account, "shop.example", Purpose.SITE)
    assert ask("shop.example") == 404, "the website itself is served elsewhere"


def test_the_hosts_of_the_installation_get_one_but_not_the_names_below_them(db: None, settings: Settings) -> None:
    settings.BASE_URL, settings.LINK_DOMAIN = "https://stats.example.com", "go.example.com"
    settings.CLICKMETER_HOSTS = ["apiv2.example.com"]
    assert [ask(host) for host in ("stats.example.com", "go.example.com", "apiv2.example.com")] == [200] * 3
    assert ask("x.stats.example.com") == ask("apiv2.stranger.example") == 404


def test_only_the_proxy_itself_may_ask(proved: Account, settings: Settings) -> None:
    assert ask(BRAND, client="198.51.100.7") == 404
    assert ask(BRAND, headers={"x-forwarded-for": "198.51.100.7"}) == 404, "somebody asked through the proxy"
    settings.TRUSTED_PROXIES = ["192.0.2.0/24"]
    assert ask(BRAND, client="192.0.2.10") == 200
    assert ask(BRAND, client="192.0.2.10", headers={"x-forwarded-for": "198.51.100.7"}) == 404


def test_it_is_only_read(proved: Account) -> None:
    path = f"/internal/tls-allowed?domain={BRAND}"
    assert asgi.request(path, "POST", client=ON_THIS_MACHINE).status == 405
    assert asgi.request(path, "HEAD", client=ON_THIS_MACHINE).body == b""
