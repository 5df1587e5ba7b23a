"""The overview in a frame on another site, opened with only the site's key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.product import Product
from tests.browser.servers import Pages
from tests.browser.tracked_page import answered


@pytest.fixture
def product() -> Iterator[Product]:
    fresh = Product()
    fresh.start()
    yield fresh
    fresh.remove()


def test_a_page_of_another_site_shows_the_overview_in_a_frame(page: Page, product: Product, pages: Pages) -> None:
    site = product.provision("shop.localhost")
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text) if message.type == "error" else None)
    address = f"http://{product.host}/stats/wp-iframe?site_id={site['site_id']}&sitekey={site['sitekey']}"
    pages.html["/wp-admin"] = (
        f'<title>Blog</title><iframe title="Statistics" src="{address}" width="1100" height="700">'
    )
    pages.html["/shop"] = (
        f'<title>Shop</title><body>Shoes<script async data-id="{site["site_id"]}" src="//{product.host}/js"></script>'
    )
    with answered(page, "type=pageview"):
        page.goto(pages.url("/shop", "shop.localhost"))
    product.wait_until_stored()

    page.goto(pages.url("/wp-admin", "blog.localhost"))
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="Overview of shop.localhost")).to_be_attached()
    expect(frame.locator("#panel-pages")).to_contain_text("/shop")
    frame.locator("#panel-pages").get_by_role("link", name="Exit", exact=False).first.click()
    expect(frame.locator("#panel-pages")).to_contain_text("/shop")
    frame.get_by_role("link", name="/shop").first.click()
    expect(frame.locator(".chip").first).to_contain_text("/shop")
    assert not [cookie for cookie in page.context.cookies() if "session" in cookie["name"]]
    assert not [text for text in told if "Framing" in text or "frame-ancestors" in text], told

    pages.html["/wrong"] = f'<iframe title="Statistics" src="{address}x" width="1100" height="700">'
    page.goto(pages.url("/wrong", "blog.localhost"))
    expect(page.frame_locator("iframe").get_by_role("heading")).to_have_text("The statistics cannot be shown")
