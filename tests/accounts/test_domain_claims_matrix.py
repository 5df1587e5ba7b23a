"""No account gets a host of the installation or a host that another account has verified, whichever way it claims
it, and no host is served for an account that has not verified it, whatever rows there are."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.core.cache import caches
from django.test import override_settings
from django.utils import timezone as clock
from pytest_django import Settings

from accounts.branding import find_brand_by_host
from accounts.models import Account, HostClaim, HostOwner, Membership, Purpose, User, VerificationMethod
from accounts.services import account_brand_set
from links.clickmeter.operations import OPERATIONS
from links.public_urls import get_system_domain
from links.services.domains import domain_create
from sites.models import Site
from sites.services import site_create
from tests.accounts.domain_claim_cases import (
    API,
    BASE,
    BRAND,
    FREE,
    HELD,
    LINKS,
    RESERVED,
    SERVED,
    SHARED,
    SITE,
    WAYS,
    Claimant,
    create_unrefused_rows,
    served,
)
from tests.support import asgi, verify_host
from tests.support.dns_server import dns_server
from tests.support.links import create_link, refresh_caches
from tests.support.types import Store
from tests.test_architecture import ROOT, list_sources

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def installation(module_account: Account, module_stranger: Membership) -> Iterator[None]:
    """The installation with hosts of its own, and alice with one verified host for each purpose."""
    hosts = {"BASE_URL": f"http://{BASE}", "LINK_DOMAIN": SHARED, "CLICKMETER_HOSTS": (API,)}
    with dns_server() as dns, override_settings(DNS_SERVERS=(dns.address,), **hosts):
        set_up_alices_hosts(module_account)
        yield


@pytest.fixture(autouse=True)
def world(installation: None, store: Store, module_caches: None) -> None:
    caches["requests"].clear()


def set_up_alices_hosts(account: Account) -> None:
    get_system_domain()
    account_brand_set(account=account, host=BRAND, name="Alice Numbers")
    domain = domain_create(account=account, name=LINKS)
    site_create(account=account, domain=SITE)
    for host, purpose in HELD.items():
        verify_host(account, host, purpose)
    create_link(account, "hers", domain=domain, url="https://x.test/from-alice")


@pytest.fixture
def claimant(world: None) -> Claimant:
    site = Site.objects.select_related("account").get(domain="charlie.example")
    return Claimant(User.objects.get(email="charlie@example.com"), site.account, site)


def still_serves_whom_it_should(host: str) -> bool:
    """The installation's own pages, links and API, or what alice has there."""
    if host == LINKS:
        return "from-alice" in asgi.browser_request("/hers", host=host).headers["location"]
    if host in (SITE, SHARED):
        return True
    if host == API or host.startswith("apiv2."):
        return asgi.browser_request("/datapoints", host=host).headers["content-type"].startswith("application/json")
    page = asgi.browser_request("/login", host=host)
    return page.status in (200, 302) and (host != BRAND or "Alice Numbers" in page.text)


def take_turns(cases: Iterable[str], hosts: Iterable[str], turns: int) -> list[Any]:
    """Each case with one of so many parts of the hosts; heavy is every case with all of them."""
    parts = [pytest.param(case, [*hosts][turn % turns :: turns], id=case) for turn, case in enumerate(cases)]
    return parts + [pytest.param(case, [*hosts], id=f"{case} all", marks=pytest.mark.heavy) for case in cases]


@pytest.mark.parametrize(("way", "hosts"), take_turns(WAYS, RESERVED, 5))
def test_a_host_of_the_installation_cannot_be_claimed(claimant: Claimant, way: str, hosts: list[str]) -> None:
    for host in hosts:
        response = WAYS[way].claim(claimant, host)
        assert "belongs to this installation itself" in response, (host, response[:300])
        assert not HostClaim.objects.filter(account=claimant.account, host=host).exists(), host
        assert not Site.objects.filter(account=claimant.account, domain=host).exists(), host


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dot", ["\u3002", "\uff0e.", ".\uff61"])
def test_a_trailing_dot_in_any_script_does_not_make_another_host(claimant: Claimant, way: str, dot: str) -> None:
    response = WAYS[way].claim(claimant, f"{BASE.replace('.', dot[-1])}{dot}")
    assert "belongs to this installation itself" in response, response[:300]
    assert not Site.objects.filter(account=claimant.account, domain__startswith=BASE).exists()


@pytest.mark.parametrize(("purpose", "hosts"), take_turns(SERVED, RESERVED, 3))
def test_a_host_of_the_installation_is_never_served_for_an_account(
    claimant: Claimant, purpose: Purpose, hosts: list[str]
) -> None:
    verified = {
        "account": claimant.account,
        "purpose": purpose,
        "verified": clock.now(),
        "verification_method": VerificationMethod.DNS,
    }
    for host in hosts:
        HostClaim.objects.create(host=host, **verified)
        HostOwner.objects.create(account=claimant.account, host=host)
        create_unrefused_rows(claimant, host, purpose)
        assert served(claimant, host) == [], host
        assert still_serves_whom_it_should(host), host


