"""The on-site widget on pages with a strict policy, in a browser without third-party cookies: for an administrator, for
a guest of the site, for a guest of another one, and for strangers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.conftest import PERSON, Launch
from tests.browser.product import EMAIL, PASSWORD, Product
from tests.browser.servers import Pages
from tests.browser.test_mails import Theme
from tests.browser.walk import AXE, RULES
from tests.browser.widget_page import (
    LISTEN,
    PEOPLE,
    expect_kept,
    expect_numbers,
    fill_log_in,
    log_in,
    open_page,
    press,
    visit,
    wait_until_closed,
)
from tests.served import PATIENCE

WITHOUT_COOKIES_OF_OTHERS = "--test-third-party-cookie-phaseout"
COUNT_PAINTED = """() => {
  const canvas = document.querySelector('canvas');
  const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((value, index) => index % 4 == 3 && value).length;
}"""
READ_FRAME = "() => { try { return frames[0].document.body.innerText } catch (error) { return error.name } }"


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    fresh = Product()
    fresh.start()
    yield fresh
    fresh.remove()


@pytest.fixture(scope="module")
def sites(product: Product) -> dict[str, int]:
    """Two sites whose guests may open the widget, and the people."""
    widget = {"open_to": "guests", "label": "Analytics"}
    made = product.sites(shop={"widget": widget}, other={"widget": widget})
    product.command("-c", PEOPLE, json.dumps([made["shop"], made["other"], PASSWORD]))
    return made


@pytest.fixture(scope="module")
def browser(launch: Launch) -> Iterator[Browser]:
    browser = launch(PERSON, WITHOUT_COOKIES_OF_OTHERS)
    yield browser
    browser.close()


@pytest.fixture
def profile(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh profile; nothing is known in it."""
    with_profile = browser.new_context(locale="en-GB", viewport={"width": 1200, "height": 800})
    yield with_profile
    with_profile.close()


@pytest.fixture
def shop(pages: Pages, product: Product, sites: dict[str, int]) -> Pages:
    """Pages of `shop`: nothing is allowed on them but the widget's two sources, and no text may become a script."""
    pages.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src {product.url}; frame-src {product.url}; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    pages.headers["Cross-Origin-Opener-Policy"] = "same-origin-allow-popups"
    pages.headers["Cross-Origin-Embedder-Policy"] = "require-corp"
    for path in ("/shoes", "/cart"):
        pages.html[path] = (
            '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>{path}</title>"
            f'<body><h1>{path}</h1><a href="/shoes">Shoes</a> <a href="/cart">Cart</a><button id="buy">Buy</button>'
            f'<script async src="{product.url}/widget/{sites["shop"]}.js"></script>'
        )
    return pages


def test_an_administrator_sees_the_numbers_of_the_page(
    browser: Browser, profile: BrowserContext, product: Product, shop: Pages, sites: dict[str, int]
) -> None:
    visit(browser, shop, product, sites["shop"])
    log_in(profile, product, EMAIL)
    page, problems = open_page(profile, shop)
    assert "#" not in page.url
    cookies: list[str] = []
    page.on("request", lambda asked: cookies.append(asked.headers.get("cookie", "")))
    expect_kept(press(page))
    expect_numbers(page, "/shoes")
    frame = page.frame_locator("iframe")
    expect(frame.get_by_title("1", exact=True).first).to_be_visible()
    frame.get_by_role("tab", name="Visitors").click()
    expect(frame.get_by_role("link", name="Visitor ").first).to_be_visible()
    assert problems == []
    assert set(cookies) == {""}, "the frame is asked and answered without cookies"

    assert page.evaluate(READ_FRAME) == "SecurityError"
    heard = page.evaluate("heard")
    assert {message["onsite"] for message in heard} == {"ready", "size"}, "the page hears sizes alone"
    assert all(set(message) == {"onsite", "wide", "tall"} for message in heard if message["onsite"] == "size")
    assert page.evaluate("[...Object.values(localStorage), ...Object.values(sessionStorage)].join()") == "1,1"
    assert page.evaluate("performance.getEntries().filter(one => /code|token/.test(one.name)).length") == 0


