"""Pictures of every page in real Chromium: `python -m tests.browser.shots URL EMAIL PASSWORD [word …]`

In Chromium as the machine has it; words pick pictures by their names.
They land in `screenshots/` (not kept in git), at 390, 1440 and 2560 pixels, light and dark. Look at them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

OUT = Path(__file__).resolve().parent.parent.parent / "screenshots"
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
SIZES = ((390, 844), (1440, 900), (2560, 1440))
THEMES = ("light", "dark")
PAGES = {
    "overview": "", "spy": "spy", "visitors": "visitors", "content": "content", "sources": "sources", "goals": "goals",
    "ledger": "ledger", "bots": "bots", "details": "details/page", "filtered": "?period=30d&country=US&page~contains=b",
    "empty": "?country=ZZ", "explain": "explain?metric=bounce_rate&period=30d",
    "heatmaps": "heatmaps", "funnels": "funnels", "journeys": "journeys", "splits": "splits",
}  # fmt: skip
OTHERS = {"sites": "/sites", "keys": "/keys", "go": "/go", "rollup": "/sites/all"}


def launch(playwright: object) -> Browser:
    """Chromium as the machine has it."""
    return playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)  # type: ignore[attr-defined]


def log_in(page: Page, base: str, email: str, password: str) -> str:
    """Come in; the address of the first site's overview."""
    page.goto(f"{base}/login")
    page.fill("input[type=email]", email)
    page.fill("input[type=password]", password)
    page.click("main button")
    page.goto(f"{base}/sites")
    return base + str(page.get_attribute(".card > a", "href"))


def shoot(base: str, email: str, password: str, words: list[str]) -> None:
    OUT.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        entry = browser.new_page()
        site = log_in(entry, base, email, password)
        state = entry.context.storage_state()
        targets = {**{name: site + path for name, path in PAGES.items()}, **{k: base + v for k, v in OTHERS.items()}}
        for theme in THEMES:
            for width, height in SIZES:
                size = {"width": width, "height": height}
                context = browser.new_context(viewport=size, color_scheme=theme, storage_state=state)
                for name, url in targets.items():
                    label = f"{name}-{width}-{theme}"
                    if not words or any(word in label for word in words):
                        picture(context.new_page(), url, OUT / f"{label}.png")
                context.close()
        browser.close()


def picture(page: Page, url: str, path: Path) -> None:
    """One page, once its parts have arrived; says so when it is wider than the screen."""
    page.goto(url)
    page.wait_for_timeout(300)
    page.wait_for_selector(".waiting", state="detached", timeout=15_000)
    page.screenshot(path=path, full_page=True)
    if page.evaluate("document.documentElement.scrollWidth > innerWidth + 1"):
        print(f"{path.name}: wider than the screen")
    page.close()


if __name__ == "__main__":
    shoot(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
