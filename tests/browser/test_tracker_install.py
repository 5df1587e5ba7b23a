"""Every form of the snippet starts the tracker (Clicky wire reference §2.1, seed (clicky))."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.servers import Pages, Recorder
from tests.browser.snippets import FORMS
from tests.browser.tracked_page import note_scripts, wait_for_part


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_snippet_sends_a_view(form: str, page: Page, pages: Pages, recorder: Recorder) -> None:
    pages.html["/start"] = f"<title>Start</title>{FORMS[form].format(host=recorder.host, id=101)}<p>Hello"
    page.goto(pages.url("/start?a=1"))
    (view,) = recorder.wait("pageview")
    recorder.settle()
    assert len(recorder.of("pageview")) == 1
    assert view["site_id"] == "101"
    assert view["href"] == "/start?a=1"
    assert view["title"] == "Start"
    assert view["host"] == f"127.0.0.1:{pages.port}"
    assert view["res"] == "1200x800"
    assert view["lang"] == "en-GB"
    assert view["tz"] == "Europe/Tallinn"
    assert view["mime"] == "js"
    assert int(view["vid"], 16) < 2**53
    assert view["wd"] == ""


def test_data_domain_identifies_the_site_without_a_number(page: Page, pages: Pages, recorder: Recorder) -> None:
    pages.html["/"] = f'<script defer data-domain="shop.example" src="//{recorder.host}/tracker.js"></script>'
    page.goto(pages.url())
    (view,) = recorder.wait("pageview")
    assert (view["domain"], view["site_id"]) == ("shop.example", "")


def test_two_sites_on_one_page_get_one_beacon_each(page: Page, pages: Pages, recorder: Recorder) -> None:
    pages.html["/"] = (
        "<script>var clicky_site_ids = [101]; clicky_site_ids.push(202);</script>"
        f'<script async src="//{recorder.host}/js"></script>'
    )
    page.goto(pages.url())
    first, second = recorder.wait("pageview", 2)
    assert {first["site_id"], second["site_id"]} == {"101", "202"}
    assert first["vid"] == second["vid"]
    assert first["x"] != second["x"]
    page.evaluate("clicky.log('#two', 'Two', 'click')")
    assert {one["site_id"] for one in recorder.wait("click", 2)} == {"101", "202"}


def test_two_script_tags_are_one_tracker_with_two_sites(page: Page, pages: Pages, recorder: Recorder) -> None:
    pages.html["/"] = (
        f'<script src="//{recorder.host}/101.js"></script>'
        f'<script async data-id="202" src="//{recorder.host}/js"></script>'
        f'<script async data-id="202" src="//{recorder.host}/js"></script>'
    )
    page.goto(pages.url())
    recorder.wait("pageview", 2)
    recorder.settle()
    assert sorted(one["site_id"] for one in recorder.of("pageview")) == ["101", "202"]


def test_a_first_party_proxy_serves_script_beacons_and_lazy_parts(page: Page, pages: Pages, recorder: Recorder) -> None:
    paths = {"/a1b2.js": ("/js", "in=%2Fc3d4"), "/c3d4": ("/in.php", None)}

    def behind(method: str, path: str, query: str, headers: object) -> tuple[int, dict[str, str], bytes] | None:
        if path not in paths:
            return None
        target, fixed = paths[path]
        return recorder.reply(method, target, fixed or query, headers)

    pages.upstream = behind
    recorder.switches["heat"] = 1
    pages.html["/"] = '<script async data-id="101" src="/a1b2.js"></script><a href="/x.zip">x</a>'
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    note_scripts(page)
    page.goto(pages.url())
    recorder.wait("pageview")
    page.click("a")
    recorder.wait("download")
    wait_for_part(page, "heat")
    assert not [url for url in asked if recorder.host in url]


def test_a_brand_has_its_own_globals_and_clickys_keep_working(page: Page, pages: Pages, recorder: Recorder) -> None:
    recorder.brand = "acme"
    pages.html["/"] = (
        "<script>var acme_site_ids=[101], acme_custom={visitor:{username:'ann'}};</script>"
        f'<script src="//{recorder.host}/js"></script><script>acme.init(202)</script>'
    )
    page.goto(pages.url())
    views = recorder.wait("pageview", 2)
    assert {view["site_id"] for view in views} == {"101", "202"}
    assert views[0]["custom[username]"] == "ann"
    assert page.evaluate("[clicky === acme, typeof clickport, typeof acme.log, typeof _genericStats.log]") == [
        True, "undefined", "function", "function",
    ]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_snippet_works_on_a_white_labelled_host(
    form: str, page: Page, pages: Pages, recorder: Recorder
) -> None:
    recorder.brand = "acme"
    settings = "<script>var clicky_custom = {visitor: {username: 'ann'}, goal: {name: 'seen'}};</script>"
    pages.html["/start"] = settings + FORMS[form].format(host=recorder.host, id=101)
    page.goto(pages.url("/start"))
    (view,) = recorder.wait("pageview")
    told = ("site_id", "custom[username]", "goal[name]")
    assert [view[name] for name in told] == ["101", "ann", "seen"]
    page.evaluate("clicky.goal('signup'); clicky.log('/x', 'X', 'click')")
    assert recorder.wait("goal")[0]["goal[name]"] == "signup"
    assert recorder.wait("click")[0]["goal[name]"] == ""


def test_clickys_privacy_settings_apply_on_a_white_labelled_host(page: Page, pages: Pages, recorder: Recorder) -> None:
    recorder.brand = "acme"
    script = f'<script async data-id="101" src="//{recorder.host}/js"></script>'
    pages.html["/"] = f"<script>var clicky_custom = {{cookies_disable: 1}};</script>{script}"
    pages.html["/own"] = f"<script>var acme_custom = {{title: 'Own'}}, clicky_custom = {{title: 'x'}};</script>{script}"
    pages.html["/late"] = f"{script}<script>setTimeout('clicky_custom = {{visitor: {{plan: 1}}}}', 300)</script>"
    page.goto(pages.url())
    assert recorder.wait("pageview")[0]["jsuid"] == ""
    page.goto(pages.url("/own"))
    assert recorder.wait("pageview", 2)[1]["title"] == "Own"
    page.goto(pages.url("/late"))
    page.wait_for_function("window.clicky_custom?.visitor.plan")
    page.evaluate("acme.log('/x', 'X', 'click')")
    assert recorder.wait("click")[0]["custom[plan]"] == "1"


def test_clickys_link_classes_apply_on_a_white_labelled_host(page: Page, pages: Pages, recorder: Recorder) -> None:
    recorder.brand = "acme"
    links = '<a id=a class="clicky_log" href="#a">A</a><a id=b class="acme_log" href="#b">B</a>'
    pages.html["/"] = f'<script src="//{recorder.host}/101.js"></script>{links}'
    page.goto(pages.url())
    page.click("#a")
    page.click("#b")
    assert recorder.wait_by("title", "click", 2).keys() == {"A", "B"}


def test_another_trackers_clicky_global_is_kept_on_a_white_labelled_host(
    page: Page, pages: Pages, recorder: Recorder
) -> None:
    recorder.brand = "acme"
    pages.html["/"] = f'<script>var clicky = {{init() {{}}}};</script><script src="//{recorder.host}/101.js"></script>'
    page.goto(pages.url())
    recorder.wait("pageview")
    assert page.evaluate("[clicky === acme, typeof acme.log]") == [False, "function"]


STUBS = {
    "clicky": "window.clicky = {log() {}, goal() {}}",
    "none": "delete window.clicky",
    "clickport": "window.clickport = {track() { (this.q = this.q || []).push(arguments) }}; clickport.track('Early')",
}


@pytest.mark.parametrize("brand", ["clicky", "acme"])
@pytest.mark.parametrize("stub", ["clicky", "none"])
def test_the_script_sets_its_globals_again_when_loaded_twice(
    stub: str, brand: str, page: Page, pages: Pages, recorder: Recorder
) -> None:
    recorder.brand = brand
    pages.html["/"] = f'<script src="//{recorder.host}/101.js"></script>'
    page.goto(pages.url())
    recorder.wait("pageview")
    page.evaluate(STUBS[stub])
    page.add_script_tag(url=f"http://{recorder.host}/101.js")
    page.evaluate("clicky.log('/after', 'After', 'pageview'); clicky.goal('turbo')")
    assert recorder.wait("goal")[0]["goal[name]"] == "turbo"
    assert [view["href"] for view in recorder.wait("pageview", 2)] == ["/", "/after"]


def test_the_script_sends_calls_of_a_new_clickport_stub_when_loaded_twice(
    page: Page, pages: Pages, recorder: Recorder
) -> None:
    pages.html["/"] = f'<script data-site="101" src="//{recorder.host}/tracker.js"></script>'
    page.goto(pages.url())
    recorder.wait("pageview")
    page.evaluate(STUBS["clickport"])
    page.add_script_tag(url=f"http://{recorder.host}/tracker.js")
    assert recorder.wait("event")[0]["name"] == "Early"
    page.evaluate("clickport.track('Later')")
    assert recorder.wait("event", 2)[1]["name"] == "Later"


def test_the_tracker_works_under_a_strict_content_security_policy(page: Page, pages: Pages, recorder: Recorder) -> None:
    pages.headers["Content-Security-Policy"] = f"default-src 'none'; script-src 'self' {recorder.host}"
    pages.html["/"] = f'<script async data-id="101" src="//{recorder.host}/js"></script><a id=f href="/f.pdf">f</a>'
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(pages.url())
    (view,) = recorder.wait("pageview")
    assert view["href"] == "/"
    page.click("#f")
    (download,) = recorder.wait("download")
    assert download["href"] == "/f.pdf"
    assert problems == []
