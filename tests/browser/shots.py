"""Screenshots of every page in Chromium: `python -m tests.browser.shots URL EMAIL PASSWORD [word …]`

Words select screenshots by their names. They are written to `screenshots/` (not kept in git), in several widths and
themes. Look at them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tests.browser.product_pages import OTHER_PAGES, find_offered_pages
from tests.browser.walk import walk

OUT = Path(__file__).resolve().parent.parent.parent / "screenshots"
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
# Which pictures of a page are taken: (width, theme or direction)
TAKEN = {(390, "light"), (390, "dark"), (1440, "light"), (1440, "dark"), (2560, "dark"), (390, "rtl"), (1440, "rtl")}


def launch(playwright: Playwright) -> Browser:
    """Chromium as the machine has it."""
    return playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)


def log_in(page: Page, base: str, email: str, password: str) -> str:
    """Come in; the address of the first site's overview."""
    page.goto(f"{base}/login")
    page.fill("input[type=email]", email)
    page.fill("input[type=password]", password)
    page.click("main button")
    page.goto(f"{base}/sites")
    return base + str(page.get_attribute(".card > a", "href"))


def shoot(base: str, email: str, password: str, words: list[str]) -> None:
    """Walk over all pages (or those whose name contains a word) and say what is wrong with them."""
    OUT.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        entry = browser.new_page()
        site = log_in(entry, base, email, password).removeprefix(base)
        context = browser.new_context(storage_state=entry.context.storage_state(), bypass_csp=True)
        offered = find_offered_pages(
            lambda path: context.request.get(base + path, headers={"Referer": base + site}).text(), site
        )
        pages = {**offered, **{name: site + path for name, path in OTHER_PAGES.items()}}
        chosen = {name: path for name, path in pages.items() if not words or any(word in name for word in words)}
        found = walk(context, base, chosen, picture)
        browser.close()
    for name, what in vars(found).items():
        print(name, what)


def picture(page: Page, name: str, width: int, theme: str) -> None:
    """The whole page."""
    if (width, theme) in TAKEN:
        page.screenshot(path=OUT / f"{name.replace('?', '-')}-{width}-{theme}.png", full_page=True)


if __name__ == "__main__":
    shoot(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
