"""On-site analytics: from the dashboard's heatmap to the measured page, and the visitors online there."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PERSON, Launch
from tests.browser.product import Product
from tests.browser.servers import Pages
from tests.browser.test_main_job import log_in
from tests.browser.tracked_page import note_scripts, play, wait_for_part
from tests.served import PATIENCE

PAINTED = """() => {
  const canvas = [...document.querySelectorAll('canvas')].pop();
  if (!canvas) return null;
  const {data, width} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const box = document.querySelector('#buy').getBoundingClientRect();
  const at = (x, y) => data[4 * (Math.round(y) * width + Math.round(x)) + 3];
  return {
    middle: at(box.left + box.width / 2, box.top + box.height / 2), corner: at(3, 3),
    solid: [...data.filter((_, i) => i % 4 == 3)].filter(Boolean).length,
  };
}"""
BOARD = "[...document.documentElement.children].map(one => one.shadowRoot?.textContent || '').join('')"


@pytest.fixture
def product() -> Iterator[Product]:
    fresh = Product()
    fresh.start()
    yield fresh
    fresh.remove()


def shop(pages: Pages, product: Product, site_id: int) -> None:
    pages.html["/shop"] = (
        '<meta name="viewport" content="width=device-width"><title>Shop</title><body><p>Shoes</p>'
        '<button id="buy" onclick="this.textContent += \'!\'">Buy</button><p style="height:2000px">Long</p>'
        f'<script async data-id="{site_id}" src="//{product.host}/js"></script>'
    )


def visit_and_click(visitor: Page, pages: Pages) -> None:
    note_scripts(visitor)
    visitor.goto(pages.url("/shop", "shop.localhost"))
    wait_for_part(visitor, "heat")
    visitor.click("#buy")
    play(visitor, 700)
    visitor.goto("about:blank")


def test_the_heatmap_opens_on_the_page_and_shows_its_clicks(launch: Launch, product: Product, pages: Pages) -> None:
    site_id = product.provision("shop.localhost")["site_id"]
    shop(pages, product, site_id)
    browser = launch(PERSON)
    visit_and_click(browser.new_context(locale="en-GB").new_page(), pages)

    owner = browser.new_context(locale="en-GB").new_page()
    log_in(owner, product)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:  # the writer comes to it
        owner.goto(f"{product.url}/sites/{site_id}/heatmaps")
        if owner.get_by_role("link", name="/shop").count():
            break
        owner.wait_for_timeout(700)
    owner.get_by_role("link", name="/shop").click()
    expect(owner.get_by_text("1 click in 1 visit")).to_be_visible()
    expect(owner.locator("rect.heat-level-1")).to_have_count(1)
    link = owner.get_by_role("link", name="Open on the page").get_attribute("href") or ""
    assert link.startswith("http://shop.localhost") and "#_heatmap=" in link

    there = browser.new_context(
        locale="en-GB"
    ).new_page()  # another profile: nothing is known of the dashboard's log-in
    errors: list[str] = []
    there.on("pageerror", lambda error: errors.append(str(error)))
    there.goto(pages.url("/shop", "shop.localhost") + "#" + link.partition("#")[2])
    there.wait_for_function(f"({BOARD}).includes('1 clicks in 1 visits')")
    there.wait_for_function(f"({PAINTED})()?.middle > 100")
    found = there.evaluate(PAINTED)
    assert found["middle"] > 100 and found["corner"] == 0 and found["solid"] < 4_000, found
    assert "#" not in there.url, "the word is not left in the address"

    there.evaluate("scrollTo(0, 900)")  # the spot goes out of sight with its element
    there.wait_for_function(f"({PAINTED})().solid == 0")

    there.goto(pages.url("/shop", "shop.localhost"))
    there.wait_for_function(f"({BOARD}).includes('on site')")  # the kept word brings the widget
    assert errors == []
    stranger = browser.new_context(locale="en-GB").new_page()
    stranger.goto(pages.url("/shop", "shop.localhost") + "#_heatmap=" + "x" * 30)
    stranger.wait_for_timeout(2000)
    assert stranger.evaluate(BOARD) == "" and stranger.evaluate(PAINTED) is None
    browser.close()