def test_the_widget_stays_open_on_the_next_page_and_ends_with_the_log_in(
    profile: BrowserContext, product: Product, shop: Pages
) -> None:
    log_in(profile, product, EMAIL)
    page, problems = open_page(profile, shop)
    expect_kept(press(page))
    expect_numbers(page, "/shoes")
    page.get_by_role("link", name="Cart").click()
    expect_numbers(page, "/cart")
    page.evaluate("history.pushState(0, '', '/elsewhere')")
    expect(page.frame_locator("iframe").get_by_title("/elsewhere", exact=True)).to_be_visible()

    dashboard = profile.new_page()
    dashboard.goto(f"{product.url}/sites")
    dashboard.locator("summary[aria-label='Your account']").click()
    dashboard.get_by_role("button", name="Log out").click()
    dashboard.wait_for_url(lambda url: "/login" in url)
    assert problems == []
    page.frame_locator("iframe").get_by_role("tab", name="Visitors").click()
    expect(page.locator("iframe")).to_have_count(0)
    expect(page.get_by_role("button", name="Analytics", exact=True)).to_be_visible()


def test_the_window_waits_for_a_log_in(profile: BrowserContext, product: Product, shop: Pages) -> None:
    page, _ = open_page(profile, shop)
    window = press(page)
    with profile.expect_page() as opened:
        window.get_by_role("link", name="Log in").click()
    fill_log_in(opened.value, EMAIL)
    expect(opened.value.get_by_role("heading", name="You are logged in")).to_be_visible()
    expect_kept(window)
    expect_numbers(page, "/shoes")


def test_a_guest_of_the_site_opens_it_and_closes_it(profile: BrowserContext, product: Product, shop: Pages) -> None:
    log_in(profile, product, "bob@example.com")
    page, problems = open_page(profile, shop)
    window = expect_kept(press(page))
    expect_numbers(page, "/shoes")
    page.frame_locator("iframe").get_by_role("button", name="Close the widget").click()
    wait_until_closed(window)
    expect(page.locator("iframe")).to_have_count(0)
    page.reload()
    expect(page.get_by_role("button", name="Analytics", exact=True)).to_be_visible()
    expect(page.locator("iframe")).to_have_count(0)
    assert problems == []


@pytest.mark.parametrize("email", ["greta@example.com", "charlie@example.com"])
def test_a_guest_of_another_site_and_a_stranger_with_an_account_find_nothing(
    profile: BrowserContext, product: Product, shop: Pages, email: str
) -> None:
    log_in(profile, product, email)
    page, _ = open_page(profile, shop)
    window = press(page)
    expect(window.get_by_role("heading", name="There is nothing here")).to_be_visible()
    assert page.evaluate("heard") == [{"onsite": "ready"}], "which says nothing of who looks"
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("button", name="now")).to_be_hidden()
    assert page.locator("iframe").bounding_box() == {"x": 1187, "y": 787, "width": 1, "height": 1}


def test_a_visitor_sees_neither_badge_nor_frame(profile: BrowserContext, shop: Pages) -> None:
    page, problems = open_page(profile, shop, "/shoes")
    page.wait_for_timeout(1000)
    assert page.locator("iframe").count() == 0 and page.get_by_role("button", name="Analytics").count() == 0
    assert problems == []


def test_a_stranger_who_knows_how_to_show_the_badge_is_asked_to_log_in(
    profile: BrowserContext, product: Product, shop: Pages
) -> None:
    page, _ = open_page(profile, shop)
    window = press(page)
    expect(window.get_by_role("heading", name="Numbers of this page")).to_be_visible()
    assert page.evaluate("heard") == [{"onsite": "ready"}], "which says nothing of who looks"
    expect(page.frame_locator("iframe").get_by_role("button", name="now")).to_be_hidden()


def test_a_page_of_others_gets_no_frame_and_no_code(
    profile: BrowserContext, product: Product, shop: Pages, sites: dict[str, int]
) -> None:
    log_in(profile, product, EMAIL)
    script = f'<script async src="{product.url}/widget/{sites["shop"]}.js"></script>'
    shop.html["/evil"] = f"<!doctype html><title>Evil</title><body>{script}"
    page = profile.new_page()
    page.add_init_script(LISTEN)
    page.goto(shop.url("/evil#_badge", "evil.localhost"))
    window = press(page)
    expect(window.get_by_text("are being opened")).to_be_visible()
    window.wait_for_timeout(1500)
    assert not window.is_closed() and page.evaluate("heard") == []
    grant = f"{product.url}/widget/{sites['shop']}/grant"
    answer = profile.request.post(grant, form={"origin": "http://evil.localhost"})
    assert answer.status == 403, "without the window's own form"


