"""From an invitation to a new user who sees the site: the link is copied, opened in another browser, and accepted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.product import EMAIL, PASSWORD, Product

ZOE = "zoe@example.org"
SHOTS = os.environ.get("SHOTS")  # a directory for pictures of the pages, to be looked at


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    served = Product()
    served.start()
    yield served
    served.remove()


@pytest.fixture(scope="module")
def site(product: Product) -> Any:
    return product.provision("shop.localhost")["site_id"]


def open_page(chromium: Browser, said: list[str]) -> Page:
    """A page of a browser of its own, as narrow as a phone; what its console complains about is in `said`."""
    page = chromium.new_context(viewport={"width": 360, "height": 740}).new_page()
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    return page


def look(page: Page, name: str) -> None:
    """Nothing is wider than the narrow screen, in both themes."""
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, page.url
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"{name}-{theme}.png", full_page=True)


def log_in(page: Page, product: Product) -> None:
    page.goto(f"{product.url}/login")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.wait_for_url(lambda url: "/login" not in url)


def invite_guest(page: Page, product: Product, site: int) -> None:
    page.goto(f"{product.url}/sites/{site}/settings/team")
    look(page, "site-team")
    page.get_by_label("E-mail").fill(ZOE)
    page.get_by_role("button", name="Share", exact=True).click()
    expect(page.get_by_role("heading", name=f"Link for {ZOE}")).to_be_visible()
    look(page, "link-first")
    page.get_by_role("link", name="Back").click()


def copy_link(page: Page, product: Product) -> str:
    """The link that the page of all invitations gives."""
    page.goto(f"{product.url}/account/invitations")
    expect(page.get_by_text("Site shop.localhost, to look at")).to_be_visible()
    look(page, "invitations")
    page.get_by_role("button", name=f"Copy link for {ZOE}").click()
    expect(page.get_by_role("heading", name=f"Link for {ZOE}")).to_be_visible()
    look(page, "link-copied")
    return page.locator(".secret").inner_text().split()[0]


def test_an_invited_person_signs_up_from_a_copied_link_and_sees_the_site(
    chromium: Browser, product: Product, site: int
) -> None:
    said: list[str] = []
    alices = open_page(chromium, said)
    log_in(alices, product)
    invite_guest(alices, product, site)
    link = copy_link(alices, product)

    alices.goto(link)
    expect(alices.get_by_text(f"This invitation is for {ZOE}, and you are logged in")).to_be_visible()
    look(alices, "join-as-another")

    zoes = open_page(chromium, said)
    zoes.goto(link)
    expect(zoes.get_by_text("Site shop.localhost, to look at")).to_be_visible()
    look(zoes, "join-new")
    zoes.get_by_label("Your name").fill("Zoe")
    zoes.get_by_label("Password").fill("quite a long password")
    zoes.get_by_role("button", name="Join", exact=True).click()
    zoes.wait_for_url(f"**/sites/{site}/**")
    zoes.goto(f"{product.url}/me")
    look(zoes, "me")
    assert said == []

    refused = zoes.goto(f"{product.url}/sites/{site}/settings/general")
    assert refused is not None and refused.status == 404, "she may look, and change nothing"
    zoes.goto(link)
    expect(zoes.get_by_text("This invitation was accepted already.")).to_be_visible()
    look(zoes, "link-dead")
    alices.goto(f"{product.url}/sites/{site}/settings/team")
    expect(alices.get_by_role("row").filter(has_text="Zoe")).to_contain_text("read")
    look(alices, "site-team-joined")
