"""Domain claims: verified by a DNS record or the operator, for one account only, lost or released later."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.cache import caches
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone as clock
from pytest_django import Settings

from accounts.branding import DEFAULT_BRAND, find_brand_by_host, load_brand
from accounts.custom_domains.claim_checks import claims_check
from accounts.custom_domains.services import claim_record_lookup, host_claim, host_provision, host_release
from accounts.custom_domains.txt_records import DnsUnavailable, look_up_named_accounts, parse_dns_server
from accounts.models import Account, HostClaim, HostOwner, Purpose, User, VerificationMethod
from accounts.services import account_brand_set
from links.models import Domain
from links.services.domains import domain_create, domain_delete
from sites.models import Site
from sites.services import site_create, site_delete, site_update
from tests.conftest import PASSWORD
from tests.support.dns_server import DnsServer, dns_server
from tests.support.links import Browser, create_link, refresh_caches
from tests.support.traffic import confirm, log_in
from tests.values import require

pytestmark = pytest.mark.django_db
HOST = "go.shop.test"


@pytest.fixture
def dns(settings: Settings) -> Iterator[DnsServer]:
    caches["requests"].clear()
    with dns_server() as server:
        settings.DNS_SERVERS = (server.address,)
        yield server


@pytest.fixture
def other(charlie: User) -> Account:
    """The stranger's account."""
    return charlie.memberships.get().account


def state(account: Account, host: str = HOST, purpose: str = Purpose.LINKS) -> str:
    """`dns`, `operator`, `pending`, or `none` without a claim."""
    claim = HostClaim.objects.filter(account=account, host=host, purpose=purpose).first()
    return (claim.verification_method or "pending") if claim else "none"


def check_all(now: datetime | None = None) -> None:
    """A round in which every claim that is looked into at all is due."""
    HostClaim.objects.exclude(verification_method=VerificationMethod.OPERATOR).update(
        next_check=clock.now() - timedelta(minutes=1)
    )
    claims_check(now=now or clock.now())


# -- the record ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "named"),
    [
        ([("account=7",)], {7}),
        ([("footfall account=7; thanks",)], {7}),
        ([("acc", "ount=7")], {7}),
        ([("v=spf1 -all",), ("account=7",), ("account=8 account=9",)], {7, 8, 9}),
        ([("account=70",)], {70}),
        ([("account=7x",), ("xaccount=7",), ("account= 7",), ("account=07",), ("ACCOUNT=7",), ("account=-7",)], set()),
        ([], set()),
    ],
)  # fmt: skip
def test_a_txt_record_names_accounts_only_in_the_exact_format(
    dns: DnsServer, records: list[tuple[str, ...]], named: set[int]
) -> None:
    dns.texts[f"_analytics-host.{HOST}"] = records
    assert look_up_named_accounts(HOST) == named
    assert look_up_named_accounts("nothing.test") == frozenset()


def test_a_name_server_that_fails_raises_an_error(dns: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.custom_domains.txt_records.LOOKUP_TIMEOUT", 0.2)
    monkeypatch.setattr("accounts.custom_domains.txt_records.QUERY_TIMEOUT", 0.1)
    dns.broken.add(f"_analytics-host.{HOST}")
    dns.silent.add("_analytics-host.silent.test")
    for host in (HOST, "silent.test"):
        with pytest.raises(DnsUnavailable, match="did not answer"):
            look_up_named_accounts(host)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [("192.0.2.1", ("192.0.2.1", 53)), ("192.0.2.1:5353", ("192.0.2.1", 5353)), ("2001:db8::1", ("2001:db8::1", 53)),
     ("[2001:db8::1]", ("2001:db8::1", 53)), ("[2001:db8::1]:5353", ("2001:db8::1", 5353))],
)  # fmt: skip
def test_a_dns_server_is_an_address_with_an_optional_port(text: str, parsed: tuple[str, int]) -> None:
    assert parse_dns_server(text) == parsed


@pytest.mark.parametrize("text", ["dns.example", "192.0.2.1:0", "192.0.2.1:x", "[2001:db8::1]x", "[::1]:", "1.2.3", ""])
def test_an_invalid_dns_server_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_dns_server(text)


# -- claims -------------------------------------------------------------------------------------------------------


