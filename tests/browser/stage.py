"""Plays tracker scenarios against the product, and returns the rows that they store."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Page

from tests.browser.conftest import PERSON, Launch
from tests.browser.product import Product
from tests.browser.servers import Pages, listening

Rows = list[dict[str, Any]]
SETTLE = 800  # milliseconds in which what a page sent is on its way


@dataclass
class Stage:
    """What a scenario plays on: a page of a fresh browser, the site's pages, the sites' numbers."""

    name: str
    page: Page
    pages: Pages
    product: Product
    sites: dict[str, int]

    def snippet(self, site: str = "plain") -> str:
        return f'<script async data-id="{self.sites[site]}" src="//{self.product.host}/js"></script>'

    def show(self, html: str = "", path: str = "", *, host: str = "plain.localhost", **go: Any) -> None:
        """Open a page of the scenario with this HTML; its script has run when this returns."""
        path = f"/{self.name}{path}"
        self.pages.html[path.split("#")[0].split("?")[0]] = (
            f"<title>Page of {self.name}</title>{html or self.snippet()}"
        )
        self.page.goto(self.pages.url(path, host), **go)
        self.page.wait_for_timeout(SETTLE)

    def run(self, code: str) -> Any:
        return self.page.evaluate(code)


Play = Callable[[Stage], None]


@dataclass
class Stored:
    """What came of the scenarios: rows of events and bots, and what failed while playing."""

    tables: dict[str, Rows]
    sites: dict[str, int]
    failed: dict[str, Exception] = field(default_factory=dict)

    def __call__(self, name: str, kind: str = "", table: str = "events") -> Rows:
        if name in self.failed:
            raise self.failed[name]
        mine = [row for row in self.tables[table] if re.match(rf"/{name}(?![a-z_])", row["path"])]
        return [row for row in mine if kind in ("", row["kind"])]

    def one(self, name: str, kind: str) -> dict[str, Any]:
        rows = self(name, kind)
        assert len(rows) == 1, [(row["kind"], row["path"]) for row in self(name)]
        return rows[0]


def play_all(scenarios: dict[str, Play], launch: Launch, **sites: dict[str, Any]) -> Stored:
    """Play every scenario in a browser of its own against one server, stop it, and read what it stored."""
    product, pages = Product(), Pages()
    try:
        product.start()
        result = Stored({}, product.sites(**sites))
        with listening(pages.reply) as pages.port:
            for number, (name, play) in enumerate(scenarios.items()):
                browser = launch(PERSON.replace("537.36", f"537.{number}"))
                page = browser.new_context(locale="en-GB").new_page()
                try:
                    play(Stage(name, page, pages, product, result.sites))
                except Exception as error:
                    result.failed[name] = error
                browser.close()
        product.stop()
        result.tables = product.read("events", "bots", "heat")
        return result
    finally:
        product.remove()
