"""From a page in Chromium to the stored event: every way of installing and using the tracker, against the product.

All scenarios are played one after the other against one server, each in a browser of its own; then the server is
stopped, and each test checks the rows of its scenario.
"""

from __future__ import annotations

import http.client
from typing import Any

import pytest

from tests.browser.conftest import Launch
from tests.browser.snippets import FORMS, PIXELS
from tests.browser.stage import Play, Stage, Stored, play_all
from tests.browser.tracked_page import wait_for_part

pytestmark = pytest.mark.timeout(900)  # the first test waits for all scenarios

SCENARIOS: dict[str, Play] = {}


def scenario(play: Play) -> Play:
    SCENARIOS[play.__name__] = play
    return play


@pytest.fixture(scope="module")
def stored(launch: Launch) -> Stored:
    return play_all(SCENARIOS, launch, plain={}, second={"any_host": True})


@scenario
def log_and_goal(stage: Stage) -> None:
    stage.show()
    stage.run("clicky.log('/log_and_goal/virtual', 'Virtual', 'pageview')")
    stage.wait("pageview", 2)
    stage.run("clicky.log('#export', 'Exported', 'click'); clicky.goal('purchase', 149.99)")
    stage.wait("click")
    stage.wait("goal")


def test_log_and_goal_are_stored_as_view_event_and_goal_with_revenue(stored: Stored) -> None:
    first, virtual = stored("log_and_goal", "view")
    event, goal = stored.one("log_and_goal", "event"), stored.one("log_and_goal", "goal")
    assert (first["title"], virtual["path"], virtual["title"]) == (
        "Page of log_and_goal", "/log_and_goal/virtual", "Virtual",
    )  # fmt: skip
    assert (event["name"], event["target"], event["view_id"]) == ("Exported", "#export", virtual["view_id"])
    assert (goal["name"], float(goal["revenue"])) == ("purchase", 149.99)
    assert len({row["visit"] for row in stored("log_and_goal")}) == 1
    assert first["browser"] == "Chrome"
    assert first["host"] == "plain.localhost"


@scenario
def custom_data(stage: Stage) -> None:
    settings = {"visitor": {"username": "ann", "email": "ann@example.com"}, "session": {"ab": "b"}}
    stage.show(f"<script>var clicky_custom={settings}</script>{stage.snippet()}")


def test_custom_data_is_stored_as_tags_and_person(stored: Stored) -> None:
    view = stored.one("custom_data", "view")
    assert view["tags"] == {"username": "ann", "email": "ann@example.com", "ab": "b"}
    assert view["person"] == "ann"


@scenario
def settings_goal_and_split(stage: Stage) -> None:
    stage.show(
        "<script>var clicky_custom={goal:{id:'signup',revenue:'49.99'},split:{name:'button',version:'red',goal:[3,4]}}"
        f"</script>{stage.snippet()}"
    )


def test_goal_and_split_of_the_settings_are_stored_with_view_and_goal(stored: Stored) -> None:
    view = stored.one("settings_goal_and_split", "view")
    goal = stored.one("settings_goal_and_split", "goal")
    assert (goal["name"], float(goal["revenue"]), goal["visit"]) == ("signup", 49.99, view["visit"])
    for row in (view, goal):
        assert (row["split_test"], row["split_arm"], row["props"]["split_goal"]) == ("button", "red", "3,4")


@scenario
def links(stage: Stage) -> None:
    stage.show(
        f'{stage.snippet()}<a id=o href="https://other.example/x">Other</a><a id=d href="/links/a.pdf">Paper</a>'
        '<a id=m href="mailto:ann@example.com">Mail</a>'
        "<script>document.addEventListener('click', e => e.preventDefault())</script>"
    )
    for name, kind, number in (("o", "outbound", 1), ("d", "download", 1), ("m", "outbound", 2)):
        stage.page.click(f"#{name}")
        stage.wait(kind, number)


def test_links_are_stored_as_outbound_and_download(stored: Stored) -> None:
    outbound, mail = stored("links", "outbound")
    assert (outbound["target"], outbound["text"]) == ("https://other.example/x", "Other")
    assert mail["target"] == "mailto:ann@example.com"
    download = stored.one("links", "download")
    assert (download["target"].endswith("/links/a.pdf"), download["text"]) == (True, "Paper")


@scenario
def form(stage: Stage) -> None:
    stage.show(f'{stage.snippet()}<form name=Contact id=f action="/thanks"><input><button>Send</button></form>')
    stage.page.fill("input", "secret")
    wait_for_part(stage.page, "form")
    stage.page.click("button")
    stage.page.wait_for_url("**/thanks*")


