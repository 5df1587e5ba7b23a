"""Signing up and in with a password, passkeys, an authenticator app and recovery codes, on http://localhost."""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from email import policy

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.accounts.test_second_factors import compute_code
from tests.browser.product import PASSWORD, Product
from tests.served import wait_until

AUTHENTICATOR = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    """A server on which alice has an account, and strangers may sign up."""
    served = Product(settings={"SIGN_UP": "open"})
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
    """A page of a browser with a virtual authenticator; the console must stay free of errors and of refused content."""
    opened, said = profile.new_page(), list[str]()
    opened.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: said.append(str(error)))
    devices = profile.new_cdp_session(opened)
    devices.send("WebAuthn.enable")
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    yield opened
    assert said == []


def build_address(product: Product, path: str) -> str:
    """Passkeys work on https and on localhost only."""
    return f"http://localhost:{product.port}{path}"


def list_mails(product: Product, address: str) -> list[str]:
    """Texts of the mails to somebody, oldest first."""
    files = sorted((product.data_dir / "mail").glob("*"), key=lambda file: file.stat().st_mtime_ns)
    letters = [
        email.message_from_string(text, policy=policy.default)
        for file in files
        for text in file.read_text().split("-" * 79)
        if text.strip()
    ]
    return [str(letter.get_content()) for letter in letters if letter["To"] == address]


def find_code(product: Product, address: str) -> str:
    """Wait for the mail with a code, and return the code."""
    wait_until(lambda: list_mails(product, address), lambda: f"no mail to {address}")
    found = re.search(r"^([A-Z0-9]{4}-[A-Z0-9]{4})$", list_mails(product, address)[-1], re.M)
    assert found, list_mails(product, address)[-1]
    return found.group(1)


def check_layout(page: Page) -> None:
    """Nothing is wider than the narrow screen, in both themes."""
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, page.url


def press(page: Page, name: str) -> None:
    page.wait_for_load_state()  # before that, buttons of passkeys do nothing
    check_layout(page)
    page.get_by_role("button", name=name, exact=True).click()


def log_out(page: Page, product: Product) -> None:
    page.goto(build_address(product, "/me/security"))
    page.evaluate("document.querySelector('form[action=\"/logout\"]').requestSubmit()")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def confirm_password(page: Page) -> None:
    expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Continue")


def sign_up(page: Page, product: Product, address: str) -> None:
    page.goto(build_address(product, "/login"))
    page.get_by_role("link", name="Create an account").click()
    page.get_by_label("E-mail").fill(address)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Name of your account").fill("Zoe Ltd")
    press(page, "Create it")
    page.get_by_label("Code").fill(find_code(product, address))
    press(page, "Verify")
    page.wait_for_url(lambda url: "/signup" not in url)


def test_a_stranger_signs_up_adds_a_passkey_and_logs_in_by_it(page: Page, product: Product) -> None:
    sign_up(page, product, "zoe@example.org")
    page.goto(build_address(product, "/me/security"))
    page.get_by_role("link", name="Add a passkey").click()
    confirm_password(page)
    page.get_by_label("Name").fill("Laptop")
    press(page, "Add it")
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    codes = page.locator("li code").all_inner_texts()
    assert len(codes) == 10
    page.goto(build_address(product, "/me/security"))
    expect(page.get_by_role("cell", name="Laptop")).to_be_visible()

    log_out(page, product)
    press(page, "Log in with a passkey")
    page.wait_for_url(lambda url: "/login" not in url)

    log_out(page, product)
    for factor in ("passkey", "recovery code"):
        page.get_by_label("E-mail").fill("zoe@example.org")
        page.get_by_label("Password").fill(PASSWORD)
        press(page, "Log in")
        expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
        if factor == "passkey":
            press(page, "Use a passkey")
        else:
            page.get_by_label("Code").fill(codes[0])
            press(page, "Log in")
        page.wait_for_url(lambda url: "/login" not in url)
        log_out(page, product)


def test_somebody_signs_up_with_a_passkey_alone(page: Page, product: Product) -> None:
    page.goto(build_address(product, "/signup"))
    page.get_by_role("link", name="Use a passkey instead of a password").click()
    page.get_by_label("E-mail").fill("yan@example.org")
    page.get_by_label("Name of your account").fill("Yan Ltd")
    press(page, "Create it")
    page.get_by_label("Code").fill(find_code(product, "yan@example.org"))
    press(page, "Verify")
    expect(page.get_by_role("heading", name="Make a passkey")).to_be_visible()
    press(page, "Make it")
    page.wait_for_url(lambda url: "/signup" not in url)
    log_out(page, product)
    press(page, "Log in with a passkey")
    page.wait_for_url(lambda url: "/login" not in url)
    page.goto(build_address(product, "/me/security"))
    page.get_by_role("link", name="Set up an app").click()
    press(page, "Use a passkey")
    expect(page.get_by_role("heading", name="Set up an authenticator app")).to_be_visible()


def test_an_authenticator_app_is_set_up_from_its_qr_code(page: Page, product: Product) -> None:
    sign_up(page, product, "xena@example.org")
    page.goto(build_address(product, "/me/security"))
    page.get_by_role("link", name="Set up an app").click()
    confirm_password(page)
    picture = page.get_by_role("img", name="QR code of the secret below")
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    secret = page.locator("p.secret").inner_text()
    page.get_by_label("code").fill(compute_code(secret))
    press(page, "Turn it on")
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    log_out(page, product)
    page.get_by_label("E-mail").fill("xena@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Log in")
    page.get_by_label("Code").fill(compute_code(secret, 1))
    press(page, "Log in")
    page.wait_for_url(lambda url: "/login" not in url)
