"""Plays tracker scenarios against the product, and returns the rows that they store."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, Page, Request

from tests.browser.conftest import PERSON, Launch
from tests.browser.product import Product
from tests.browser.servers import Pages, listening
from tests.browser.tracked_page import note_scripts, play
from tests.served import PATIENCE

Rows = list[dict[str, Any]]
ELSEWHERE = ("/elsewhere", "/thanks")  # pages without the snippet, to which scenarios go on
KEPT_OPEN = 3  # browsers: nobody sees from outside when what a page sends in its last moment has arrived
QUIET = 800  # milliseconds in which what must not be sent could be


@dataclass(kw_only=True)
class Stage:
    """What a scenario plays on: a page of a fresh browser, the site's pages, the sites' numbers."""

    name: str
    page: Page
    pages: Pages
    product: Product
    sites: dict[str, int]
    answered: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        note_scripts(self.page)
        self.page.context.on("requestfinished", self.note)

    def note(self, request: Request) -> None:
        """Keep the type of a beacon that was answered; a counted image is a view."""
        url = urlsplit(request.url)
        kind = "pageview" if url.path.endswith(".gif") else "".join(parse_qs(url.query).get("type", []))
        if kind:
            self.answered.append(kind)

    def wait(self, kind: str, number: int = 1) -> None:
        """Until the product has answered so many beacons of this kind in this scenario: then they are recorded."""
        until = time.monotonic() + PATIENCE
        while self.answered.count(kind) < number:
            assert time.monotonic() < until, f"no {number} × {kind}; answered: {self.answered}"
            self.page.wait_for_timeout(20)

    def snippet(self, site: str = "plain") -> str:
        return f'<script async data-id="{self.sites[site]}" src="//{self.product.host}/js"></script>'

    def show(self, html: str = "", path: str = "", *, host: str = "plain.localhost", views: int = 1, **go: Any) -> None:
        """Open a page of the scenario with this HTML; so many views of it were recorded when this returns."""
        path = f"/{self.name}{path}"
        self.pages.html[path.split("#")[0].split("?")[0]] = (
            f"<title>Page of {self.name}</title>{html or self.snippet()}"
        )
        before = self.answered.count("pageview")
        self.page.goto(self.pages.url(path, host), **go)
        if views:
            self.wait("pageview", before + views)
        else:
            self.page.wait_for_timeout(QUIET)

    def play(self, *steps: str | int) -> None:
        """Run code on the page, with pauses in milliseconds."""
        play(self.page, *steps)

    def run(self, code: str) -> Any:
        return self.page.evaluate(code)


Play = Callable[[Stage], None]


@dataclass
class Stored:
    """What came of the scenarios: rows of events and bots, how long each took (ms), what failed while playing."""

    tables: dict[str, Rows]
    sites: dict[str, int]
    lasted: dict[str, float] = field(default_factory=dict)
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
    product, pages = Product(), Pages(html=dict.fromkeys(ELSEWHERE, "<title>Elsewhere</title>"))
    browsers: deque[Browser] = deque()
    try:
        product.start()
        result = Stored({}, product.sites(**sites))
        with listening(pages.reply) as pages.port:
            for number, (name, scenario) in enumerate(scenarios.items()):
                browsers.append(launch(PERSON.replace("537.36", f"537.{number}")))
                stage = Stage(
                    name=name,
                    page=browsers[-1].new_context(locale="en-GB").new_page(),
                    pages=pages,
                    product=product,
                    sites=result.sites,
                )
                play_one(stage, scenario, result)
                if len(browsers) > KEPT_OPEN:
                    browsers.popleft().close()
            stage.page.wait_for_timeout(2 * QUIET)
            while browsers:
                browsers.popleft().close()
        product.stop()
        result.tables = product.read("events", "bots", "heat")
        return result
    finally:
        product.remove()


def play_one(stage: Stage, scenario: Play, result: Stored) -> None:
    """Play a scenario, and leave its last page."""
    began = time.monotonic()
    try:
        scenario(stage)
        stage.page.goto("about:blank")
    except Exception as error:
        result.failed[stage.name] = error
    result.lasted[stage.name] = (time.monotonic() - began) * 1000
