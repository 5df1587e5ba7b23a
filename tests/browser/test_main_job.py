"""The main use: a fresh installation, a page with the snippet, and its visitor in Spy and on the dashboard."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PERSON, Launch
from tests.browser.product import EMAIL, PASSWORD, Product
from tests.browser.servers import Pages
from tests.browser.tracked_page import answered
from tests.served import PATIENCE


@pytest.fixture
def product() -> Iterator[Product]:
    fresh = Product()
    fresh.start()
    yield fresh
    fresh.remove()


def log_in(page: Page, product: Product) -> None:
    page.goto(f"{product.url}/login")
    page.locator("input[type=email], input[name=email], input[name=username]").first.fill(EMAIL)
    page.locator("input[type=password]").fill(PASSWORD)
    page.locator("main button, .panel button").first.click()
    page.wait_for_url(lambda url: "/login" not in url)


def shop(pages: Pages, product: Product, site_id: int) -> None:
    """Three pages that link to each other and carry the snippet of the seed (clicky)."""
    snippet = (
        f"<script>var clicky_site_ids = clicky_site_ids || []; clicky_site_ids.push({site_id});</script>"
        f'<script async src="//{product.host}/js"></script>'
        f'<noscript><p><img alt="" width="1" height="1" src="//{product.host}/{site_id}ns.gif"></p></noscript>'
    )
    for path, title, link in (("/", "Shop", "/shoes"), ("/shoes", "Shoes", "/cart"), ("/cart", "Cart", "/")):
        pages.html[path] = f'<title>{title}</title><a href="{link}">On to {link}</a>{snippet}'


def test_a_visit_appears_in_spy_and_on_the_dashboard(launch: Launch, product: Product, pages: Pages) -> None:
    site_id = product.provision("shop.localhost")["site_id"]
    shop(pages, product, site_id)
    browser = launch(PERSON)
    owner, visitor = browser.new_context().new_page(), browser.new_context().new_page()
    log_in(owner, product)
    owner.goto(f"{product.url}/sites/{site_id}/spy", wait_until="domcontentloaded")
    owner.wait_for_selector("#spy-state:text-is('Live')")

    began = time.monotonic()
    with answered(visitor, "type=pageview"):
        visitor.goto(pages.url("/", "shop.localhost"), referer="https://www.google.com/")
    for path in ("/shoes", "/cart"):
        visitor.wait_for_timeout(800)  # a visit takes some time
        with answered(visitor, "type=pageview"):
            visitor.click("a")
            visitor.wait_for_url(f"**{path}")
    visitor.wait_for_timeout(800)
    with answered(visitor, "type=pageview"):
        visitor.go_back()
    visitor.close()
    most = time.monotonic() - began + 1  # shown as whole seconds

    actions = owner.locator("#spy li.action")
    expect(actions).to_have_count(4)
    seen = [line.lower() for line in actions.all_inner_texts()]
    assert ["shoes" in seen[0], "cart" in seen[1], "shoes" in seen[2]] == [True, True, True]
    assert "google" in seen[3]

    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:  # what Spy has seen is in the store soon after
        owner.goto(f"{product.url}/sites/{site_id}/visitors")
        row = owner.locator("table.visits tbody tr")
        if row.count() and row.locator("td").all_inner_texts()[5].strip() == "4":
            break
        owner.wait_for_timeout(200)
    expect(row).to_have_count(1)
    cells = row.locator("td").all_inner_texts()
    assert "Google" in cells[3]
    assert cells[4].strip() == "/"
    assert (cells[5].strip(), cells[6].strip()) == ("4", "4")
    assert 1 <= seconds(cells[7]) <= most

    owner.goto(f"{product.url}/sites/{site_id}/")
    for word in (r"Views\s+4\b", r"Visits\s+1\b"):  # the page comes first, its numbers after it
        expect(owner.locator("#key-figures")).to_contain_text(re.compile(word), use_inner_text=True)
    expect(owner.locator("main")).to_contain_text("/shoes")
    browser.close()


def seconds(text: str) -> int:
    """`3s`, `1m 2s` or `0:03` as seconds."""
    found = [int(part) for part in re.findall(r"\d+", text)]
    return found[-1] + (60 * found[-2] if len(found) > 1 else 0)
