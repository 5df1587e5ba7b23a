"""Links with a password in Chromium: the right password redirects, and the destination never gets it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.product import Product
from tests.browser.servers import Pages

MAKE = """
import json, sys, django
django.setup()
from accounts.models import Account
from links.public_urls import build_tracking_url
from links.services.links import datapoint_create
destination, wanted = json.loads(sys.argv[1])
account = Account.objects.get()
common = {"account": account, "url": destination, "password": "s3cret"}
json.dump({alias: build_tracking_url(datapoint_create(alias=alias, **common, **how))
           for alias, how in wanted.items()}, sys.stdout)
"""
LINKS: dict[str, dict[str, Any]] = {
    "permanent": {"redirect_type": 301}, "temporary": {"redirect_type": 307}, "clean": {"referrer_clean": 1},
    "myself": {"referrer_clean": 2},
}  # fmt: skip


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    fresh = Product()
    fresh.start()
    yield fresh
    fresh.remove()


def test_the_right_password_opens_a_destination_of_another_origin(page: Page, product: Product, pages: Pages) -> None:
    pages.html["/landing"] = "<title>Landing</title>"
    opened: list[tuple[str, str]] = []

    def noted(method: str, path: str, query: str, headers: Any) -> None:
        if path == "/landing":
            opened.append((method, headers.get("Content-Length") or "0"))

    pages.upstream = noted
    product.provision("shop.localhost")
    made = json.loads(product.command("-c", MAKE, json.dumps([pages.url("/landing", "shop.localhost"), LINKS])))
    product.wait_for_links(*made.values())
    for address in made.values():
        page.goto(address)
        page.fill("input", "wrong")
        page.click("button")
        expect(page.get_by_role("alert")).to_have_text("That is not the password.")
        page.fill("input", "s3cret")
        page.click("button")
        page.wait_for_url("**/landing*")
    assert opened == [("GET", "0")] * len(LINKS)
    product.stop()
    events = product.read("events")["events"]
    assert [row["kind"] for row in events] == ["link"] * len(LINKS)
