"""URL changes without a new document: which of them are views, and with which title."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.servers import Pages, Recorder
from tests.browser.tracked_page import play, show, wait_for_answer

# A change of address by each way there is -> the switch that makes it a view, and the address then told
ROUTES = {
    "history.replaceState({}, '', '/router-replace')": ("replace", "/router-replace"),
    "location.hash = '#/about'": ("hash", "/#/about"),
    "location.hash = '#!about?x=1'": ("hash", "/#!about?x=1"),
    "history.pushState({}, '', '#/pushed')": ("hash", "/#/pushed"),
    "navigation.addEventListener('navigate', e => e.intercept()); navigation.navigate('/by-api')": (
        "navigate", "/by-api",
    ),
    "navigation.addEventListener('navigate', e => e.intercept());"
    "navigation.navigate('/replaced', {history: 'replace'})": ("replace", "/replaced"),
}  # fmt: skip


@pytest.mark.parametrize("code", ROUTES)
def test_a_route_is_a_view_where_the_site_enables_that(code: str, page: Page, pages: Pages, recorder: Recorder) -> None:
    switch, href = ROUTES[code]
    recorder.switches[switch] = 1
    show(page, pages, recorder)
    wait_for_answer(page)
    page.evaluate(f"() => {{ {code}; document.title = 'Next' }}")
    second = recorder.wait("pageview", 2)[1]
    recorder.settle(0.5)
    assert (second["href"], second["title"], len(recorder.of("pageview"))) == (href, "Next", 2)


@pytest.mark.parametrize("code", ROUTES)
def test_a_route_is_not_a_view_where_the_site_does_not_enable_that(
    code: str, page: Page, pages: Pages, recorder: Recorder
) -> None:
    show(page, pages, recorder)
    wait_for_answer(page)
    play(page, f"{code}", 700)
    recorder.settle()
    assert len(recorder.of("pageview")) == 1


def test_anchors_and_unchanged_urls_are_not_routes(page: Page, pages: Pages, recorder: Recorder) -> None:
    recorder.switches.update({"hash": 1, "replace": 1, "navigate": 1})
    show(page, pages, recorder)
    wait_for_answer(page)
    play(page, "location.hash = '#contact'; history.replaceState({a: 1}, ''); history.pushState({}, '', '/')", 700)
    recorder.settle()
    assert len(recorder.of("pageview")) == 1


def test_an_anchor_after_a_replaced_url_is_not_a_view(page: Page, pages: Pages, recorder: Recorder) -> None:
    show(page, pages, recorder)
    wait_for_answer(page)
    play(
        page,
        "history.replaceState({}, '', '/?sort=price'); location.hash = '#list'",
        500,
        "location.hash = '#top'",
        700,
    )
    recorder.settle()
    assert [view["href"] for view in recorder.of("pageview")] == ["/"]
    page.evaluate("history.pushState({}, '', '/next'); document.title = 'Next'")
    recorder.wait("pageview", 2)
    page.evaluate("document.title = 'Back'; history.go(-1)")
    assert [view["href"] for view in recorder.wait("pageview", 3)] == ["/", "/next", "/?sort=price"]


def test_every_change_between_hash_routes_is_one_view(page: Page, pages: Pages, recorder: Recorder) -> None:
    recorder.switches["hash"] = 1
    show(page, pages, recorder, path="/app#/first")
    wait_for_answer(page)
    for number, route in enumerate(("#/second", "#/third"), 2):
        page.evaluate(f"location.hash = '{route}'; document.title = '{route}'")
        recorder.wait("pageview", number)
    page.evaluate("clicky.goal('there'); document.title = 'Back'; history.back()")
    views = recorder.wait("pageview", 4)
    assert [view["href"] for view in views] == ["/app#/first", "/app#/second", "/app#/third", "/app#/second"]
    assert recorder.wait("goal")[0]["page"] == "/app#/third"


@pytest.mark.parametrize("milliseconds", [0, 200, 400, 550])
def test_a_view_waits_for_its_title(milliseconds: int, page: Page, pages: Pages, recorder: Recorder) -> None:
    show(page, pages, recorder)
    recorder.wait("pageview")
    page.evaluate(
        f"history.pushState({{}}, '', '/slow'); setTimeout(() => {{ document.title = 'Slow' }}, {milliseconds})"
    )
    second = recorder.wait("pageview", 2)[1]
    assert (second["href"], second["title"]) == ("/slow", "Slow")


def test_an_unchanged_title_delays_a_view_only_briefly(page: Page, pages: Pages, recorder: Recorder) -> None:
    page.clock.install()
    show(page, pages, recorder)
    wait_for_answer(page)
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 5)
    page.evaluate("history.pushState({}, '', '/same')")
    page.clock.run_for(600)
    recorder.settle()
    assert len(recorder.of("pageview")) == 1
    page.clock.run_for(100)
    assert recorder.wait("pageview", 2)[1]["title"] == "Page"
    page.clock.run_for(1000)
    recorder.settle()
    assert len(recorder.of("pageview")) == 2


def test_later_hits_are_sent_after_a_view_that_waits_for_its_title(
    page: Page, pages: Pages, recorder: Recorder
) -> None:
    show(page, pages, recorder)
    recorder.wait("pageview")
    play(page, "history.pushState({}, '', '/two')", 350, "clicky.goal('reached')")
    view, goal = recorder.wait("pageview", 2)[1], recorder.wait("goal")[0]
    assert (view["href"], goal["page"], goal["vid"]) == ("/two", "/two", view["vid"])
    play(page, "history.pushState({}, '', '/three')", 350, "history.pushState({}, '', '/four')", 350)
    page.goto("about:blank")
    views = recorder.wait_by("href", "pageview", 4)
    assert views.keys() == {"/", "/two", "/three", "/four"}
    assert len({view["vid"] for view in views.values()}) == 4


def test_a_waiting_view_that_the_page_also_sends_counts_once(page: Page, pages: Pages, recorder: Recorder) -> None:
    show(page, pages, recorder)
    recorder.wait("pageview")
    play(page, "history.pushState({}, '', '/route')", 350, "clicky.log('/route', 'Route', 'pageview')", 700)
    recorder.wait("pageview", 2)
    recorder.settle()
    assert [(view["href"], view["title"]) for view in recorder.of("pageview")] == [("/", "Page"), ("/route", "Route")]


def test_a_redirect_by_the_router_is_one_view(page: Page, pages: Pages, recorder: Recorder) -> None:
    recorder.switches["replace"] = 1
    show(page, pages, recorder)
    wait_for_answer(page)
    play(
        page, "history.pushState({}, '', '/old'); history.replaceState({}, '', '/new'); document.title = 'New'", 700
    )  # fmt: skip
    recorder.wait("pageview", 2)
    recorder.settle()
    assert [view["href"] for view in recorder.of("pageview")] == ["/", "/new"]