def test_a_submitted_form_is_stored_without_its_values(stored: Stored) -> None:
    sent = stored.one("form", "form")
    assert (sent["name"], sent["props"]) == ("Contact", {"id": "f", "plugin": "native"})


@scenario
def spa(stage: Stage) -> None:
    stage.show()
    stage.run("history.pushState({}, '', '/spa/two'); document.title = 'Two'")
    stage.wait("pageview", 2)
    stage.run("history.back()")
    stage.wait("pageview", 3)


def test_single_page_navigation_is_stored_as_views_of_one_visit(stored: Stored) -> None:
    views = stored("spa", "view")
    assert [view["path"] for view in views] == ["/spa", "/spa/two", "/spa"]
    assert len({view["view_id"] for view in views}) == 3
    assert len({view["visit"] for view in views}) == 1


@scenario
def bfcache(stage: Stage) -> None:
    stage.show()
    stage.play(400)  # a shorter time would not be told
    stage.show(path="/away")
    stage.play(400)
    stage.page.go_back()
    stage.wait("pageview", 3)
    stage.play(400, "dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    stage.wait("pageview", 4)
    stage.play(400)


def test_going_back_is_stored_as_another_view(stored: Stored) -> None:
    paths = [view["path"] for view in stored("bfcache", "view")]
    assert paths == ["/bfcache", "/bfcache/away", "/bfcache", "/bfcache"]
    pings = stored("bfcache", "ping")
    assert {ping["path"] for ping in pings} == {"/bfcache", "/bfcache/away"}
    assert all(300 <= ping["engaged"] <= stored.lasted["bfcache"] for ping in pings)


@scenario
def proxy(stage: Stage) -> None:
    def behind(method: str, path: str, query: str, headers: Any) -> tuple[int, dict[str, str], bytes] | None:
        target = {"/q1w2.js": "/js?in=%2Fe3r4", "/e3r4": f"/in.php?{query}"}.get(path)
        if target is None:
            return None
        link = http.client.HTTPConnection(stage.product.host)
        kept = {name: headers[name] for name in ("User-Agent", "Referer", "Accept-Language") if headers[name]}
        link.request(method, target, headers=kept)
        reply = link.getresponse()
        return reply.status, {"Content-Type": reply.headers["Content-Type"]}, reply.read()

    stage.pages.upstream = behind
    asked: list[str] = []
    stage.page.on("request", lambda request: asked.append(request.url))
    stage.show(f'<script async data-id="{stage.sites["plain"]}" src="/q1w2.js"></script>')
    stage.run("clicky.log('#proxied', 'Proxied', 'click')")
    stage.wait("click")
    assert not [url for url in asked if stage.product.host in url]


def test_events_through_a_first_party_proxy_are_stored_alike(stored: Stored) -> None:
    assert stored.one("proxy", "view")["title"] == "Page of proxy"
    assert stored.one("proxy", "event")["name"] == "Proxied"


@scenario
def strict_policy(stage: Stage) -> None:
    stage.pages.headers["Content-Security-Policy"] = "script-src 'self'"
    try:
        stage.show(f'<script async data-id="{stage.sites["plain"]}" src="/q1w2.js"></script>')
        stage.run("clicky.goal('strict', 5)")
        stage.wait("goal")
    finally:
        stage.pages.headers.clear()


def test_events_under_a_strict_content_security_policy_are_stored_alike(stored: Stored) -> None:
    assert stored.one("strict_policy", "view")
    assert stored.one("strict_policy", "goal")["name"] == "strict"


@scenario
def only_scripts_allowed(stage: Stage) -> None:
    policy = f"default-src 'none'; script-src 'self' {stage.product.host}"
    stage.pages.headers["Content-Security-Policy"] = policy
    try:
        stage.show()
        stage.run("clicky.goal('narrow', 6)")
        stage.wait("goal")
    finally:
        stage.pages.headers.clear()


def test_where_only_scripts_may_load_hits_are_sent_as_scripts_once(stored: Stored) -> None:
    assert stored.one("only_scripts_allowed", "view")
    assert stored.one("only_scripts_allowed", "goal")["name"] == "narrow"


@scenario
def no_beacon(stage: Stage) -> None:
    stage.page.add_init_script("delete Navigator.prototype.sendBeacon")
    stage.show()
    stage.run("clicky.goal('left', 3); location.href = '/elsewhere'")
    stage.page.wait_for_url("**/elsewhere")


def test_without_send_beacon_a_goal_on_leaving_is_stored(stored: Stored) -> None:
    assert stored.one("no_beacon", "goal")["name"] == "left"


@scenario
def closed_in_flight(stage: Stage) -> None:
    script = f'<script src="//{stage.product.host}/{stage.sites["plain"]}.js"></script>'
    stage.show(f'{script}<script>location.href="/elsewhere"</script>', wait_until="commit", views=0)
    stage.page.wait_for_url("**/elsewhere")


def test_a_page_closed_while_loading_is_stored_as_a_view(stored: Stored) -> None:
    assert stored.one("closed_in_flight", "view")


@scenario
def two_sites(stage: Stage) -> None:
    stage.show(
        f"<script>var clicky_site_ids=[{stage.sites['plain']},{stage.sites['second']}]</script>"
        f'<script async src="//{stage.product.host}/js"></script>',
        views=2,
    )


def test_two_site_ids_store_one_view_each(stored: Stored) -> None:
    views = stored("two_sites", "view")
    assert {view["site_id"] for view in views} == {stored.sites["plain"], stored.sites["second"]}
    assert len(views) == 2


@scenario
def login(stage: Stage) -> None:
    stage.show()
    stage.run("clicky.custom_data({username: 'zoe'}); clicky.log('/login/inside', 'Inside', 'pageview')")
    stage.wait("custom")
    stage.wait("pageview", 2)


def test_a_username_sent_during_a_visit_names_the_visit(stored: Stored) -> None:
    before, after = stored("login", "view")
    assert before["visit"] == after["visit"]
    assert (before["person"], after["person"]) == ("", "zoe")
    assert stored.one("login", "set")["tags"] == {"username": "zoe"}


@scenario
def clickport(stage: Stage) -> None:
    stage.show(f'<script defer data-domain="plain.localhost" src="http://{stage.product.host}/tracker.js"></script>')
    stage.run("clickport.track('Purchase', {plan: 'pro'}, {amount: 49.99, currency: 'EUR'})")
    stage.wait("event")


def test_the_clickport_tracker_stores_view_and_event(stored: Stored) -> None:
    assert stored.one("clickport", "view")["site_id"] == stored.sites["plain"]
    event = stored.one("clickport", "event")
    assert (event["name"], event["props"], event["currency"]) == ("Purchase", {"plan": "pro"}, "EUR")
    assert float(event["revenue"]) == 49.99


@scenario
def depth(stage: Stage) -> None:
    stage.show(f'{stage.snippet()}<div style="height:4000px">x</div>', referer="https://www.google.com/")
    stage.play("scrollTo(0, 9999)", 600)


def test_leaving_a_page_stores_time_scroll_depth_and_source(stored: Stored) -> None:
    view, ping = stored.one("depth", "view"), stored.one("depth", "ping")
    assert view["source"] == "Google"
    assert (ping["scroll"], ping["view_id"]) == (100, view["view_id"])
    assert 500 < ping["engaged"] < stored.lasted["depth"]


@scenario
def heat(stage: Stage) -> None:
    body = '<main id=m><p>text</p><p><button onclick="this.textContent=1">Go</button></p></main>'
    for width in (1400, 700, 390):
        stage.page.set_viewport_size({"width": width, "height": 700})
        stage.show(f"<style>button{{width:50%;height:{width // 10}px}}</style>{stage.snippet()}{body}")
        wait_for_part(stage.page, "heat")
        box = stage.page.locator("button").bounding_box()
        assert box
        stage.page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
        stage.play(700)
        stage.page.goto("about:blank")


def test_a_click_at_three_widths_is_stored_on_the_same_element(stored: Stored) -> None:
    clicks = [row for row in stored("heat", table="heat") if row["kind"] == "click"]
    assert sorted(click["viewport"] for click in clicks) == [390, 700, 1400]
    assert {click["element"] for click in clicks} == {"#m>p:nth-of-type(2)>button:nth-of-type(1)"}
    assert all(abs(click["offset_x"] - 250) < 10 and abs(click["offset_y"] - 500) < 30 for click in clicks)
    assert len({click["x"] for click in clicks}) == 3
    assert {click["visit"] for click in clicks} == {view["visit"] for view in stored("heat", "view")}


INSTALLS = {**FORMS, **PIXELS}


@scenario
def install(stage: Stage) -> None:
    for form_name, snippet in INSTALLS.items():
        html = snippet.format(id=stage.sites["plain"], host=stage.product.host)
        meta = '<meta name="referrer" content="no-referrer-when-downgrade">'
        stage.show(meta + html, "/" + form_name.replace(" ", "-"))


@pytest.mark.parametrize("name", INSTALLS)
def test_every_form_of_the_snippet_stores_a_view(name: str, stored: Stored) -> None:
    path = "/install/" + name.replace(" ", "-")
    assert [row["kind"] for row in stored("install", "view") if row["path"] == path] == ["view"]