def test_a_nonce_of_the_page_serves_as_well_as_our_host(
    profile: BrowserContext, product: Product, shop: Pages, sites: dict[str, int]
) -> None:
    shop.headers["Content-Security-Policy"] = f"default-src 'none'; script-src 'nonce-r4nd0m'; frame-src {product.url}"
    script = f'<script async nonce="r4nd0m" src="{product.url}/widget/{sites["shop"]}.js"></script>'
    shop.html["/nonce"] = f"<!doctype html><title>Nonce</title><body>Shoes{script}"
    log_in(profile, product, EMAIL)
    page, problems = open_page(profile, shop, "/nonce#_badge")
    expect_kept(press(page))
    expect_numbers(page, "/nonce")
    assert problems == []


def test_a_policy_without_our_frames_is_named_in_the_window(
    profile: BrowserContext, product: Product, shop: Pages
) -> None:
    shop.headers["Content-Security-Policy"] = f"default-src 'none'; script-src {product.url}"
    log_in(profile, product, EMAIL)
    page, _ = open_page(profile, shop)
    window = press(page)
    expect(window.get_by_text(f"frame-src {product.url}")).to_be_visible()


def test_the_heatmap_is_painted_on_the_page_and_taken_away(
    browser: Browser, profile: BrowserContext, product: Product, shop: Pages, sites: dict[str, int]
) -> None:
    visit(browser, shop, product, sites["shop"])
    log_in(profile, product, EMAIL)
    page, problems = open_page(profile, shop)
    expect_kept(press(page))
    expect_numbers(page, "/shoes")
    frame = page.frame_locator("iframe")
    until = time.monotonic() + PATIENCE
    while not frame.get_by_text("painted on the page").count() and time.monotonic() < until:  # the writer comes to it
        frame.get_by_role("tab", name="Heatmap").click()
        page.wait_for_timeout(500)
    expect(frame.get_by_text("painted on the page")).to_be_visible()
    expect(page.locator("canvas")).to_have_count(1)
    frame.get_by_role("button", name="Make it small").click()
    assert page.evaluate(COUNT_PAINTED) > 100, "the clicks stay when the panel does not cover them"
    frame.get_by_role("button", name="now").click()
    frame.get_by_role("tab", name="Page").click()
    expect(page.locator("canvas")).to_have_count(0)
    assert problems == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_badge_and_panel_are_accessible_and_used_by_keyboard(
    profile: BrowserContext, product: Product, shop: Pages, theme: Theme
) -> None:
    log_in(profile, product, EMAIL)
    page, _ = open_page(profile, shop)
    page.emulate_media(color_scheme=theme)
    page.get_by_role("button", name="Analytics", exact=True).focus()
    with page.expect_popup() as opened:
        page.keyboard.press("Enter")
    expect_kept(opened.value)
    frame = page.frame_locator("iframe")
    frame.get_by_role("button", name="now").focus()
    page.keyboard.press("Enter")
    expect(frame.get_by_title("/shoes", exact=True)).to_be_visible()
    for tab in ("Page", "Visitors", "Heatmap"):
        frame.get_by_role("tab", name=tab).focus()
        page.keyboard.press("Enter")
        expect(frame.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")
        page.wait_for_timeout(300)
        ours = page.frames[1]
        ours.evaluate(AXE)
        found = ours.evaluate(f"axe.run(document, {json.dumps({'runOnly': RULES})})")["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
    page.keyboard.press("Escape")
    expect(frame.get_by_role("button", name="now")).to_be_focused()


def test_the_badge_is_drawn_where_the_page_has_a_place_for_it(
    profile: BrowserContext, product: Product, shop: Pages, sites: dict[str, int]
) -> None:
    script = f'<script async src="{product.url}/widget/{sites["shop"]}.js"></script>'
    shop.html["/place"] = f"<!doctype html><title>Place</title><p>Shoes</p><footer data-onsite-badge></footer>{script}"
    page, problems = open_page(profile, shop, "/place#_badge")
    expect(page.locator("footer").get_by_role("button", name="Analytics")).to_be_visible()
    assert problems == []


def test_the_settings_page_previews_the_badge_as_it_is_chosen(
    profile: BrowserContext, product: Product, sites: dict[str, int]
) -> None:
    log_in(profile, product, EMAIL)
    page = profile.new_page()
    problems: list[str] = []
    page.on("console", lambda told: problems.append(told.text) if told.type == "error" else None)
    page.goto(f"{product.url}/sites/{sites['other']}/settings/widget")
    expect(page.get_by_role("button", name="Analytics")).to_have_count(2)
    page.get_by_label("Text", exact=True).fill("Figures")
    page.get_by_label("Colour of the badge").fill("#ffdd00")
    badge = page.get_by_role("button", name="Figures").first
    expect(badge).to_have_css("background-color", "rgb(255, 221, 0)")
    expect(badge).to_have_css("color", "rgb(17, 17, 17)")
    assert problems == []
