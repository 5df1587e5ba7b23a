"""A newsletter's link in real Chromium: click, page, goal with revenue; conversions and pixels in every form."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PERSON, Launch
from tests.browser.product import Product
from tests.browser.servers import Pages
from tests.browser.test_main_job import log_in
from tests.browser.tracked_page import answered

MAKE = """
import json, sys, django
django.setup()
from accounts.models import Account
from links.public_urls import build_tracking_url
from links.services.conversions import conversion_create
from links.services.links import datapoint_create
wanted = json.loads(sys.argv[1])
account = Account.objects.get()
sale = conversion_create(account=account, name="Sale " + wanted["alias"], value="20.00")
link = datapoint_create(account=account, alias=wanted["alias"], title="Letter", url=wanted["url"], conversions=[sale])
pixel = datapoint_create(account=account, kind=1, title="Opened")
json.dump({"link": link.pk, "code": sale.code, "address": build_tracking_url(link), "pixel": build_tracking_url(pixel),
           "pixel_id": pixel.pk}, sys.stdout)
"""


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    fresh = Product()
    fresh.start()
    yield fresh
    fresh.remove()


def made(product: Product, alias: str, url: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(product.command("-c", MAKE, json.dumps({"alias": alias, "url": url})))
    product.wait_for_links(found["address"], found["pixel"])
    return found


def figures(page: Page) -> dict[str, str]:
    """The report's numbers by their names."""
    names, values = page.locator(".figures dt").all_inner_texts(), page.locator(".figures dd").all_inner_texts()
    return dict(zip(names, values, strict=True))


@pytest.mark.parametrize("cookies", ["off", "on"])
def test_a_click_in_a_newsletter_is_followed_from_link_to_revenue(
    launch: Launch, product: Product, pages: Pages, cookies: str
) -> None:
    name = f"shop{cookies}"
    site_id = product.sites(**{name: {"cookies": cookies}})[name]
    snippet = (
        f"<script>var clicky_site_ids = clicky_site_ids || []; clicky_site_ids.push({site_id});</script>"
        f'<script async src="//{product.host}/js"></script>'
    )
    pages.html["/landing"] = f'<title>Landing</title><a href="/thanks">Buy</a>{snippet}'
    pages.html["/thanks"] = (
        "<title>Thanks</title><script>var clicky_custom = {goal: {name: 'Bought', revenue: '30'}};</script>" + snippet
    )
    found = made(product, name, pages.url("/landing", f"{name}.localhost"))
    browser = launch(PERSON)
    visitor = browser.new_context().new_page()
    pages.html["/letter"] = f'<title>Letter</title><a href="{found["address"]}">Read on</a>'
    visitor.goto(pages.url("/letter", "mail.localhost"))
    for path in ("**/landing*", "**/thanks"):
        with answered(visitor, "type=pageview"):
            visitor.click("a")
            visitor.wait_for_url(path)
    product.wait_until_stored()

    owner = browser.new_context().new_page()
    log_in(owner, product)
    owner.goto(f"{product.url}/links/{found['link']}?period=today")
    numbers = figures(owner)
    assert (numbers["Clicks"], numbers["Unique"], numbers["Visits"]) == ("1", "1", "1"), numbers
    assert numbers["Revenue"].startswith("30"), numbers
    assert "1 of 1 clicks" in owner.locator("main").inner_text()
    browser.close()


@pytest.mark.parametrize("form", ["script", "image", "frame"])
def test_a_conversion_is_counted_with_every_form_of_its_code(
    launch: Launch, product: Product, pages: Pages, form: str
) -> None:
    product.provision("own.localhost")
    found = made(product, form, pages.url("/shop", "shop.localhost"))
    query = f"http://{product.host}/conversion.aspx?id={found['code']}&val=12.50&param=A-1&com=0.00&comperc=10"
    forms = {
        "script": f"<script>var ClickMeter_conversion_id='{found['code']}',ClickMeter_conversion_value='12,50',"
        "ClickMeter_conversion_commission='0.00',ClickMeter_conversion_commission_percentage='10',"
        "ClickMeter_conversion_parameter='A-1';</script>"
        f"<script id='cmconvscript' src='http://{product.host}/js/conversion.js'></script>",
        "image": f"<img width=1 height=1 alt='' src='{query}&pixel=true'>",
        "frame": f"<iframe width=1 height=1 title='' src='{query}'></iframe>",
    }
    pages.html["/shop"] = "<title>Shop</title><a href='/thanks'>Buy</a>"
    pages.html["/thanks"] = f"<title>Thanks</title>{forms[form]}"
    browser = launch(PERSON)
    visitor = browser.new_context().new_page()
    visitor.goto(found["address"])
    with answered(visitor, "/conversion.aspx"):
        visitor.click("a")
    with answered(visitor, "/conversion.aspx"):
        visitor.reload()  # the same order again
    product.wait_until_stored()

    owner = browser.new_context().new_page()
    log_in(owner, product)
    owner.goto(f"{product.url}/links/{found['link']}?period=today")
    expect(owner.locator("tr", has_text="Sale").locator("td")).to_have_text([f"Sale {form}", "1", "1", "12.50", "1.25"])
    browser.close()


def test_a_pixel_counts_as_image_frame_and_script(launch: Launch, product: Product, pages: Pages) -> None:
    product.provision("own.localhost")
    found = made(product, "opened", "https://shop.test/")
    address = found["pixel"]
    pages.html["/image"] = f"<img width=1 height=1 alt='' src='{address}'>"
    pages.html["/frame"] = f"<iframe title='' src='{address}'></iframe>"
    pages.html["/script"] = (
        f"<body><script>var ClickMeter_pixel_url='{address}'</script>"
        f"<script id='cmpixelscript' src='http://{product.host}/js/pixelNew.js'></script></body>"
    )
    browser = launch(PERSON)
    visitor = browser.new_context().new_page()
    for path in ("/image", "/frame", "/script"):
        with answered(visitor, address.partition("://")[2]):
            visitor.goto(pages.url(path, "mail.localhost"))
    product.wait_until_stored()
    owner = browser.new_context().new_page()
    log_in(owner, product)
    owner.goto(f"{product.url}/links/{found['pixel_id']}?period=today")
    numbers = figures(owner)
    assert (numbers["Views"], numbers["Unique"]) == ("3", "1")
    browser.close()
