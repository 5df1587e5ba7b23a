"""Pages with the on-site widget, and the people who open it."""

from __future__ import annotations

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.product import PASSWORD, Product
from tests.browser.servers import Pages
from tests.browser.tracked_page import note_scripts, play, wait_for_part
from tests.served import PATIENCE

# Bob is a guest of alice's site `shop`, greta of her site `other`; charlie has an account of his own
PEOPLE = """
import sys, json, django
django.setup()
from accounts.models import Account, Membership, Role
from accounts.services import account_create, user_create
from accounts.services.invitations import invitation_accept, invitation_create
from django.utils import timezone
shop, other, password = json.loads(sys.argv[1])
account = Account.objects.get(name="Alice")
owner = Membership.objects.get(account=account, role=Role.OWNER)
for name, site in (("bob", shop), ("greta", other)):
    address = name + "@example.com"
    grants = [("site", site, "read")]
    made = invitation_create(account=account, email=address, role=Role.GUEST, by=owner, grants=grants)
    user = user_create(email=address, password=password, name=name)
    invitation_accept(invitation=made, user=user, now=timezone.now())
account_create(name="Charlie", owner=user_create(email="charlie@example.com", password=password, name="charlie"))
"""
# What a hostile script of the page could hear
LISTEN = "window.heard = []; addEventListener('message', event => heard.push(event.data), true)"


def log_in(context: BrowserContext, product: Product, email: str) -> None:
    page = context.new_page()
    page.goto(f"{product.url}/login?next=/widget/logged-in")  # a page without queries, which others would wait for
    fill_log_in(page, email)
    expect(page.get_by_role("heading", name="You are logged in")).to_be_visible()
    page.close()


def fill_log_in(page: Page, email: str) -> None:
    page.locator("input[type=email]").fill(email)
    page.locator("input[type=password]").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


def open_page(context: BrowserContext, shop: Pages, path: str = "/shoes#_badge") -> tuple[Page, list[str]]:
    """A page of the shop in a browser that shall show the badge; and what goes wrong on it from now on."""
    page, problems = context.new_page(), list[str]()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda told: problems.append(told.text) if told.type == "error" else None)
    page.add_init_script(LISTEN)
    page.goto(shop.url(path, "shop.localhost"))
    return page, problems


def press(page: Page) -> Page:
    """Press the badge; the window that it opens."""
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Analytics", exact=True).click()
    return opened.value


def expect_kept(window: Page) -> Page:
    """The window has handed the log-in over, and stays, since these profiles give frames no storage."""
    expect(window.get_by_text("leave this window open")).to_be_visible(timeout=2 * PATIENCE * 1000)
    return window


def wait_until_closed(window: Page) -> None:
    """The window has closed itself."""
    if not window.is_closed():
        window.wait_for_event("close", timeout=2 * PATIENCE * 1000)


def expect_numbers(page: Page, path: str) -> None:
    """The widget is open, small, and shows the page's numbers when it is pressed."""
    frame = page.frame_locator("iframe")
    live = frame.get_by_role("button", name="now")
    expect(live).to_be_visible()
    live.click()
    expect(frame.get_by_title(path, exact=True)).to_be_visible()
    expect(frame.get_by_text("Visitors", exact=True).first).to_be_visible()


def visit(browser: Browser, pages: Pages, product: Product, site_id: int) -> None:
    """Somebody sees /shoes and clicks there on “Buy”."""
    pages.html["/tracked"] = (
        '<title>Shoes</title><script>history.replaceState(0, "", "/shoes")</script><button id="buy">Buy</button>'
        f'<script async data-id="{site_id}" src="//{product.host}/js"></script>'
    )
    policies = dict(pages.headers)
    pages.headers.clear()
    visitor = browser.new_context(locale="en-GB", viewport={"width": 1200, "height": 800}).new_page()
    note_scripts(visitor)
    visitor.goto(pages.url("/tracked", "shop.localhost"))
    wait_for_part(visitor, "heat")
    visitor.click("#buy")
    play(visitor, 700)
    visitor.goto("about:blank")
    pages.headers.update(policies)
    product.wait_until_stored()
    visitor.context.close()
