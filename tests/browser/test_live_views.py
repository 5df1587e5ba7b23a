"""Live views in Chromium: what they show when there are too many, and when access has ended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.product import EMAIL, PASSWORD, Product
from tests.browser.servers import Pages
from tests.browser.shots import log_in

LIMIT = """
import django; django.setup()
from accounts.models import Account
Account.objects.update(limits={"streams_per_user": 1})
"""
LOG_OUT = """
import django; django.setup()
from django.contrib.sessions.models import Session
Session.objects.all().delete()
"""


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    made = Product()
    made.start()
    try:
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module")
def garden(product: Product) -> int:
    """The number of alice's site, who may watch one live view at a time."""
    number = product.sites(garden={})["garden"]
    product.command("-c", LIMIT)
    return number


@pytest.fixture
def alice(product: Product, garden: int, chromium: Browser) -> Iterator[BrowserContext]:
    """Her browser, logged in."""
    context = chromium.new_context()
    log_in(context.new_page(), product.url, EMAIL, PASSWORD)
    yield context
    context.close()


def asked(page: Page) -> list[str]:
    """Requests for streams that the page makes from now on."""
    found: list[str] = []
    page.on("request", lambda request: found.append(request.url) if request.url.endswith("/stream") else None)
    return found


@pytest.mark.parametrize("path", ["/sites/{site}/spy", "/links/live"])
def test_a_live_view_above_the_limit_waits_and_retries_slowly(
    product: Product, garden: int, alice: BrowserContext, path: str
) -> None:
    first, second = alice.new_page(), alice.new_page()
    first.goto(product.url + path.format(site=garden))
    first.wait_for_selector("text=/^Live$/")
    second.clock.install()
    requests = asked(second)
    second.goto(product.url + path.format(site=garden))
    second.wait_for_selector("text=Too many live views are open")
    assert len(requests) == 2
    second.clock.run_for(20_000)  # of 30, of which a busy machine has used some
    assert len(requests) == 2, "nothing is asked before the time that the server named"
    first.close()
    second.clock.run_for(25_000)
    second.wait_for_selector("#spy-state:text-is('Live'), [data-live-state]:text-is('Live')")


def test_rows_keep_their_visitors_name_and_the_online_count_is_updated(
    product: Product, garden: int, alice: BrowserContext, context: BrowserContext, pages: Pages
) -> None:
    pages.html["/garden"] = (
        f"<title>Garden</title><body>Roses<script async data-id={garden} src=//{product.host}/js></script>"
    )
    spy, visitor = alice.new_page(), context.new_page()
    spy.goto(f"{product.url}/sites/{garden}/spy")
    spy.wait_for_selector("#spy-state:text-is('Live')")
    expect(spy.locator("#live strong")).to_have_text("0")
    visitor.goto(pages.url("/garden", "garden.localhost"))
    expect(spy.locator("#spy .visitor a").first).to_contain_text("Visitor ")
    visitor.evaluate("clicky_custom = {visitor: {username: 'zoe'}}; clicky.log('/named', 'Named', 'click')")
    expect(spy.locator("#spy .visitor a")).to_have_text(["zoe", "zoe"])
    visitor.evaluate("clicky_custom = {}; clicky.log('/later', 'Later', 'click')")
    expect(spy.locator("#spy .visitor a")).to_have_text(["zoe", "zoe", "zoe"])
    expect(spy.locator("#spy .ip").first).to_have_text("127.0.0.0")
    expect(spy.locator("#live strong")).to_have_text("1")
    product.wait_until_stored()
    spy.reload()
    expect(spy.locator("#spy .visitor a")).to_have_text(["zoe", "zoe", "zoe"])


def test_a_live_view_says_that_it_ended_after_a_logout(product: Product, garden: int, alice: BrowserContext) -> None:
    page = alice.new_page()
    page.goto(f"{product.url}/sites/{garden}/spy")
    page.wait_for_selector("#spy-state:text-is('Live')")
    product.command("-c", LOG_OUT)
    page.wait_for_selector("#spy-state:has-text('The stream ended; reload the page.')")
