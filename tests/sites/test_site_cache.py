"""Sites and keys in memory: correct, at most two seconds old, and available during a database outage."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import OperationalError
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.custom_domains.services import host_provision
from accounts.models import Account, Purpose, User
from sites import site_cache
from sites.models import ApiKey, Site
from sites.services import (
    api_key_create,
    api_key_provision,
    api_key_revoke,
    quota_flag_set,
    site_create,
    site_delete,
    site_keys_rotate,
    site_update,
)
from sites.site_config import SiteConfig
from tests.support import verify_host
from tests.values import require

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def empty_cache(db: None) -> Iterator[None]:
    site_cache.forget()
    yield
    site_cache.forget()


def test_a_site_is_found_by_id_and_by_host(site: Site) -> None:
    config = require(site_cache.get_site(site.pk))
    assert (config.site_id, config.account_id, config.domain) == (site.pk, site.account_id, "example.com")
    assert config.sitekey == site.sitekey and config.sitekey_admin == site.sitekey_admin
    for host in ("example.com", "www.example.com", "Example.com:8080"):
        assert site_cache.find_site_by_host(host) == config
    for host in ("blog.example.com", "com", "example.net", ""):
        assert site_cache.find_site_by_host(host) is None
    assert site_cache.get_site(1) is None


def test_a_domain_finds_the_site_of_the_account_that_verified_it(
    site: Site, charlies_site: Site, account: Account
) -> None:
    theirs = site_create(account=charlies_site.account, domain="example.com")
    below = site_create(account=charlies_site.account, domain="www.example.com")
    site_cache.refresh()
    assert site_cache.find_site_by_host("charlie.example") is None  # nobody has verified it
    assert (
        require(site_cache.find_site_by_host("example.com")).site_id
        == require(site_cache.find_site_by_host("www.example.com")).site_id
        == site.pk
    )
    verify_host(below.account, "www.example.com", Purpose.SITE)
    assert require(site_cache.find_site_by_host("www.example.com")).site_id == below.pk
    site_update(site=site, domain="moved.example")
    site_cache.load_changes()
    assert require(site_cache.find_site_by_host("example.com")).site_id == below.pk
    verify_host(theirs.account, "example.com", Purpose.SITE)
    assert require(site_cache.find_site_by_host("example.com")).site_id == theirs.pk


def test_an_accounts_own_sites_are_found_by_every_host_verified_or_not(account: Account, charlie: User) -> None:
    old = site_create(account=account, domain="shop.example", allowed_hosts=["pay.example", "*many.example"])
    new = site_create(account=account, domain="www.blog.shop.example", any_host=True)
    site_cache.refresh()
    result = {
        host: getattr(site_cache.find_account_site(account.pk, host), "site_id", None)
        for host in ("shop.example", "a.shop.example", "x.blog.shop.example", "pay.example", "a.pay.example",
                     "x.many.example", "other.example", "charlie.example", "")
    }  # fmt: skip
    assert result == {
        "shop.example": old.pk, "a.shop.example": old.pk, "x.blog.shop.example": new.pk, "pay.example": old.pk,
        "a.pay.example": None, "x.many.example": old.pk, "other.example": None, "charlie.example": None, "": None,
    }  # fmt: skip
    site_delete(site=old)
    site_cache.load_changes()
    assert site_cache.find_account_site(account.pk, "pay.example") is None


def test_of_two_sites_with_one_host_the_older_is_found_first(account: Account) -> None:
    old, new = (site_create(account=account, domain="twice.example", by_operator=True) for _ in range(2))
    assert require(site_cache.find_site_by_host("twice.example")).site_id == old.pk
    site_delete(site=old)
    site_cache.load_changes()
    assert require(site_cache.find_site_by_host("twice.example")).site_id == new.pk


def test_only_changed_rows_are_loaded(
    site: Site, account: Account, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    site_cache.refresh()
    other = site_cache.get_site(site_create(account=account, domain="other.example").pk)
    assert other is None
    site_update(site=site, addresses="keep", excluded_ips=["192.0.2.0/24"], domain="moved.example")
    with django_assert_num_queries(3):
        assert site_cache.load_changes()
    assert site_cache.find_site_by_host("moved.example") is None
    host_provision(account=account, host="moved.example", purpose=Purpose.SITE)
    with django_assert_num_queries(3):
        assert site_cache.load_changes()
    assert require(site_cache.get_site(site.pk)).addresses == "keep"
    assert str(require(site_cache.get_site(site.pk)).excluded_networks[0]) == "192.0.2.0/24"
    assert site_cache.find_site_by_host("example.com") is None
    assert require(site_cache.find_site_by_host("moved.example")).site_id == site.pk
    with django_assert_num_queries(1):
        assert not site_cache.load_changes()


def test_rotated_keys_and_the_quota_flag_are_loaded(site: Site, account: Account) -> None:
    old = require(site_cache.get_site(site.pk)).sitekey
    site_keys_rotate(site=site)
    quota_flag_set(account=account, over=True)
    site_cache.load_changes()
    assert require(site_cache.get_site(site.pk)).sitekey != old
    assert require(site_cache.get_site(site.pk)).refuses_hits
    quota_flag_set(account=account, over=False)
    site_cache.load_changes()
    assert not require(site_cache.get_site(site.pk)).refuses_hits


def test_a_key_is_valid_for_its_permissions_until_it_is_revoked(site: Site) -> None:
    key, plain = api_key_create(site=site, name="reader", can_track=False)
    site_cache.load_changes()
    config = require(site_cache.find_key(plain))
    assert (config.site_id, config.can_read, config.can_track, config.trusted) == (site.pk, True, False, False)
    assert site_cache.find_key(plain[:-1]) is site_cache.find_key("") is site_cache.find_key("ck_\ud800") is None
    api_key_revoke(key=key)
    site_cache.load_changes()
    assert site_cache.find_key(plain) is None


def test_a_key_ends_at_its_expiry(site: Site) -> None:
    soon = timezone.now() + timedelta(minutes=1)
    _, plain = api_key_create(site=site, name="short", expires=soon)
    site_cache.load_changes()
    assert site_cache.find_key(plain, now=soon - timedelta(seconds=1))
    assert site_cache.find_key(plain, now=soon) is None


def test_no_plain_key_is_stored_anywhere(site: Site) -> None:
    _, plain = api_key_create(site=site, name="x")
    provisioned = api_key_provision(site=site)
    rows = repr(list(ApiKey.objects.values()))
    assert plain not in rows and provisioned not in rows


def test_last_used_is_stored_later_and_not_by_the_lookup(
    site: Site, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    key, plain = api_key_create(site=site, name="x")
    site_cache.refresh()
    with django_assert_num_queries(0):
        assert site_cache.find_key(plain)
        assert site_cache.get_site(site.pk) and site_cache.find_site_by_host("example.com")
    site_cache.write_last_used()
    key.refresh_from_db()
    assert timezone.now() - require(key.last_used) < timedelta(seconds=5)
    before = key.change
    assert not site_cache.load_changes()
    assert ApiKey.objects.get(pk=key.pk).change == before


@pytest.mark.django_db(transaction=True)
def test_the_cache_answers_during_a_database_outage(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    _, plain = api_key_create(site=site, name="x")
    site_cache.refresh()

    def away(*args: object, **kwargs: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr("django.db.backends.utils.CursorWrapper.execute", away)
    assert site_cache.refresher.attempt(site_cache.load_changes) is False
    assert site_cache.get_site(site.pk) and site_cache.find_key(plain)
    assert site_cache.refresher.attempt(site_cache.write_last_used) is False
    monkeypatch.undo()
    site_cache.write_last_used()
    assert ApiKey.objects.get().last_used is not None


async def first_question(site_id: int) -> SiteConfig | None:
    return site_cache.get_site(site_id)


@pytest.mark.django_db(transaction=True)
def test_the_first_lookup_may_come_from_an_event_loop(account: Account) -> None:
    created = site_create(account=account, domain="loop.example")
    site_cache.forget()
    assert require(asyncio.run(first_question(created.pk))).domain == "loop.example"


def wait_for(condition: Callable[[], object], seconds: float) -> float:
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds, "it took too long"
        time.sleep(0.02)
    return time.monotonic() - start


SERVER = """
import sys, time, django
django.setup()
from sites import site_cache
site_cache.start()
print("ready", flush=True)
for line in sys.stdin:
    kind, _, what = line.strip().partition(" ")
    started = time.monotonic()
    found = None
    while time.monotonic() - started < 6:
        found = site_cache.get_site(int(what)) if kind == "site" else site_cache.find_key(what)
        if found:
            break
        time.sleep(0.02)
    print(round(time.monotonic() - started, 2) if found else "never", flush=True)