@pytest.mark.parametrize(("way", "hosts"), take_turns(WAYS, HELD, 3))
def test_a_host_of_another_account_can_be_claimed_but_is_not_served(
    claimant: Claimant, way: str, hosts: list[str]
) -> None:
    purpose = WAYS[way].purpose
    for host in hosts:
        WAYS[way].claim(claimant, host)
        claim = HostClaim.objects.get(account=claimant.account, host=host, purpose=purpose)
        assert claim.verified is None, host
        create_unrefused_rows(claimant, host, purpose)
        assert served(claimant, host) == [], host
        assert still_serves_whom_it_should(host), host


@pytest.mark.parametrize("way", WAYS)
def test_a_free_host_is_served_only_once_it_is_verified(claimant: Claimant, way: str) -> None:
    purpose = WAYS[way].purpose
    WAYS[way].claim(claimant, FREE)
    create_unrefused_rows(claimant, FREE, purpose)
    assert served(claimant, FREE) == []
    verify_host(claimant.account, FREE, purpose)
    assert served(claimant, FREE, purpose) == [function.__name__ for function in SERVED[purpose]]


@pytest.mark.parametrize("host", ["blog.alice.example", "example", "alice.example.evil.example"])
def test_hosts_above_or_below_a_verified_site_do_not_belong_to_it(host: str) -> None:
    refresh_caches()
    body = b'{"url":"https://%s/x"}' % host.encode()
    answer = asgi.browser_request("/api/event", host=BASE, method="POST", body=body, content_type="application/json")
    assert answer.status == 401


def test_a_former_link_domain_stays_reserved(claimant: Claimant, settings: Settings) -> None:
    settings.LINK_DOMAIN = "new.saas.example"
    get_system_domain()
    refresh_caches()
    for way in WAYS.values():
        assert "belongs to this installation itself" in way.claim(claimant, SHARED)


# -- nothing is missing here --------------------------------------------------------------------------------------


def callers_of(name: str) -> set[str]:
    """Functions of the product that call `name`."""
    callers = set()
    for text in (text for file_name in list_sources() if name in (text := (ROOT / file_name).read_text())):
        for function in ast.walk(ast.parse(text)):
            if isinstance(function, ast.FunctionDef):
                calls = (node.func for node in ast.walk(function) if isinstance(node, ast.Call))
                if any(isinstance(call, ast.Name) and call.id == name for call in calls):
                    callers.add(function.name)
    return callers


def test_every_purpose_has_cases_for_claiming_and_serving() -> None:
    assert {way.purpose for way in WAYS.values()} == set(SERVED) == set(Purpose)


def test_every_function_that_claims_a_host_has_a_case() -> None:
    assert callers_of("host_claim") == {way.function for way in WAYS.values()}


def test_only_the_operator_verifies_without_dns() -> None:
    assert callers_of("host_provision") == {"_claim_domain", "site_provision", "create_links"}
    assert callers_of("claim_approve") == {"approve", "host_provision"}
    files = {name for name in list_sources() if "by_operator=True" in (ROOT / name).read_text()}
    assert files == {"sites/services.py", "config/demo/shop.py"}


def test_every_operation_on_domains_is_covered_here() -> None:
    writes = {(row.method, row.path) for row in OPERATIONS if row.path.startswith("/domains") and row.method != "GET"}
    assert writes == {("POST", "/domains"), ("POST", "/domains/{id}"), ("DELETE", "/domains/{id}")}


def test_a_domain_cannot_be_renamed(claimant: Claimant) -> None:
    domain = domain_create(account=claimant.account, name=FREE)
    claimant.call("POST", f"/clickmeter/domains/{domain.pk}", {"name": BASE, "custom404": "https://x.test/"})
    claimant.client.post(f"/links/domains/{domain.pk}", {"name": BASE})
    domain.refresh_from_db()
    assert domain.name == FREE


@pytest.mark.parametrize("operation", ["sites", "usage", "add_site", "site_add", "sites/add", "edit_site", "domain"])
def test_clickys_apis_take_no_hosts(claimant: Claimant, operation: str) -> None:
    query = f"auth={claimant.account.authkey}&hostname={BASE}&domain={BASE}&server={BASE}"
    claimant.client.get(f"/api/whitelabel/{operation}?{query}")
    claimant.client.get(f"/api/account/sites?{query}&username=charlie@example.com&password=correct+horse+battery")
    assert not Site.objects.filter(domain=BASE).exists() and not HostClaim.objects.filter(host=BASE).exists()
    assert not find_brand_by_host(BASE).white_label
