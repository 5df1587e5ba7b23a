"""The dashboard in Chromium: accessible (axe), no wider than the screen, without layout shifts, usable by keyboard."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, StorageState, ViewportSize

from tests.browser.product import EMAIL, PASSWORD, Product
from tests.browser.product_pages import CREATE_ONE_OF_EACH, OTHER_PAGES, find_offered_pages
from tests.browser.shots import log_in
from tests.browser.test_mails import Theme
from tests.browser.walk import Found, settled, walk
from tests.served import PATIENCE
from tests.values import extract

pytestmark = pytest.mark.timeout(900)  # the first test waits for the walk over all pages

VISITS = (
    ("/pricing", "https://www.google.com/"),
    ("/blog/" + "long-" * 30, ""),
    ("/مقالات/حديقة", ""),
    ("/launch", ""),
)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, str, dict[str, str]]]:
    """(base address, site's path, further pages) of a running product with a few visits and one of everything."""
    product = Product()
    product.start()
    try:
        number = product.sites(garden={"cookies": "on"})["garden"]
        beacon(product, number)
        product.wait_until_stored()
        more = json.loads(product.command("-c", CREATE_ONE_OF_EACH, str(number)))
        yield product.url, f"/sites/{number}/", more
    finally:
        product.remove()


def beacon(product: Product, site_id: int) -> None:
    """Record a few page views."""
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36"
    with httpx.Client(headers={"User-Agent": agent, "Accept-Language": "en-GB", "Accept": "*/*"}) as client:
        for path, referrer in VISITS:
            given = {"site_id": str(site_id), "type": "pageview", "href": path, "title": "A title", "ref": referrer,
                     "res": "1440x900", "lang": "en"}  # fmt: skip
            client.get(
                f"{product.url}/in.php", params=given, headers={"Referer": f"http://garden.localhost{quote(path)}"}
            )


@pytest.fixture(scope="module")
def state(served: tuple[str, str, dict[str, str]], chromium: Browser) -> StorageState:
    context = chromium.new_context()
    log_in(context.new_page(), served[0], EMAIL, PASSWORD)
    return context.storage_state()


def opened(
    chromium: Browser, state: StorageState, width: int = 1440, theme: Theme = "light", **more: Any
) -> BrowserContext:
    size: ViewportSize = {"width": width, "height": 900}
    return chromium.new_context(viewport=size, color_scheme=theme, storage_state=state, **more)


def arrived(page: Page, url: str) -> None:
    page.goto(url)
    settled(page)


@pytest.fixture(scope="module")
def walked(served: tuple[str, str, dict[str, str]], state: StorageState, chromium: Browser) -> Found:
    """What a look at every page found."""
    base, site, more = served
    context = opened(chromium, state, bypass_csp=True)
    offered = find_offered_pages(
        lambda path: context.request.get(base + path, headers={"Referer": base + site}).text(), site
    )
    pages = {**offered, **{name: site + path for name, path in OTHER_PAGES.items()}, **more}
    found = walk(context, base, pages)
    context.close()
    return found


def test_axe_finds_no_problem_on_any_page_in_either_theme(walked: Found) -> None:
    assert walked.seen > 60
    assert walked.axe == []


def test_every_page_opens_without_errors(walked: Found) -> None:
    assert (walked.refused, walked.told) == ([], [])


def test_no_page_is_wider_than_its_screen(walked: Found) -> None:
    assert walked.wide == []


def test_no_page_is_wider_than_its_screen_in_right_to_left_direction(walked: Found) -> None:
    assert walked.turned == []


def test_the_layout_does_not_shift_while_panels_load(
    served: tuple[str, str, dict[str, str]], state: StorageState, chromium: Browser
) -> None:
    context = opened(chromium, state)
    page = context.new_page()
    page.add_init_script(
        "window.shift = 0; new PerformanceObserver((list) => { for (const one of list.getEntries())"
        " if (!one.hadRecentInput) window.shift += one.value; }).observe({ type: 'layout-shift', buffered: true });"
    )
    arrived(page, served[0] + served[1])
    assert page.evaluate("window.shift") <= 0.02
    context.close()


def test_previous_numbers_stay_visible_until_new_ones_arrive_or_fail(
    served: tuple[str, str, dict[str, str]], state: StorageState, chromium: Browser
) -> None:
    context = opened(chromium, state)
    page = context.new_page()
    arrived(page, served[0] + served[1])
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route) if route.request.headers.get("hx-target") in ("key-figures", "panels") else route.continue_()

    page.route("**/*", hold)
    page.click(".period a[aria-label='The period before']")
    page.wait_for_selector("#panel-pages.waiting.previous-numbers[inert] >> text=/pricing")
    assert page.locator("#key-figures.previous-numbers .value").first.inner_text().startswith("1")
    while len(held) < 2:
        page.wait_for_timeout(20)
    for route in held:
        route.abort() if route.request.headers["hx-target"] == "panels" else route.continue_()
    page.wait_for_selector("#key-figures:not(.waiting)")
    page.wait_for_selector("#panel-pages:not([inert]) >> text=This part could not be loaded")
    assert page.locator(".waiting, .previous-numbers, [inert]").count() == 0
    page.unroute("**/*")
    page.click("#panel-pages >> text=Try again")
    page.wait_for_selector("#panel-pages >> text=Nothing here yet")
    context.close()