def test_a_claim_is_pending_until_the_record_names_the_account(account: Account, dns: DnsServer) -> None:
    domain_create(account=account, name="GO.shop.test.")
    claims_check(now=clock.now())
    assert state(account) == "pending" and not HostOwner.objects.exists()
    dns.name_accounts(HOST, account.pk)
    check_all()
    assert state(account) == "dns" and HostOwner.objects.get(host=HOST).account == account


def test_of_several_pending_claims_on_a_host_one_is_verified(account: Account, other: Account, dns: DnsServer) -> None:
    for each in (account, other):
        domain_create(account=each, name=HOST)
    dns.name_accounts(HOST, other.pk)
    check_all()
    assert (state(account), state(other)) == ("pending", "dns")


def test_a_host_whose_record_names_two_accounts_stays_with_its_owner(
    account: Account, other: Account, dns: DnsServer
) -> None:
    domain_create(account=account, name=HOST)
    dns.name_accounts(HOST, account.pk)
    check_all()
    domain_create(account=other, name=HOST)
    dns.name_accounts(HOST, account.pk, other.pk)
    check_all()
    assert (state(account), state(other)) == ("dns", "pending")
    assert "Remove that account" in HostClaim.objects.get(account=other, host=HOST).check_result


def test_a_host_is_transferred_when_its_record_names_another_account(
    account: Account, other: Account, dns: DnsServer
) -> None:
    for purpose in (Purpose.LINKS, Purpose.SITE):
        host_claim(account=account, host=HOST, purpose=purpose)
    dns.name_accounts(HOST, account.pk)
    check_all()
    host_claim(account=other, host=HOST, purpose=Purpose.BRAND)
    dns.name_accounts(HOST, other.pk)
    HostClaim.objects.filter(account=other, host=HOST).update(next_check=clock.now())
    claims_check(now=clock.now())
    assert [state(account, purpose=purpose) for purpose in (Purpose.LINKS, Purpose.SITE)] == ["pending", "pending"]
    assert state(other, purpose=Purpose.BRAND) == "dns" and HostOwner.objects.get().account == other


def test_a_host_approved_by_the_operator_is_not_transferred_by_dns(
    account: Account, other: Account, dns: DnsServer
) -> None:
    assert host_provision(account=account, host=HOST, purpose=Purpose.SITE)
    domain_create(account=other, name=HOST)
    dns.name_accounts(HOST, other.pk)
    check_all()
    assert (state(account, purpose=Purpose.SITE), state(other)) == ("operator", "pending")
    assert "operator" in HostClaim.objects.get(account=other, host=HOST).check_result
    assert not host_provision(account=other, host=HOST, purpose=Purpose.SITE)


def test_an_approval_for_one_purpose_does_not_verify_another(account: Account, dns: DnsServer) -> None:
    host_provision(account=account, host="shop.test", purpose=Purpose.SITE)
    account_brand_set(account=account, host="shop.test", name="Shop")
    check_all()
    assert state(account, "shop.test", Purpose.BRAND) == "pending" and load_brand(account) == DEFAULT_BRAND


def test_a_host_serves_either_links_or_the_dashboard(account: Account) -> None:
    domain_create(account=account, name=HOST)
    with pytest.raises(ValidationError, match="white label needs another"):
        account_brand_set(account=account, host=HOST)
    account_brand_set(account=account, host="stats.shop.test")
    with pytest.raises(ValidationError, match="links need another"):
        domain_create(account=account, name="stats.shop.test")
    site_create(account=account, domain=HOST)
    assert state(account, purpose=Purpose.SITE) == "pending"


def test_the_database_enforces_one_account_and_one_exclusive_purpose_per_host(account: Account, other: Account) -> None:
    host_provision(account=account, host=HOST, purpose=Purpose.LINKS)
    verified = {"host": HOST, "verified": clock.now(), "verification_method": VerificationMethod.DNS}
    for row in (
        HostOwner(host=HOST, account=other),
        HostClaim(account=other, purpose=Purpose.LINKS, **verified),
        HostClaim(account=account, purpose=Purpose.BRAND, host=HOST),
        HostClaim(account=other, purpose=Purpose.SITE, host="x.test", verified=clock.now()),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            row.save(force_insert=True)


@pytest.mark.django_db(transaction=True)
def test_of_two_simultaneous_verifications_one_succeeds(account: Account, other: Account) -> None:
    claims = [host_claim(account=each, host=HOST, purpose=Purpose.LINKS) for each in (account, other)]
    start, errors = threading.Barrier(2), []

    def prove(claim: HostClaim) -> None:
        start.wait()
        try:
            claim_record_lookup(claim=claim, named=frozenset({account.pk, other.pk}), now=clock.now())
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=prove, args=(claim,)) for claim in claims]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and sorted([state(account), state(other)]) == ["dns", "pending"]


