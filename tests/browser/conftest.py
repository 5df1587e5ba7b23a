"""What browser tests share: Chromium, a site's pages, and the recorder of beacons."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.servers import Pages, Recorder, listening
from tests.served import PATIENCE

expect.set_options(timeout=PATIENCE * 1000)
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-blink-features=AutomationControlled", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip


def major_version() -> str:
    """Of the Chromium that is installed: client hints tell it, and a name with another one gives a program away."""
    try:
        told = subprocess.run([CHROMIUM, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
    except OSError:
        return "138"
    return next((word.split(".")[0] for word in told.split() if word[:1].isdigit()), "138")


PERSON = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    f"Chrome/{major_version()}.0.0.0 Safari/537.36"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs Chromium."""
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


class Launch(Protocol):
    def __call__(self, name: str, *flags: str) -> Browser: ...


@pytest.fixture(scope="session")
def launch() -> Iterator[Launch]:
    """Starts a Chromium that calls itself what it is told. What a page sends in its last moment carries the browser's
    own name, not the one a context emulates, so a test that looks at devices needs a browser of its own."""
    with sync_playwright() as playwright:
        yield lambda name, *flags: playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*FLAGS, *flags, f"--user-agent={name}"]
        )


@pytest.fixture(scope="session")
def chromium(launch: Launch) -> Iterator[Browser]:
    """One Chromium for the run; every test has a fresh profile in it."""
    browser = launch(PERSON)
    yield browser
    browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A fresh profile of a person's browser."""
    with_profile = chromium.new_context(
        user_agent=PERSON, locale="en-GB", timezone_id="Europe/Tallinn", viewport={"width": 1200, "height": 800}
    )
    yield with_profile
    with_profile.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def pages() -> Iterator[Pages]:
    """The site a test builds."""
    site = Pages()
    with listening(site.reply) as site.port:
        yield site


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """The beacon endpoint of wire tests."""
    endpoint = Recorder()
    with listening(endpoint.reply) as endpoint.port:
        yield endpoint
