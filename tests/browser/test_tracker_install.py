"""Every way the snippet stands in pages of the world starts the tracker (Clicky wire reference §2.1, seed (clicky))."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.servers import Pages, Recorder
from tests.browser.snippets import FORMS


@pytest.mark.parametrize("form", FORMS)
def test_every_install_form_tells_the_view(form: str, page: Page, pages: Pages, recorder: Recorder) -> None:
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


def test_data_domain_names_the_site_where_no_number_does(page: Page, pages: Pages, recorder: Recorder) -> None:
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


def test_a_first_party_proxy_carries_script_beacons_and_lazy_parts(
    page: Page, pages: Pages, recorder: Recorder
) -> None:
    paths = {"/a1b2.js": ("/js", "in=%2Fc3d4"), "/c3d4": ("/in.php", None)}

    def behind(method: str, path: str, query: str, headers: object) -> tuple | None:
        if path not in paths:
            return None
        target, fixed = paths[path]
        return recorder.reply(method, target, fixed or query, headers)

    pages.upstream = behind
    recorder.switches["heat"] = 1
    pages.html["/"] = '<script async data-id="101" src="/a1b2.js"></script><a href="/x.zip">x</a>'
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(pages.url())
    recorder.wait("pageview")
    page.click("a")
    recorder.wait("download")
    recorder.settle()
    assert "heat" in recorder.scripts
    assert not [url for url in asked if recorder.host in url]


def test_a_brand_has_its_own_names_and_no_others(page: Page, pages: Pages, recorder: Recorder) -> None:
    recorder.brand = "acme"
    pages.html["/"] = (
        "<script>var acme_site_ids=[101], acme_custom={visitor:{username:'ann'}};</script>"
        f'<script src="//{recorder.host}/js"></script><script>acme.init(202)</script>'
    )
    page.goto(pages.url())
    views = recorder.wait("pageview", 2)
    assert {view["site_id"] for view in views} == {"101", "202"}
    assert views[0]["custom[username]"] == "ann"
    assert page.evaluate("[typeof clicky, typeof clickport, typeof acme.log, typeof _genericStats.log]") == [
        "undefined", "undefined", "function", "function",
    ]  # fmt: skip


def test_a_strict_content_security_policy_is_enough(page: Page, pages: Pages, recorder: Recorder) -> None:
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
