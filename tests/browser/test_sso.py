"""Single sign-on in Chromium: set up on its page, then used on the host of BASE_URL and on a white label's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.product import EMAIL, PASSWORD, Product
from tests.browser.test_sign_in import AUTHENTICATOR, check_layout, confirm_password, press
from tests.services.provider import CLIENT_ID, CLIENT_SECRET, OpenIdProvider, openid_provider
from tests.support.dns_server import DnsServer, dns_server
from tests.values import extract

ZOE = "zoe@acme.test"
HOST = "numbers.localhost"  # passkeys work on https, and on names of this machine
BRAND = f"""
import django
django.setup()
from accounts.custom_domains.services import host_provision
from accounts.models import Account, Purpose
from accounts.services import account_brand_set
account = Account.objects.get(name="Alice")
account_brand_set(account=account, host="{HOST}", name="Numbers", logo="", accent="")
assert host_provision(account=account, host="{HOST}", purpose=Purpose.BRAND)
"""
ENFORCE = """
import django
django.setup()
from accounts.sso.models import SsoConnection
SsoConnection.objects.update(enforced=True)
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    with openid_provider() as running:
        yield running


@pytest.fixture(scope="module")
def names() -> Iterator[DnsServer]:
    with dns_server() as server:
        yield server


@pytest.fixture(scope="module")
def product(names: DnsServer) -> Iterator[Product]:
    """A server on which alice has an account; its DNS is ours, and of private networks it may reach the provider."""
    served = Product(settings={"DNS_SERVERS": names.address, "ALLOWED_OUTBOUND": "127.0.0.1/32"})
    served.start()
    served.provision("shop.localhost")
    yield served
    served.remove()


@pytest.fixture
def profile(chromium: Browser) -> Iterator[BrowserContext]:
    made = chromium.new_context(viewport={"width": 320, "height": 700})
    yield made
    made.close()


@pytest.fixture
def page(profile: BrowserContext) -> Iterator[Page]:
    """A page of a browser with a virtual authenticator; nothing may be refused by a policy."""
    opened, said = profile.new_page(), list[str]()
    opened.on("console", lambda message: said.append(message.text) if "Security Policy" in message.text else None)
    devices = profile.new_cdp_session(opened)
    devices.send("WebAuthn.enable")
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    yield opened
    assert said == []


def set_up(page: Page, product: Product, provider: OpenIdProvider, names: DnsServer) -> None:
    """Alice sets single sign-on up on its page."""
    page.goto(f"{product.url}/login?next=/account/sso")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Log in")
    page.get_by_role("link", name="Confirm that it is you").click()
    confirm_password(page)
    page.get_by_label("Provider").fill(provider.issuer)
    page.get_by_label("Client id").fill(CLIENT_ID)
    page.get_by_label("Client secret").fill(CLIENT_SECRET)
    press(page, "Save")
    press(page, "Test the connection")
    expect(page.get_by_text(f"It works: people log in at {provider.issuer}")).to_be_visible()
    page.get_by_label("Domain", exact=True).fill("acme.test")
    press(page, "Add")
    value = extract(r"(account=\d+)", page.locator(".txt-record").last.inner_text())
    press(page, "Check now")
    expect(page.get_by_text("acme.test: There is no TXT record")).to_be_visible()
    names.texts["_analytics-sso.acme.test"] = [(value,)]
    press(page, "Check now")
    expect(page.get_by_text("Verified by its DNS record.")).to_be_visible()
    check_layout(page)


def log_in(page: Page, address: str) -> None:
    """Log in through the provider, from the log-in page at an address on."""
    page.goto(address)
    page.get_by_role("link", name="Continue with SSO").click()
    page.get_by_label("E-mail").fill(ZOE)
    press(page, "Continue")
    check_layout(page)
    page.get_by_text("Continue to 127.0.0.1").click()


def log_in_at_provider(page: Page) -> None:
    page.locator("#login").fill(ZOE)
    page.get_by_role("button", name="Log in").click()


def log_out(page: Page, address: str) -> None:
    page.goto(f"{address}/me/security")
    page.evaluate("document.querySelector('form[action=\"/logout\"]').requestSubmit()")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_single_sign_on_from_its_set_up_to_being_the_only_way_in(
    profile: BrowserContext, page: Page, product: Product, provider: OpenIdProvider, names: DnsServer
) -> None:
    set_up(page, product, provider, names)
    profile.clear_cookies()
    log_in(page, f"{product.url}/login?next=/me")
    log_in_at_provider(page)
    page.wait_for_url(f"{product.url}/me")

    profile.clear_cookies()
    product.command("-c", BRAND)
    branded = f"http://{HOST}:{product.port}"
    log_in(page, f"{branded}/login?next=/me/security")
    expect(page.get_by_role("heading", name=f"Log in on {HOST}?")).to_be_visible()
    check_layout(page)
    press(page, "Continue")
    log_in_at_provider(page)
    page.wait_for_url(f"{branded}/me/security")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill("Laptop")
    press(page, "Add it")
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    log_out(page, branded)
    log_in(page, f"{branded}/login?next=/me")  # the provider still knows her, so all that follows is redirects
    press(page, "Continue")
    page.wait_for_url(f"{branded}/me")

    log_out(page, branded)
    press(page, "Log in with a passkey")
    page.wait_for_url(lambda url: "/login" not in url)

    log_out(page, branded)
    product.command("-c", ENFORCE)
    press(page, "Log in with a passkey")
    expect(page.get_by_role("heading", name="Single sign-on")).to_be_visible()
    expect(page.get_by_text("People with your address log in through single sign-on.")).to_be_visible()
