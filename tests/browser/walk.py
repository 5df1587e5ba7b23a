"""Opens every page once and checks it in every width, theme and text direction."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response
from playwright.sync_api import Error as BrowserError

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS = (320, 390, 768, 1440, 2560)
TURNED = (390, 1440)  # widths at which pages are read from right to left
WIDER = "document.documentElement.scrollWidth > innerWidth + 1"
Picture = Callable[[Page, str, int, str], None]  # page, name, width, theme


@dataclass(kw_only=True)
class Found:
    """What is wrong, as (page, what) each. `seen` counts the pages."""

    axe: list[tuple[str, str, str]] = field(default_factory=list)
    wide: list[tuple[str, int]] = field(default_factory=list)
    turned: list[tuple[str, int]] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, int]] = field(default_factory=list)
    seen: int = 0


def walk(context: BrowserContext, base: str, pages: dict[str, str], picture: Picture | None = None) -> Found:
    """Look at every page (name: address). The context must let scripts in past the policy, for axe."""
    found = Found()
    for name, address in pages.items():
        page = context.new_page()
        page.on("console", partial(hear_message, found, name))
        page.on("pageerror", partial(hear_error, found, name))
        page.set_viewport_size({"width": 1440, "height": 900})
        page.emulate_media(color_scheme="light")
        if not opened(page, base + address, name, found):
            continue
        found.seen += 1
        look(page, name, found, picture)
        page.close()
    return found


def opened(page: Page, url: str, name: str, found: Found) -> bool:
    try:
        response: Response | None = page.goto(url)
    except BrowserError as error:  # a download is no page
        found.told.append((name, str(error).splitlines()[0]))
        return False
    if response is not None and response.status >= 400:
        found.refused.append((name, response.status))
    settled(page)
    return True


def settled(page: Page) -> None:
    """All parts have arrived."""
    page.wait_for_selector(".waiting", state="detached", timeout=60_000)
    page.wait_for_timeout(150)


def hear_message(found: Found, name: str, said: ConsoleMessage) -> None:
    if said.type == "error":
        found.told.append((name, f"{said.text} {said.location.get('url', '')}"))


def hear_error(found: Found, name: str, error: BrowserError) -> None:
    found.told.append((name, str(error)))


def look(page: Page, name: str, found: Found, picture: Picture | None) -> None:
    """Axe in both themes, then every width, then from right to left."""
    page.evaluate(AXE)
    found.axe += [(name, *one) for one in violations(page, {"runOnly": RULES})]
    page.emulate_media(color_scheme="dark")
    found.axe += [(f"{name} dark", *one) for one in violations(page, {"runOnly": ["color-contrast"]})]
    for theme in ("dark", "light"):
        page.emulate_media(color_scheme=theme)
        for width in WIDTHS:
            sized(page, width)
            if theme == "light" and page.evaluate(WIDER):
                found.wide.append((name, width))
            if picture:
                picture(page, name, width, theme)
    page.evaluate("document.documentElement.dir = 'rtl'")
    for width in TURNED:
        sized(page, width)
        if page.evaluate(WIDER):
            found.turned.append((name, width))
        if picture:
            picture(page, name, width, "rtl")


def sized(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def violations(page: Page, options: dict[str, Any]) -> list[tuple[str, str]]:
    """(rule, element) of everything axe finds."""
    answer = page.evaluate(f"axe.run(document, {json.dumps(options)})")
    return [(one["id"], node["html"][:300]) for one in answer["violations"] for node in one["nodes"][:3]]
