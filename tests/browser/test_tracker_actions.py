"""Actions on a page and calls of its code are sent as in Clicky's wire format (§2.2-2.5)."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.servers import Beacon, Pages, Recorder
from tests.browser.tracked_page import QUIET, show, wait_for_answer, wait_for_part


def test_log_sends_views_clicks_downloads_and_outbound_links(page: Page, pages: Pages, recorder: Recorder) -> None:
    show(page, pages, recorder)
    recorder.wait("pageview")
    page.evaluate("clicky.log('/app/dashboard', 'Dashboard', 'pageview')")
    recorder.wait("pageview", 2)
    page.evaluate("clicky.log('/actions/export', 'Exported CSV Report', 'click')")
    page.evaluate("clicky.log('/files/whitepaper.pdf', 'Whitepaper', 'download')")
    page.evaluate("clicky.log('https://partner.example/x', 'Partner', 'outbound')")
    page.evaluate("clicky.log(location.origin + '/plain', '', 'pageview'); clicky.log(''); clicky.log('#a', 'A')")
    clicks = recorder.wait_by("href", "click", 2)
    views = recorder.wait("pageview", 3)
    assert [(view["href"], view["title"]) for view in views] == [
        ("/", "Page"), ("/app/dashboard", "Dashboard"), ("/plain", "Page"),
    ]  # fmt: skip
    assert len({view["vid"] for view in views}) == 3
    assert {href: (one["title"], one["page"], one["vid"]) for href, one in clicks.items()} == {
        "/actions/export": ("Exported CSV Report", "/", views[1]["vid"]), "#a": ("A", "/", views[2]["vid"]),
    }  # fmt: skip
    assert recorder.wait("download")[0]["href"] == "/files/whitepaper.pdf"
    assert recorder.wait("outbound")[0]["href"] == "https://partner.example/x"


CALLS = {
    "a React app": ("clicky.log('focus', 'focus')", ("focus", "focus")),
    "angulartics2": ("clicky.log('signup-button', 'Signup', null)", ("signup-button", "Signup")),
    "old Segment": ("clicky.log(location.href, 'Clicked')", ("/", "Clicked")),
}


@pytest.mark.parametrize("caller", CALLS)
def test_log_without_a_type_is_a_click(caller: str, page: Page, pages: Pages, recorder: Recorder) -> None:
    code, expected = CALLS[caller]
    show(page, pages, recorder)
    wait_for_answer(page)
    page.evaluate(code)
    (click,) = recorder.wait("click")
    assert (click["href"], click["title"]) == expected
    assert (click["untyped"], len(recorder.of("pageview"))) == ("1", 1)


def test_log_without_a_type_is_a_view_where_the_site_chose_that(page: Page, pages: Pages, recorder: Recorder) -> None:
    recorder.switches["log"] = 1
    show(page, pages, recorder)
    wait_for_answer(page)
    page.evaluate("clicky.log('/app', 'App'); clicky.log('#/route', 'Route')")
    views = recorder.wait_by("href", "pageview", 3)
    assert {href: (view["title"], view["untyped"]) for href, view in views.items()} == {
        "/": ("Page", ""), "/app": ("App", "1"), "#/route": ("Route", "1"),
    }  # fmt: skip
    assert len({view["vid"] for view in views.values()}) == 3
    page.evaluate("clicky.log('#part', 'Part'); clicky.log('/x', 'X', 'click')")
    assert recorder.wait_by("href", "click", 2).keys() == {"#part", "/x"}


def test_a_goal_or_event_without_a_name_is_not_sent(page: Page, pages: Pages, recorder: Recorder) -> None:
    show(page, pages, recorder)
    recorder.wait("pageview")
    page.evaluate("clicky.goal(undefined); clicky.goal(''); clicky.goal(null, 5); clickport.track(); clicky.goal(0)")
    recorder.wait("goal")
    recorder.settle(0.3)
    assert [goal["goal[id]"] for goal in recorder.of("goal")] == ["0"]
    assert recorder.of("event") == []


VALUES = (
    "{yes: true, no: false, none: null, lost: undefined, list: ['a', 'b'], thing: {a: 1}, zero: 0, text: 'x',"
    " empty: [], day: new Date(0), odd: NaN, act() {}, big: 10n}"
)
AS_TEXT = {
    "yes": "true", "no": "false", "list": '["a","b"]', "thing": '{"a":1}', "zero": "0", "text": "x", "empty": "[]",
    "day": "1970-01-01T00:00:00.000Z", "big": "10",
}  # fmt: skip


def grouped(beacon: Beacon, group: str) -> dict[str, str]:
    return {name[len(group) + 1 : -1]: value for name, value in beacon.params if name.startswith(f"{group}[")}


def test_every_value_of_a_property_or_tag_is_sent_as_text(page: Page, pages: Pages, recorder: Recorder) -> None:
    show(page, pages, recorder)
    recorder.wait("pageview")
    page.evaluate(f"clickport.track('ev', {VALUES}); clicky.custom_data({VALUES})")
    assert grouped(recorder.wait("event")[0], "prop") == AS_TEXT
    assert grouped(recorder.wait("custom")[0], "custom") == AS_TEXT
    page.evaluate("const round = {}; round.round = round; clickport.track('a', {round}); clickport.track('b', 'text')")
    told = recorder.wait_by("name", "event", 3)
    assert [grouped(told[name], "prop") for name in "ab"] == [{"round": "[object Object]"}, {}]


def test_goals_are_sent_with_number_or_name_and_revenue(page: Page, pages: Pages, recorder: Recorder) -> None:
    show(page, pages, recorder)
    page.evaluate("clicky.goal('signup'); clicky.goal('purchase', 149.99); clicky.goal(12345, '49.00', true)")
    came = recorder.wait_by("goal[name]", "goal", 3)
    assert came.keys() == {"signup", "purchase", ""}
    named, priced, numbered = came["signup"], came["purchase"], came[""]
    assert (named["goal[revenue]"], named["goal[id]"]) == ("", "")
    assert priced["goal[revenue]"] == "149.99"
    assert (numbered["goal[id]"], numbered["goal[revenue]"]) == ("12345", "49.00")


@pytest.mark.parametrize(
    ("custom", "expected"),
    [
        ({"goal": {"id": "signup", "revenue": "49.99"}}, {"goal[name]": "signup", "goal[revenue]": "49.99"}),
        ({"goal": {"id": 7}}, {"goal[id]": "7"}),
        ({"goal": {"name": "buy"}}, {"goal[name]": "buy"}),
        ({"goal": 12}, {"goal": "12"}),
        ({"visitor": {"username": "jane", "plan": "pro"}}, {"custom[username]": "jane", "custom[plan]": "pro"}),
        ({"session": {"ab_test": "b"}}, {"custom[ab_test]": "b"}),
        ({"pageview": {"title": "Nested"}}, {"title": "Nested"}),
        ({"title": "Flat", "href": "/virtual"}, {"title": "Flat", "href": "/virtual"}),
        ({"timeout": 10}, {"timeout": "10"}),
        ({"timeout": 3}, {"timeout": ""}),
        ({"visitor_consent": 1}, {"consent": "1"}),
        ({"cookies": {"disabled": True}}, {"jsuid": ""}),
        ({"cookies_disable": 1}, {"jsuid": ""}),
        (
            {"split": {"name": "button", "version": "red", "goal": [3, 4]}},
            {"split[name]": "button", "split[version]": "red", "split[goal][]": "3"},
        ),
    ],
)
def test_flat_and_nested_page_settings_mean_the_same(
    custom: dict[str, Any], expected: dict[str, str], page: Page, pages: Pages, recorder: Recorder
) -> None:
    show(page, pages, recorder, custom=custom)
    (view,) = recorder.wait("pageview")
    assert {name: view[name] for name in expected} == expected


def test_goal_and_split_of_the_settings_are_sent_once(page: Page, pages: Pages, recorder: Recorder) -> None:
    custom = {"goal": {"id": "signup"}, "split": {"name": "t", "version": "a"}}
    show(page, pages, recorder, custom=custom)
    recorder.wait("pageview")
    page.evaluate("clicky.log('#x', 'x', 'click')")
    (click,) = recorder.wait("click")
    assert (click["goal[name]"], click["split[name]"]) == ("", "")


def test_the_first_action_need_not_be_a_view(page: Page, pages: Pages, recorder: Recorder) -> None:
    show(page, pages, recorder, custom={"pageview": {"type": "click", "title": "Opened"}})
    assert recorder.wait("click")[0]["title"] == "Opened"
    show(page, pages, recorder, custom={"pageview_disable": 1}, path="/quiet")
    page.evaluate("clicky.pageview()")
    assert recorder.wait("pageview")[0]["href"] == "/quiet"
    page.evaluate("clicky.pageview(true)")
    recorder.settle()
    assert len(recorder.of("pageview")) == 1


LINKS = {
    '<a href="https://other.example/page">Other place</a>': ("outbound", "https://other.example/page", "Other place"),
    '<a href="http://www.127.0.0.1.example/">W</a>': ("outbound", "http://www.127.0.0.1.example/", "W"),
    '<a href="mailto:ann@example.com">Mail</a>': ("outbound", "mailto:ann@example.com", "Mail"),
    '<a href="tel:+3725555">Call</a>': ("outbound", "tel:+3725555", "Call"),
    '<a href="/files/Report.PDF?v=2"><img alt="The report" src="data:,"></a>': (
        "download", "/files/Report.PDF?v=2", "The report",
    ),
    '<a href="https://cdn.example/a.zip">Zip</a>': ("download", "https://cdn.example/a.zip", "Zip"),
    '<a href="/inside" class="big clicky_log">Inside</a>': ("click", "/inside", "Inside"),
    '<a href="/inside" class="clicky_log_outbound">Out</a>': ("outbound", "/inside", "Out"),
    '<a href="/inside" class="clicky_log_download">Get</a>': ("download", "/inside", "Get"),
    '<button id="buy" class="clicky_log">Buy now</button>': ("click", "#buy", "Buy now"),
    '<a href="/go/partner">Go</a>': ("outbound", "/go/partner", "Go"),
}  # fmt: skip


@pytest.mark.parametrize("link", LINKS)
def test_outbound_clicks_are_sent(link: str, page: Page, pages: Pages, recorder: Recorder) -> None:
    show(page, pages, recorder, QUIET + f"<p><span>{link}</span>", custom={"outbound_pattern": ["/go/"]})
    page.click("p a, p button")
    kind, href, title = LINKS[link]
    (told,) = recorder.wait(kind)
    assert (told["href"], told["title"], told["page"]) == (href, title, "/")


def test_internal_and_ignored_clicks_are_not_sent(page: Page, pages: Pages, recorder: Recorder) -> None:
    body = (
        '<a href="/next">a</a><a href="#part">b</a><a class="clicky_ignore" href="https://other.example">c</a>'
        '<a href="javascript:void 0">d</a><button>e</button>'
    )
    show(page, pages, recorder, QUIET + body)
    recorder.wait("pageview")
    for number in range(5):
        page.locator("a, button").nth(number).click()
    recorder.settle()
    assert {one["type"] for one in recorder.beacons} <= {"pageview", "ping"}


def test_outbound_can_be_switched_off_by_page_and_by_site(page: Page, pages: Pages, recorder: Recorder) -> None:
    body = QUIET + '<a href="https://other.example/">c</a>'
    show(page, pages, recorder, body, custom={"outbound_disable": 1})
    page.click("a")
    recorder.switches["link"] = 0
    show(page, pages, recorder, body)
    wait_for_answer(page)
    page.click("a")
    recorder.settle()
    assert recorder.of("outbound") == []


def test_a_link_clicked_before_the_first_view_is_sent(page: Page, pages: Pages, recorder: Recorder) -> None:
    pages.html["/"] = (
        f'<script src="//{recorder.host}/101.js"></script><a href="/x.zip" onclick="return false">x</a>'
        + ("<script>document.querySelector('a').click(); clicky.goal('early', 5)</script>")
    )
    page.goto(pages.url())
    for kind in ("pageview", "download"):
        recorder.wait(kind)
    assert recorder.wait("goal")[0]["goal[revenue]"] == "5"


def test_a_submitted_form_is_sent_with_name_and_id_without_its_values(
    page: Page, pages: Pages, recorder: Recorder
) -> None:
    body = '<form id="f1" name="Contact" action="/sent"><input name="secret"><button>Send</button></form>'
    pages.html["/sent"] = "thanks"
    show(page, pages, recorder, body)
    recorder.wait("pageview")
    page.fill("input", "hush-hush")
    wait_for_part(page, "form")
    page.click("button")
    (form,) = recorder.wait("form")
    assert (form["name"], form["prop[id]"], form["prop[plugin]"], form["page"]) == ("Contact", "f1", "native", "/")
    assert not any("hush" in value for _, value in form.params)


def test_a_plugins_form_counts_once_the_server_accepted_it(page: Page, pages: Pages, recorder: Recorder) -> None:
    body = '<form class="wpcf7-form" onsubmit="return false"><input><button>Send</button></form>'
    show(page, pages, recorder, body)
    recorder.wait("pageview")
    page.focus("input")
    wait_for_part(page, "form")
    page.click("button")
    recorder.settle(0.4)
    assert recorder.of("form") == []
    page.evaluate(
        "document.forms[0].dispatchEvent(new CustomEvent('wpcf7mailsent', {bubbles: true, detail: {contactFormId: 9}}))"
    )
    assert recorder.wait("form")[0]["prop[plugin]"] == "Contact Form 7"


def test_clickport_track_uses_the_same_tracker(page: Page, pages: Pages, recorder: Recorder) -> None:
    pages.html["/"] = f'<script defer data-domain="x.example" src="//{recorder.host}/tracker.js"></script>'
    page.goto(pages.url())
    recorder.wait("pageview")
    page.evaluate("clickport.track('Signup')")
    page.evaluate("clickport.track('Purchase', {plan: 'pro', seats: 3}, {amount: 49.99})")
    page.evaluate("clickport.track('Refund', null, {amount: 5, currency: 'EUR'})")
    told = recorder.wait_by("name", "event", 3)
    plain, bought, euro = told["Signup"], told["Purchase"], told["Refund"]
    assert (plain["currency"], plain["domain"]) == ("", "x.example")
    assert (bought["prop[plan]"], bought["prop[seats]"]) == ("pro", "3")
    assert (bought["revenue"], bought["currency"], euro["currency"]) == ("49.99", "USD", "EUR")


def test_every_documented_function_exists(page: Page, pages: Pages, recorder: Recorder) -> None:
    show(page, pages, recorder)
    names = [
        "init", "log", "goal", "pause", "pageview", "video", "heatmap", "custom_data", "onsitestats",
        "set_cookie", "get_cookie", "get_href", "sitekey", "inject",
    ]  # fmt: skip
    assert page.evaluate("names => names.filter(name => typeof clicky[name] != 'function')", names) == []
    assert page.evaluate("[clicky_obj === clicky, _cgen === clicky, clicky.get_href(), clicky.pause(500)]") == [
        True, True, "/", None,
    ]  # fmt: skip


def test_custom_data_set_later_is_sent_at_once_and_with_later_hits(
    page: Page, pages: Pages, recorder: Recorder
) -> None:
    show(page, pages, recorder)
    recorder.wait("pageview")
    page.evaluate("clicky.custom_data({username: 'late'})")
    assert recorder.wait("custom")[0]["custom[username]"] == "late"
    page.evaluate("clicky_custom.visitor.plan = 'pro'; clicky.log('#x', '', 'click')")
    (click,) = recorder.wait("click")
    assert (click["custom[username]"], click["custom[plan]"]) == ("late", "pro")


def test_a_page_can_wrap_inject(page: Page, pages: Pages, recorder: Recorder) -> None:
    pages.html["/"] = f'<script src="//{recorder.host}/js"></script>' + (
        "<script>var real = clicky.inject; clicky.inject = url => { window.seen = url; real(url); };"
        "clicky.init(101)</script>"
    )
    page.goto(pages.url())
    recorder.wait("pageview")
    assert "type=pageview" in page.evaluate("window.seen")


def test_campaigns_in_the_hash_and_custom_data_in_the_url_are_read(
    page: Page, pages: Pages, recorder: Recorder
) -> None:
    show(page, pages, recorder, path="/in?utm_custom[username]=zoe&a=1#utm_campaign=spring&utm_source=x")
    (view,) = recorder.wait("pageview")
    assert view["href"] == "/in?a=1&utm_campaign=spring&utm_source=x"
    assert view["custom[username]"] == "zoe"


def test_media_elements_send_play_pause_seek_and_end(page: Page, pages: Pages, recorder: Recorder) -> None:
    show(page, pages, recorder, '<audio id="a" title="A song"></audio>', custom={"html_media_track": 1})
    wait_for_part(page, "media")
    page.evaluate(
        """() => { const rate = 8000, n = rate * 4, b = new ArrayBuffer(44 + n), v = new DataView(b);
        const s = (o, t) => [...t].forEach((c, i) => v.setUint8(o + i, c.charCodeAt(0)));
        s(0, 'RIFF'); v.setUint32(4, 36 + n, true); s(8, 'WAVEfmt ');
        v.setUint32(16, 16, true); v.setUint16(20, 1, true);
        v.setUint16(22, 1, true); v.setUint32(24, rate, true); v.setUint32(28, rate, true); v.setUint16(32, 1, true);
        v.setUint16(34, 8, true); s(36, 'data'); v.setUint32(40, n, true); new Uint8Array(b, 44).fill(128);
        a.src = URL.createObjectURL(new Blob([b], {type: 'audio/wav'})); return a.play(); }"""
    )
    assert recorder.wait("video")[0]["video[action]"] == "play"
    page.evaluate("a.pause()")
    recorder.wait("video", 2)
    page.evaluate("a.currentTime = 3.5; a.play()")
    actions = [one["video[action]"] for one in recorder.wait("video", 5)]
    assert actions[:2] == ["play", "pause"]
    assert sorted(actions[2:]) == ["end", "play", "seek"]
    assert recorder.of("video")[0]["title"] == "A song"