site_cache.stop()
"""


def manage(env: dict[str, str], *args: str) -> str:
    done = subprocess.run([sys.executable, "manage.py", *args], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def ask(server: subprocess.Popen[str], question: str) -> float:
    """Seconds until the server knows what it is asked for."""
    assert server.stdin and server.stdout
    server.stdin.write(question + "\n")
    server.stdin.flush()
    return float(server.stdout.readline().replace("never", "inf"))


@pytest.mark.heavy
def test_sites_provisioned_by_another_process_are_loaded_within_two_seconds(migrated_dir: Path) -> None:
    import json

    env = {**os.environ, "DATA_DIR": str(migrated_dir), "DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": ""}
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], cwd=ROOT, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert server.stdin and server.stdout
    try:
        assert server.stdout.readline().strip() == "ready"
        words = ["--email", "a@example.org", "--password", "a long enough password", "--account", "A", "--json"]

        def seconds_until_known(domain: str) -> list[float]:
            made = json.loads(manage(env, "provision", *words, "--domain", domain))["site"]
            return [ask(server, f"site {made['site_id']}"), ask(server, f"key {made['api_key']}")]

        domains = (f"{name}.example" for name in ("a", "b", "c", "d", "e"))  # a busy machine is late once or twice
        assert any(max(seconds_until_known(domain)) < 2 for domain in domains)
        first = json.loads(manage(env, "provision", *words, "--domain", "one.example"))
        assert json.loads(manage(env, "provision", *words, "--domain", "one.example")) == first
        second = json.loads(manage(env, "provision", *words, "--domain", "two.example"))
        assert second["site"]["site_id"] != first["site"]["site_id"]
        assert second["account"] == first["account"]
    finally:
        server.stdin.close()
        assert server.wait(timeout=30) == 0
