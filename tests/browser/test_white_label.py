"""The white label in Chromium: its page, the preview in accents that are hard to read, and the brand on its own host.

Screenshots are written to `screenshots/brand-*.png` (not kept in git): look at them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.product import EMAIL, PASSWORD, ROOT, Product
from tests.browser.walk import AXE, RULES, WIDER, violations
from tests.support.images import draw_png

OUT = ROOT / "screenshots"
HOST = "stats.agency.localhost"
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
ACCENTS = ("#ffdd00", "#ff7700", "#f4f4f4", "#101010", "#00c2a8", "#ff2d55", "#0a7f5a")


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    served = Product()
    served.start()
    served.provision("shop.localhost")
    yield served
    served.remove()


@pytest.fixture(scope="module")
def context(chromium: Browser, product: Product) -> Iterator[BrowserContext]:
    """Alice, logged in. Axe is let in past the policy."""
    made = chromium.new_context(viewport={"width": 1280, "height": 900}, bypass_csp=True)
    page = made.new_page()
    log_in(page, product.url)
    page.close()
    yield made
    made.close()


def log_in(page: Page, base: str) -> None:
    page.goto(f"{base}/login?next=/account/brand")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_role("heading", name="White label")).to_be_visible()


def find_faults(page: Page, name: str) -> list[tuple[str, str, str]]:
    """What axe finds in either theme, and a page that is wider than its window on a phone."""
    OUT.mkdir(exist_ok=True)
    page.evaluate(AXE)
    found: list[tuple[str, str, str]] = []
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        page.wait_for_timeout(100)
        found += [(f"{name} {theme}", *one) for one in violations(page, {"runOnly": RULES})]
        page.screenshot(path=str(OUT / f"brand-{name}-{theme}.png"), full_page=True)
    page.set_viewport_size({"width": 320, "height": 800})
    if page.evaluate(WIDER):
        found.append((name, "wide", "320"))
    page.set_viewport_size({"width": 390, "height": 844})
    page.screenshot(path=str(OUT / f"brand-{name}-390.png"), full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})
    return found


@pytest.mark.parametrize("accent", ACCENTS)
def test_the_preview_is_readable_in_every_accent(context: BrowserContext, product: Product, accent: str) -> None:
    page = context.new_page()
    page.goto(f"{product.url}/account/brand")
    page.get_by_label("Name", exact=True).fill("Agency Numbers")
    page.get_by_label("Accent colour").fill(accent)
    with context.expect_page() as opened:
        page.get_by_role("button", name="Preview").click()
    preview = opened.value
    expect(preview.get_by_role("heading", name="Agency Numbers")).to_be_visible()
    assert find_faults(preview, f"preview-{accent.removeprefix('#')}") == []
    preview.close()
    page.close()


def test_the_settings_take_an_image_and_list_the_hosts(
    context: BrowserContext, product: Product, tmp_path: Path
) -> None:
    image = tmp_path / "logo.png"
    image.write_bytes(draw_png("#0a7f5a", (400, 100)))
    page = context.new_page()
    page.goto(f"{product.url}/account/brand")
    page.get_by_role("link", name="confirm that it is you").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Host", exact=True).fill(HOST)
    page.get_by_label("Another host for the tracking code").fill("t.agency.localhost")
    page.get_by_label("Name", exact=True).fill("Agency Numbers")
    page.get_by_label("Accent colour").fill("#ffdd00")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_label("Logo", exact=True).set_input_files(image)
    page.get_by_role("button", name="Upload").first.click()
    expect(page.locator("img.brand-file")).to_be_visible()
    expect(page.get_by_role("heading", name=HOST)).to_be_visible()
    assert find_faults(page, "settings") == []
    page.close()


def test_its_host_shows_the_brand(chromium: Browser, product: Product) -> None:
    product.command("manage.py", "custom_domain", "approve", HOST, "--purpose", "brand")
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, bypass_csp=True)
    page = context.new_page()
    log_in(page, f"http://{HOST}:{product.port}")
    logo = page.locator(".topbar .brand img")
    expect(logo).to_be_visible()
    assert logo.evaluate("image => image.naturalWidth") == 400
    assert "footfall" not in page.content().lower()
    assert find_faults(page, "host") == []
    context.close()
