"""Special kinds of pages: prerendered, with SVG and web components, under Trusted Types, in a sandbox."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import CHROMIUM, FLAGS, PERSON
from tests.browser.servers import Pages, Recorder
from tests.browser.tracked_page import QUIET, SNIPPET, show, wait_for_part


@contextmanager
def browser_without_devtools(url: str) -> Iterator[None]:
    """A Chromium that nobody watches, at this address: under DevTools it renders no page ahead."""
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        words = [CHROMIUM, *FLAGS, f"--user-agent={PERSON}", f"--user-data-dir={profile}", url]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.terminate()
            process.wait(10)


@pytest.mark.parametrize("milliseconds", [0, 120, 180, 300, 400, 900])
def test_a_prerendered_page_is_one_view_however_soon_it_is_shown(
    milliseconds: int, pages: Pages, recorder: Recorder
) -> None:
    pages.html["/one"] = f"""<title>One</title><script>
      addEventListener('load', () => setTimeout(() => {{
        const rules = document.createElement('script');
        rules.type = 'speculationrules';
        rules.textContent = JSON.stringify({{prerender: [{{source: 'list', urls: ['/two'], eagerness: 'immediate'}}]}});
        document.head.append(rules);
        setTimeout(() => {{ location.href = '/two'; }}, {milliseconds});
      }}, 300));
    </script>"""
    pages.html["/two"] = SNIPPET.format(host=recorder.host) + "<title>Two</title>"
    with browser_without_devtools(pages.url("/one")):
        recorder.wait("pageview")
        recorder.settle(1.0)
    assert [view["href"] for view in recorder.of("pageview")] == ["/two"]


def test_a_prerendered_page_that_is_never_shown_is_not_a_view(pages: Pages, recorder: Recorder) -> None:
    pages.html["/one"] = """<title>One</title><script type="speculationrules">
      {"prerender": [{"source": "list", "urls": ["/two"], "eagerness": "immediate"}]}
    </script><script>setTimeout(() => { location.href = '/three'; }, 2500)</script>"""
    pages.html["/two"] = SNIPPET.format(host=recorder.host) + "<script>clicky.goal('early')</script>"
    pages.html["/three"] = SNIPPET.format(host=recorder.host)
    with browser_without_devtools(pages.url("/one")):
        recorder.wait("pageview")
        recorder.settle(1.0)
    assert {one["href"] for one in recorder.of("pageview")} == {"/three"}
    assert recorder.of("goal") == []


SHADOW = """<script>for (const host of document.querySelectorAll('[data-shadow]')) {
  host.attachShadow({mode: 'open'}).innerHTML = host.dataset.shadow; }</script>"""
OUT = "https://other.example/out"
IN_COMPONENTS = {
    "a link of SVG": (
        f'<svg width=99 height=40><a href="{OUT}"><text id=it y=20>Drawn</text></a></svg>', "Drawn",
    ),
    "a link of older SVG": (
        f'<svg width=99 height=40><a xlink:href="{OUT}"><text id=it y=20>Older</text></a></svg>', "Older",
    ),
    "an icon within a link": (
        f"""<a href="{OUT}" aria-label="Icon"><my-icon id=it data-shadow="<b>*</b>"></my-icon></a>""", "Icon",
    ),
    "a link within a component": (
        f"""<my-link id=it data-shadow="<a href='{OUT}'>Inside</a>"></my-link>""", "Inside",
    ),
    "a component's link around the page's own text": (
        f"""<my-card data-shadow="<a href='{OUT}'><slot></slot></a>"><b id=it>Slotted</b></my-card>""", "Slotted",
    ),
    "a component within a component's link": (
        f"""<my-card data-shadow="<a href='{OUT}'><slot></slot></a>"><my-icon id=it data-shadow="<b>Deep</b>">"""
        "</my-icon></my-card>", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("script", ["101.js", "tracker.js"])
@pytest.mark.parametrize("case", IN_COMPONENTS)
def test_outbound_links_in_svg_and_components_are_sent_once(
    case: str, script: str, page: Page, pages: Pages, recorder: Recorder
) -> None:
    body, title = IN_COMPONENTS[case]
    snippet = f'<script data-id="101" src="//{recorder.host}/{script}"></script>'
    pages.html["/"] = f"<!doctype html>{snippet}{QUIET}{body}{SHADOW}"
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(pages.url())
    recorder.wait("pageview")
    page.click("#it")
    (told,) = recorder.wait("outbound")
    recorder.settle(0.3)
    assert (told["href"], told["title"], len(recorder.of("outbound"))) == (OUT, title, 1)
    assert problems == []


def test_an_internal_svg_link_is_not_sent_and_its_files_are_downloads(
    page: Page, pages: Pages, recorder: Recorder
) -> None:
    links = '<a href="/next"><text id=n y=20>Next</text></a><a href="files/a.pdf"><text id=f y=60>File</text></a>'
    body = f"<svg>{links}</svg>"
    show(page, pages, recorder, QUIET + body, path="/in/svg")
    recorder.wait("pageview")
    page.click("#n")
    page.click("#f")
    assert recorder.wait("download")[0]["href"] == "/in/files/a.pdf"
    assert recorder.of("outbound") == []


SAVED = {
    '<a download href="/export?id=3">Export</a>': ("/export?id=3", "Export"),
    '<a download="list.csv" href="https://cdn.example/export">List</a>': ("https://cdn.example/export", "List"),
    '<a download="mine.csv" href="data:text/csv,a">Data</a>': ("mine.csv", "Data"),
    '<a download="made.csv" id=blob>Made</a><script>blob.href = URL.createObjectURL(new Blob(["a"]))</script>': (
        "made.csv", "Made",
    ),
}  # fmt: skip


@pytest.mark.parametrize("link", SAVED)
def test_a_link_with_the_download_attribute_is_a_download(
    link: str, page: Page, pages: Pages, recorder: Recorder
) -> None:
    show(page, pages, recorder, QUIET + link)
    recorder.wait("pageview")
    page.click("a")
    (told,) = recorder.wait("download")
    assert (told["href"], told["title"]) == SAVED[link]
    assert recorder.of("outbound") == []


def test_a_javascript_link_is_not_a_download(page: Page, pages: Pages, recorder: Recorder) -> None:
    show(page, pages, recorder, '<a download href="javascript:void 0">Run</a>')
    recorder.wait("pageview")
    page.click("a")
    recorder.settle()
    assert recorder.of("download") == []


FORM = '<form name=Contact action="/sent"><input><button>Send</button></form>'
POLICIES = {
    "no policy named": ("require-trusted-types-for 'script'", True),
    "the tracker's policy": ("require-trusted-types-for 'script'; trusted-types clicky", True),
    "another policy": ("require-trusted-types-for 'script'; trusted-types other", False),
    "no policy at all": ("require-trusted-types-for 'script'; trusted-types 'none'", False),
}


@pytest.mark.parametrize("case", POLICIES)
def test_under_trusted_types_views_goals_and_allowed_forms_are_sent(
    case: str, page: Page, pages: Pages, recorder: Recorder
) -> None:
    policy, parts_load = POLICIES[case]
    pages.headers["Content-Security-Policy"] = policy
    recorder.switches["heat"] = 1
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    show(page, pages, recorder, FORM)
    recorder.wait("pageview")
    page.evaluate("clicky.goal('signup')")
    recorder.wait("goal")
    page.focus("button")
    if parts_load:
        for part in ("heat", "form"):
            wait_for_part(page, part)
    page.click("button")
    if parts_load:
        recorder.wait("form")
    recorder.settle(0.5)
    assert (len(recorder.of("form")) == 1, "heat" in recorder.scripts) == (parts_load, parts_load)
    assert problems == []


def test_the_trackers_trusted_types_policy_rejects_scripts_of_other_hosts(
    page: Page, pages: Pages, recorder: Recorder
) -> None:
    pages.headers["Content-Security-Policy"] = "require-trusted-types-for 'script'; trusted-types clicky"
    show(page, pages, recorder, FORM)
    recorder.wait("pageview")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("clicky.inject('https://evil.example/x.js')")
    page.wait_for_timeout(300)
    assert not [url for url in asked if "evil.example" in url]


def test_under_trusted_types_beacons_are_sent_as_images_where_only_these_are_allowed(
    page: Page, pages: Pages, recorder: Recorder
) -> None:
    pages.headers["Content-Security-Policy"] = (
        "connect-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    show(page, pages, recorder)
    assert recorder.wait("pageview")[0]["href"] == "/"


def test_a_sandboxed_frame_sends_its_view_and_stores_nothing(page: Page, pages: Pages, recorder: Recorder) -> None:
    pages.headers["Content-Security-Policy"] = "sandbox allow-scripts"
    recorder.switches["cookie"] = 1
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    show(page, pages, recorder)
    assert recorder.wait("pageview")[0]["href"] == "/"
    page.evaluate("clicky.goal('signup')")
    recorder.wait("goal")
    recorder.settle(0.3)
    assert problems == []