# -- giving up ----------------------------------------------------------------------------------------------------


def test_a_deleted_domain_releases_its_host_and_keeps_its_aliases(account: Account, other: Account, dns: Any) -> None:
    theirs = domain_create(account=other, name=HOST)
    dns.name_accounts(HOST, other.pk)
    check_all()
    domain_delete(domain=theirs)
    assert state(other) == "none" and not HostOwner.objects.exists()
    dns.name_accounts(HOST, account.pk)
    mine = domain_create(account=account, name=HOST)
    check_all()
    refresh_caches()
    create_link(account, "offer", domain=mine)
    assert state(account) == "dns" and Browser().open("/offer", host=HOST).status == 301
    again = domain_create(account=other, name=HOST)
    assert again.pk == theirs.pk and state(other) == "pending"
    assert Domain.objects.filter(name=HOST).count() == 2


def test_a_cleared_brand_a_deleted_site_and_a_changed_domain_release_their_hosts(account: Account) -> None:
    account_brand_set(account=account, host="stats.shop.test")
    account_brand_set(account=account, name="Shop")  # says nothing of the host
    assert state(account, "stats.shop.test", Purpose.BRAND) == "pending"
    account_brand_set(account=account, host="")
    assert state(account, "stats.shop.test", Purpose.BRAND) == "none"
    first, second = (site_create(account=account, domain="shop.test") for _ in range(2))
    site_delete(site=first)
    assert state(account, "shop.test", Purpose.SITE) == "pending"  # the other site has it still
    site_update(site=second, domain="new.test")
    assert [state(account, host, Purpose.SITE) for host in ("shop.test", "new.test")] == ["none", "pending"]
    site_delete(site=second)
    assert not HostClaim.objects.exists()


def test_a_claim_released_during_its_dns_lookup_stays_released(account: Account, dns: DnsServer) -> None:
    claim = host_claim(account=account, host=HOST, purpose=Purpose.LINKS)
    host_release(account=account, host=HOST, purpose=Purpose.LINKS)
    assert claim_record_lookup(claim=claim, named=frozenset({account.pk}), now=clock.now()) is None
    assert not HostClaim.objects.exists() and not HostOwner.objects.exists()


# -- rounds -------------------------------------------------------------------------------------------------------


def test_a_verification_ends_after_days_without_a_record_but_not_by_a_dns_outage(
    account: Account, dns: DnsServer
) -> None:
    host_claim(account=account, host=HOST, purpose=Purpose.LINKS)
    dns.name_accounts(HOST, account.pk)
    check_all()
    now = clock.now()
    dns.broken.add(f"_analytics-host.{HOST}")
    for days in range(1, 8):
        check_all(now + timedelta(days=days))
    assert state(account) == "dns"
    dns.broken.clear()
    dns.name_accounts(HOST)
    check_all(now + timedelta(days=8))
    check_all(now + timedelta(days=10))
    assert state(account) == "dns" and "ends on" in HostClaim.objects.get().check_result
    dns.name_accounts(HOST, account.pk)
    check_all(now + timedelta(days=10, hours=6))
    dns.name_accounts(HOST)
    check_all(now + timedelta(days=11))
    check_all(now + timedelta(days=13))
    assert state(account) == "dns"  # the days begin anew
    check_all(now + timedelta(days=14))
    assert state(account) == "pending" and not HostOwner.objects.exists()


def test_pending_claims_are_checked_less_and_less_often_and_verified_ones_daily(
    account: Account, dns: DnsServer
) -> None:
    claim = host_claim(account=account, host=HOST, purpose=Purpose.LINKS)
    created = claim.created
    for age, pause in ((0, 1), (60, 15), (60 * 24 * 8, 60 * 24 * 2), (60 * 24 * 365, 60 * 24 * 7)):
        at = created + timedelta(minutes=age)
        check_all(at)
        assert abs(require(HostClaim.objects.get().next_check) - at - timedelta(minutes=pause)) < timedelta(seconds=5)
    dns.name_accounts(HOST, account.pk)
    check_all(created)
    assert HostClaim.objects.get().next_check == created + timedelta(days=1)
    assert claims_check(now=created + timedelta(hours=23)) == 0


