"""Views, engaged time, referrers and privacy during a page's life, as the tracker sends them."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.servers import Pages, Recorder
from tests.browser.tracked_page import play, show


def test_single_page_navigation_is_a_view_with_its_own_number(page: Page, pages: Pages, recorder: Recorder) -> None:
    show(page, pages, recorder)
    recorder.wait("pageview")
    page.evaluate("history.pushState({}, '', '/two?x=1'); document.title = 'Two'")
    recorder.wait("pageview", 2)
    page.evaluate("history.back()")
    first, second, third = recorder.wait("pageview", 3)
    assert [view["href"] for view in (first, second, third)] == ["/", "/two?x=1", "/"]
    assert second["title"] == "Two"
    assert len({first["vid"], second["vid"], third["vid"]}) == 3


def test_a_route_that_the_page_also_sends_counts_once(page: Page, pages: Pages, recorder: Recorder) -> None:
    show(page, pages, recorder)
    recorder.wait("pageview")
    page.evaluate("history.pushState({}, '', '/route'); clicky.log('/route', 'Route', 'pageview')")
    page.evaluate("history.replaceState({}, '', '/route')")
    recorder.wait("pageview", 2)
    recorder.settle()
    assert [view["href"] for view in recorder.of("pageview")] == ["/", "/route"]


def test_tracking_of_the_history_can_be_disabled(page: Page, pages: Pages, recorder: Recorder) -> None:
    show(page, pages, recorder, custom={"history_disable": 1})
    recorder.wait("pageview")
    page.evaluate("history.pushState({}, '', '/two')")
    recorder.settle()
    assert len(recorder.of("pageview")) == 1


def test_a_page_restored_from_the_back_forward_cache_is_a_new_view(
    page: Page, pages: Pages, recorder: Recorder
) -> None:
    show(page, pages, recorder)
    recorder.wait("pageview")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    first, again = recorder.wait("pageview", 2)
    assert first["href"] == again["href"]
    assert first["vid"] != again["vid"]


def test_a_page_left_at_once_is_still_sent(page: Page, pages: Pages, recorder: Recorder) -> None:
    pages.html["/gone"] = f'<script src="//{recorder.host}/101.js"></script><script>location.href="/next"</script>'
    pages.html["/next"] = "no tracker here"
    recorder.delay = 0.3
    page.goto(pages.url("/gone"))
    page.wait_for_url("**/next")
    assert recorder.wait("pageview")[0]["href"] == "/gone"


def test_leaving_a_page_sends_time_and_scroll_depth(page: Page, pages: Pages, recorder: Recorder) -> None:
    began = time.monotonic()
    show(page, pages, recorder, '<div style="height:3200px">long</div>')
    (view,) = recorder.wait("pageview")
    play(page, "scrollTo(0, 1600)", 900)
    page.goto("about:blank")
    (ping,) = recorder.wait("ping")
    assert ping["vid"] == view["vid"]
    assert 900 <= int(ping["et"]) < (time.monotonic() - began) * 1000
    assert 70 <= int(ping["sc"]) <= 80
    assert int(view["sc"]) < 30


def test_pings_are_sent_by_visible_time_up_to_the_limit(page: Page, pages: Pages, recorder: Recorder) -> None:
    page.clock.install()
    pages.html["/"] = (
        f'<script>var clicky_custom={{timeout:5}}</script><script src="//{recorder.host}/101.js"></script>'
    )
    page.goto(pages.url())
    page.clock.run_for(1000)
    recorder.wait("pageview")
    told = 0
    for seconds, pings in ((26, 0), (5, 1), (25, 1), (6, 2), (55, 2), (6, 3), (114, 3), (8, 4), (120, 4), (600, 4)):
        page.clock.run_for(seconds * 1000)
        if pings > told:
            recorder.wait("ping", pings)
        else:
            recorder.settle(0.15)
        told = len(recorder.of("ping"))
        assert told == pings, seconds
    assert abs(sum(int(ping["et"]) for ping in recorder.of("ping")) - 240_000) < 3000


def test_pings_can_be_switched_off(page: Page, pages: Pages, recorder: Recorder) -> None:
    page.clock.install()
    pages.html["/"] = (
        f'<script>var clicky_custom={{ping_disable:1}}</script><script src="//{recorder.host}/101.js"></script>'
    )
    page.goto(pages.url())
    page.clock.run_for(100_000)
    page.goto("about:blank")
    recorder.wait("pageview")
    recorder.settle()
    assert recorder.of("ping") == []


def test_the_referrer_is_sent_once_and_never_for_the_own_host(page: Page, pages: Pages, recorder: Recorder) -> None:
    show(page, pages, recorder, '<a href="/b">b</a>')
    recorder.wait("pageview")
    pages.html["/b"] = pages.html["/"]
    page.goto(pages.url(), referer="https://news.example/story?a=1")
    recorder.wait("pageview", 2)
    page.click("a")
    views = recorder.wait("pageview", 3)
    assert [view["ref"] for view in views] == ["", "https://news.example/story?a=1", ""]


def test_without_cookies_nothing_is_stored(
    page: Page, context: BrowserContext, pages: Pages, recorder: Recorder
) -> None:
    show(page, pages, recorder, custom={"visitor": {"username": "ann"}})
    (view,) = recorder.wait("pageview")
    recorder.settle()
    assert context.cookies() == []
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    assert view["ck"] == "0"


def test_with_cookies_visitor_number_and_names_are_kept(
    page: Page, context: BrowserContext, pages: Pages, recorder: Recorder
) -> None:
    recorder.switches["cookie"] = 1
    show(page, pages, recorder, custom={"visitor": {"username": "ann", "plan": "pro"}})
    (first,) = recorder.wait("pageview")
    page.wait_for_function("document.cookie.includes('_custom_data_username')")
    show(page, pages, recorder, path="/later")
    second = recorder.wait("pageview", 2)[1]
    assert second["jsuid"] == first["jsuid"]
    assert (first["ck"], second["ck"]) == ("0", "1")
    assert (second["custom[username]"], second["custom[plan]"]) == ("ann", "")


def test_the_first_referrer_is_kept_for_later_direct_visits(
    page: Page, context: BrowserContext, pages: Pages, recorder: Recorder
) -> None:
    recorder.switches["cookie"] = 1
    show(page, pages, recorder)
    recorder.wait("pageview")
    page.goto(pages.url("/?utm_source=mail&utm_campaign=may"), referer="https://news.example/")
    page.wait_for_function("document.cookie.includes('_utm_og')")
    page.goto("about:blank")
    page.wait_for_timeout(200)
    context.clear_cookies(name="_first_pageview")  # as ten minutes would
    page.goto(pages.url("/"))
    last = recorder.wait("pageview", 3)[2]
    assert (last["ref"], last["utm"]) == ("https://news.example/", "utm_source=mail&utm_campaign=may")


def test_cookies_are_deleted_when_the_site_disables_them(
    page: Page, context: BrowserContext, pages: Pages, recorder: Recorder
) -> None:
    context.add_cookies([{"name": "_jsuid", "value": "77", "url": pages.url()}])
    show(page, pages, recorder)
    assert recorder.wait("pageview")[0]["jsuid"] == "77"
    page.wait_for_function("!document.cookie")


def test_a_cookie_domain_set_by_the_page_covers_subdomains(
    page: Page, context: BrowserContext, pages: Pages, recorder: Recorder
) -> None:
    recorder.switches["cookie"] = 1
    pages.html["/"] = (
        '<script>var clicky_custom={cookies:{domain:".shop.localhost"}}</script>'
        f'<script src="//{recorder.host}/101.js"></script>'
    )
    page.goto(pages.url("/", host="a.shop.localhost"))
    page.wait_for_function("document.cookie.includes('_jsuid')")
    page.goto(pages.url("/", host="b.shop.localhost"))
    first, second = recorder.wait("pageview", 2)
    assert first["jsuid"] == second["jsuid"]


@pytest.mark.parametrize("sign", ["navigator.doNotTrack = '1'", "navigator.globalPrivacyControl = true"])
def test_do_not_track_is_sent_or_honoured_in_the_browser_if_the_page_wants(
    sign: str, page: Page, pages: Pages, recorder: Recorder
) -> None:
    name, value = sign.removeprefix("navigator.").split(" = ")
    page.add_init_script(f"Object.defineProperty(navigator, '{name}', {{get: () => {value}}})")
    show(page, pages, recorder)
    assert recorder.wait("pageview")[0]["dnt"] == "1"
    show(page, pages, recorder, custom={"dnt": True}, path="/asked")
    recorder.settle()
    assert [one["href"] for one in recorder.of("pageview")] == ["/"]


@pytest.mark.parametrize("cookie", ["_no_tracky_101", "no_trackyy_101", "_cky_ignore"])
def test_a_browser_with_the_opt_out_cookie_sends_nothing(
    cookie: str, page: Page, context: BrowserContext, pages: Pages, recorder: Recorder
) -> None:
    context.add_cookies([{"name": cookie, "value": "1", "url": pages.url()}])
    show(page, pages, recorder)
    recorder.settle()
    assert recorder.beacons == []


def test_without_send_beacon_everything_is_still_sent(page: Page, pages: Pages, recorder: Recorder) -> None:
    page.add_init_script("delete Navigator.prototype.sendBeacon")
    show(page, pages, recorder, '<a href="/next">n</a>')
    pages.html["/next"] = "bye"
    recorder.wait("pageview")
    page.evaluate("clicky.goal('left', 3); location.href = '/next'")
    page.wait_for_url("**/next")
    assert recorder.wait("goal")[0]["goal[revenue]"] == "3"


def test_without_beacon_and_fetch_a_goal_is_sent_from_the_next_page(
    page: Page, pages: Pages, recorder: Recorder
) -> None:
    page.add_init_script("delete Navigator.prototype.sendBeacon; delete window.fetch")
    recorder.switches["cookie"] = 1
    show(page, pages, recorder)
    page.wait_for_function("document.cookie.includes('_jsuid')")
    pages.html["/next"] = pages.html["/"]
    page.evaluate("clicky.inject = () => {}; clicky.goal('left', 3)")
    assert recorder.of("goal") == []
    page.goto(pages.url("/next"))
    assert recorder.wait("goal")[0]["goal[name]"] == "left"
    page.wait_for_function("!sessionStorage._eventqueue || sessionStorage._eventqueue == '[]'")


def test_an_automated_browser_is_reported_by_the_tracker(page: Page, pages: Pages, recorder: Recorder) -> None:
    page.add_init_script("Object.defineProperty(navigator, 'webdriver', {get: () => true}); window._phantom = 1")
    show(page, pages, recorder)
    assert recorder.wait("pageview")[0]["wd"] == "webdriver,tool"
