"""A page with the snippet, and what a test has to wait for on it: the site's answer, and the tracker's lazy parts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page

from tests.browser.servers import Pages, Recorder
from tests.served import PATIENCE

SNIPPET = '<script async data-id="101" src="//{host}/js"></script>'
QUIET = "<script>document.addEventListener('click', e => e.preventDefault())</script>"
# A script's load event comes when the script has run; only the window and the document above it hear it
NOTE_SCRIPTS = "document.addEventListener('load', ({target}) => (window.ran ||= []).push(target.src || ''), true)"
ANSWERED = "() => { let log; _cgen.use(tracker => { log = tracker.switches.log }, Math.random()); return log != null }"


def show(page: Page, pages: Pages, recorder: Recorder, body: str = "", custom: object = None, path: str = "/") -> None:
    """Open a page with the snippet and the settings; the tracker is there when this returns, its first view is not."""
    settings = f"<script>var clicky_custom = {json.dumps(custom)};</script>" if custom is not None else ""
    pages.html[path.split("?")[0].split("#")[0]] = (
        f"<title>Page</title>{settings}{SNIPPET.format(host=recorder.host)}{body}"
    )
    note_scripts(page)
    page.goto(pages.url(path))
    page.wait_for_function("window._cgen")


def note_scripts(page: Page) -> None:
    """Let pages that are opened from now on note which scripts ran on them."""
    page.add_init_script(NOTE_SCRIPTS)


def wait_for_answer(page: Page) -> None:
    """Until the tracker has read the site's answer to its first view, which says what the site wants to be told."""
    page.wait_for_function(ANSWERED, timeout=PATIENCE * 1000)


def wait_for_part(page: Page, name: str) -> None:
    """Until a lazy part of the tracker has run, on a page that notes its scripts."""
    page.wait_for_function(
        "part => (window.ran || []).some(url => url.endsWith(part))", arg=f"?part={name}", timeout=PATIENCE * 1000
    )


@contextmanager
def answered(page: Page, part: str) -> Iterator[None]:
    """Until a request that the page makes meanwhile, with this in its address, has been answered."""
    with page.expect_event("requestfinished", lambda request: part in request.url, timeout=PATIENCE * 1000):
        yield


def play(page: Page, *steps: str | int) -> None:
    """
    Run pieces of code on the page, with pauses of so many milliseconds between and after them. The page's own clock
    measures these, as it does the tracker's: what is due before one is over has happened then, however busy the machine
    is, and what is due later has not.
    """
    code = [f"await new Promise(done => setTimeout(done, {one}))" if isinstance(one, int) else one for one in steps]
    page.evaluate(f"async () => {{ {'; '.join(code)} }}")