def test_claims_of_one_account_do_not_delay_those_of_others(
    account: Account, other: Account, dns: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.custom_domains.claim_checks.MAX_CLAIMS_PER_ROUND", 6)
    for number in range(10):
        host_claim(account=other, host=f"{number}.flood.test", purpose=Purpose.LINKS)
    host_claim(account=account, host=HOST, purpose=Purpose.LINKS)
    dns.name_accounts(HOST, account.pk)
    assert claims_check(now=clock.now()) == 6
    assert state(account) == "dns"


def test_one_failing_lookup_does_not_stop_the_others(
    account: Account, other: Account, dns: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each, host in ((other, "bad.test"), (account, HOST)):
        host_claim(account=each, host=host, purpose=Purpose.LINKS)
        dns.name_accounts(host, each.pk)

    def failing(host: str) -> frozenset[int]:
        if host == "bad.test":
            raise RuntimeError("a mistake")
        return look_up_named_accounts(host)

    monkeypatch.setattr("accounts.custom_domains.claim_checks.look_up_named_accounts", failing)
    claims_check(now=clock.now())
    assert (state(account), state(other, "bad.test")) == ("dns", "pending")
    assert claims_check(now=clock.now()) == 0  # and it does not come back at once


def test_one_lookup_checks_every_claim_on_a_host(account: Account, other: Account, dns: DnsServer) -> None:
    for each in (account, other):
        for purpose in (Purpose.LINKS, Purpose.SITE):
            host_claim(account=each, host=HOST, purpose=purpose)
    claims_check(now=clock.now())
    assert dns.asked.count(f"_analytics-host.{HOST}") == 1


# -- pages --------------------------------------------------------------------------------------------------------


def test_the_domains_page_shows_the_record_and_check_now_verifies_it(
    client: Client, alice: User, account: Account, dns: DnsServer
) -> None:
    client.force_login(alice)
    client.post("/links/domains", {"name": HOST})
    domain = Domain.objects.get(account=account)
    page = client.get("/links/domains").content.decode()
    assert "Not verified yet" in page and f"_analytics-host.{HOST}" in page and f"account={account.pk}<" in page
    dns.name_accounts(HOST, account.pk)
    dns.addresses[HOST] = ["127.0.0.1"]
    client.post(f"/links/domains/{domain.pk}", {"check": "1"})
    page = client.get("/links/domains").content.decode()
    assert "Verified by its DNS record" in page and f"{HOST} leads here" in page and "_analytics-host" not in page


def test_the_white_label_is_shown_once_its_host_is_verified(alice: User, account: Account, dns: DnsServer) -> None:
    client = confirm(log_in(alice), PASSWORD)
    client.post("/account/brand", {"host": "Stats.Shop.test", "name": "Shop Numbers"})
    page = client.get("/account/brand").content.decode()
    assert "Not verified yet" in page and "_analytics-host.stats.shop.test" in page
    assert find_brand_by_host("stats.shop.test") == DEFAULT_BRAND and load_brand(account) == DEFAULT_BRAND
    dns.name_accounts("stats.shop.test", account.pk)
    client.post("/account/brand/check")
    page = client.get("/account/brand", headers={"host": "stats.shop.test"}).content.decode()
    assert "Verified by its DNS record" in page and "Shop Numbers" in page and "footfall" not in page.lower()
    account.refresh_from_db()
    assert load_brand(account).sender == "Shop Numbers <noreply@stats.shop.test>"


def test_a_sites_settings_show_the_verification_of_its_domain(
    client: Client, alice: User, account: Account, dns: DnsServer
) -> None:
    client.force_login(alice)
    site: Site = site_create(account=account, domain="shop.test")
    path = f"/sites/{site.pk}/settings"
    assert "_analytics-host.shop.test" in client.get(f"{path}/general").content.decode()
    dns.name_accounts("shop.test", account.pk)
    client.post(f"{path}/domain-check")
    assert "Verified by its DNS record" in client.get(f"{path}/general").content.decode()


def test_manual_checks_are_limited_per_account(alice: User, account: Account, dns: DnsServer) -> None:
    client = confirm(log_in(alice), PASSWORD)
    client.post("/account/brand", {"host": "stats.shop.test"})
    for _ in range(21):
        answer = client.post("/account/brand/check", follow=True)
    assert "Too many checks" in answer.content.decode() and dns.asked.count("_analytics-host.stats.shop.test") == 20