def test_reports_are_complete_without_scripts(
    served: tuple[str, str, dict[str, str]], state: StorageState, chromium: Browser
) -> None:
    quiet: StorageState = {**state, "cookies": [one for one in state["cookies"] if one["name"] != "js"]}
    context = opened(chromium, quiet, java_script_enabled=False)
    page = context.new_page()
    page.goto(served[0] + served[1])
    page.click("#panel-pages a[title='/pricing']")
    assert "page=%2Fpricing" in page.url and page.locator(".chip", has_text="Page is /pricing").is_visible()
    page.click("summary:has-text('Last 7 days')")
    page.click(".periods a:has-text('Today')")
    assert "period=today" in page.url and "page=%2Fpricing" in page.url
    context.close()


def test_filter_period_back_and_help_work_by_keyboard(
    served: tuple[str, str, dict[str, str]], state: StorageState, chromium: Browser
) -> None:
    context = opened(chromium, state)
    page = context.new_page()
    arrived(page, served[0] + served[1])
    page.focus("#panel-pages a[title='/pricing']")
    page.keyboard.press("Enter")
    page.wait_for_selector(".chip:has-text('Page is /pricing')")
    page.keyboard.press("t")
    page.wait_for_url(re.compile("period=today"))
    page.go_back()
    page.wait_for_selector("summary:has-text('Last 7 days')")
    page.wait_for_selector(".waiting", state="detached")
    assert page.url.endswith("page=%2Fpricing")
    page.keyboard.press("x")
    page.wait_for_selector(".chip:has-text('Page is /pricing')", state="detached")
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open] >> text=Go anywhere")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.wait_for_selector("dialog[open] input:focus")
    page.keyboard.type("spy")
    page.wait_for_selector("dialog #go-list a >> nth=0")
    context.close()


def test_spy_shows_a_view_within_a_second(
    served: tuple[str, str, dict[str, str]], state: StorageState, chromium: Browser
) -> None:
    context = opened(chromium, state)
    page = context.new_page()
    page.goto(f"{served[0]}{served[1]}spy")
    page.wait_for_selector("#spy-state:has-text('Live')")
    assert any(see_in_spy(page, served, f"/just-now-{number}") <= 1 for number in range(10))  # a busy machine is slow
    context.close()


def see_in_spy(page: Page, served: tuple[str, str, dict[str, str]], path: str) -> float:
    """Send a view; seconds until Spy shows it."""
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    headers = {
        "User-Agent": agent,
        "Referer": f"http://garden.localhost{path}",
        "Accept-Language": "en",
        "Accept": "*/*",
    }
    query = {"site_id": extract(r"\d+", served[1]), "type": "pageview", "href": path, "res": "800x600"}
    httpx.get(f"{served[0]}/in.php", params=query, headers=headers, timeout=PATIENCE)
    began = time.monotonic()
    page.wait_for_selector(f".action:has-text('{path}')")
    return time.monotonic() - began


def test_a_number_is_explained_in_a_dialog(
    served: tuple[str, str, dict[str, str]], state: StorageState, chromium: Browser
) -> None:
    context = opened(chromium, state)
    page = context.new_page()
    arrived(page, served[0] + served[1])
    page.focus(".key-figure-list li:first-child a.explain-link")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open] >> text=The visits behind it")
    assert page.url == served[0] + served[1]
    page.click("dialog >> text=The visits behind it")
    page.wait_for_url(re.compile("/visitors"))
    context.close()


def test_the_graph_becomes_a_png(
    served: tuple[str, str, dict[str, str]], state: StorageState, chromium: Browser
) -> None:
    context = opened(chromium, state)
    page = context.new_page()
    arrived(page, served[0] + served[1])
    page.click("summary:has-text('Image')")
    with page.expect_download() as waiting:
        page.click("[data-png]")
    path = waiting.value.path()
    assert waiting.value.suggested_filename.endswith(".png")
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and path.stat().st_size > 5_000
    context.close()


def test_hidden_keys_are_fetched_when_show_is_opened(
    served: tuple[str, str, dict[str, str]], chromium: Browser, state: StorageState
) -> None:
    base, site, _ = served
    with opened(chromium, state) as context:
        page = context.new_page()
        arrived(page, f"{base}{site}settings/api-keys")
        assert "sitekey_admin" not in page.content()
        page.get_by_text("Show the keys").first.click()
        page.get_by_text("sitekey_admin").wait_for()
        keys = page.locator("details .secret").all_inner_texts()
        assert len(keys) == 3 and all(keys) and page.locator("details .copy").count() == 3


def test_the_toolbox_sends_the_members_own_key_without_containing_it(
    served: tuple[str, str, dict[str, str]], chromium: Browser, state: StorageState
) -> None:
    with opened(chromium, state) as context:
        page = context.new_page()
        arrived(page, f"{served[0]}/links/toolbox")
        page.get_by_role("button", name="Send").click()
        page.locator("[data-toolbox-answer]", has_text=re.compile(r"^200")).wait_for()
        assert EMAIL in page.locator("[data-toolbox-answer]").inner_text()
        assert page.locator("details .secret").count() == 0
        page.get_by_text("Show the key").first.click()
        page.locator("details .secret").wait_for()
