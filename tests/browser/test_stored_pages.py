"""From a page in Chromium to the stored event: routes, components, policies and values, against the product."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Launch
from tests.browser.stage import Play, Stage, Stored, play_all
from tests.browser.tracked_page import wait_for_answer, wait_for_part

pytestmark = pytest.mark.timeout(900)  # the first test waits for all scenarios

SCENARIOS: dict[str, Play] = {}
ROUTED = {"hash_routes": True, "replace_state": True, "navigation_api": True, "untyped_log": "pageview"}


def scenario(play: Play) -> Play:
    SCENARIOS[play.__name__] = play
    return play


@pytest.fixture(scope="module")
def stored(launch: Launch) -> Stored:
    return play_all(
        SCENARIOS,
        launch,
        plain={},
        routed={"tracker": ROUTED},
        local={"domain": "localhost"},
        under={"domain": "a_b.localhost"},
    )


@scenario
def routes(stage: Stage) -> None:
    stage.show(stage.snippet("routed"), "#/first", host="routed.localhost")
    wait_for_answer(stage.page)
    for number, code in enumerate(
        (
            "location.hash = '#/second'; document.title = 'Second'",
            "history.replaceState({}, '', '/routes/replaced'); document.title = 'Third'",
            "navigation.addEventListener('navigate', e => e.intercept()); navigation.navigate('/routes/api')",
            "clicky.log('/routes/logged', 'Logged')",
        ),
        2,
    ):
        stage.play(code)
        stage.wait("pageview", number)


def test_routes_are_stored_as_views_where_the_site_enables_them(stored: Stored) -> None:
    views = stored("routes", "view")
    assert [(view["path"], view["title"]) for view in views] == [
        ("/routes#/first", "Page of routes"), ("/routes#/second", "Second"), ("/routes/replaced", "Third"),
        ("/routes/api", "Third"), ("/routes/logged", "Logged"),
    ]  # fmt: skip
    assert len({view["view_id"] for view in views}) == 5


@scenario
def no_routes(stage: Stage) -> None:
    stage.show("", "#/first")
    stage.run("history.replaceState({}, '', '/no_routes/replaced'); location.hash = '#/second'")
    stage.play("clicky.log('signup-button', 'Signup', null)", 700)
    stage.wait("click")


def test_routes_are_stored_as_one_view_where_the_site_does_not_enable_them(stored: Stored) -> None:
    assert stored.one("no_routes", "view")["path"] == "/no_routes"
    event = stored.one("no_routes", "event")
    assert (event["name"], event["target"]) == ("Signup", "signup-button")


@scenario
def log_before_anything(stage: Stage) -> None:
    settings = "<script>var clicky_custom = {pageview_disable: 1}</script>"
    stage.show(settings + stage.snippet("routed"), host="routed.localhost", views=0)
    stage.page.wait_for_function("window._cgen")
    stage.run("clicky.log('/log_before_anything/one', 'One')")
    stage.wait("click")  # what it is, the site says in its answer
    wait_for_answer(stage.page)
    stage.run("clicky.log('/log_before_anything/two', 'Two')")
    stage.wait("pageview")


def test_calls_before_the_settings_arrive_follow_the_sites_settings(stored: Stored) -> None:
    views = stored("log_before_anything", "view")
    assert [(view["path"], view["title"]) for view in views] == [
        ("/log_before_anything/one", "One"), ("/log_before_anything/two", "Two"),
    ]  # fmt: skip
    assert len({view["view_id"] for view in views}) == 2


@scenario
def on_localhost(stage: Stage) -> None:
    stage.show(stage.snippet("local"), host="localhost")
    stage.show(stage.snippet("under"), host="a_b.localhost")


def test_a_page_on_localhost_is_stored_for_its_site(stored: Stored) -> None:
    views = stored("on_localhost", "view")
    assert [(view["site_id"], view["host"]) for view in views] == [
        (stored.sites["local"], "localhost"), (stored.sites["under"], "a_b.localhost"),
    ]  # fmt: skip


@scenario
def properties(stage: Stage) -> None:
    stage.show()
    values = "{yes: true, no: false, none: null, list: ['a', 'b'], thing: {a: 1}}"
    stage.run(f"clickport.track('Event', {values}); clicky.custom_data({values})")
    stage.wait("event")
    stage.wait("custom")


def test_properties_and_tags_are_stored_as_text(stored: Stored) -> None:
    values = {"yes": "true", "no": "false", "list": '["a","b"]', "thing": '{"a":1}'}
    assert stored.one("properties", "event")["props"] == values
    assert stored.one("properties", "set")["tags"] == values


@scenario
def components(stage: Stage) -> None:
    out = "https://other.example/out"
    stage.show(
        f'{stage.snippet()}<svg><a href="{out}"><text id=s y=20>Drawn</text></a></svg>'
        f'<a href="{out}"><span id=c></span></a>'
        '<a id=d download="made.csv" href="data:text/csv,a">Save</a>'
        "<script>c.attachShadow({mode: 'open'}).innerHTML = 'Icon';"
        "document.addEventListener('click', e => e.preventDefault())</script>"
    )
    for name, kind, number in (("s", "outbound", 1), ("c", "outbound", 2), ("d", "download", 1)):
        stage.page.click(f"#{name}")
        stage.wait(kind, number)


def test_links_in_svg_and_components_are_stored_as_outbound_or_download(stored: Stored) -> None:
    assert [row["target"] for row in stored("components", "outbound")] == ["https://other.example/out"] * 2
    assert stored.one("components", "download")["target"] == "made.csv"


@scenario
def trusted_types(stage: Stage) -> None:
    stage.pages.headers["Content-Security-Policy"] = "require-trusted-types-for 'script'; trusted-types clicky"
    try:
        stage.show(f"{stage.snippet()}<form name=Contact action='/thanks'><button>Send</button></form>")
        stage.page.focus("button")
        wait_for_part(stage.page, "form")
        stage.page.click("button")
        stage.page.wait_for_url("**/thanks*")
    finally:
        stage.pages.headers.clear()


def test_a_page_with_trusted_types_stores_view_and_form(stored: Stored) -> None:
    assert stored.one("trusted_types", "view")
    assert stored.one("trusted_types", "form")["name"] == "Contact"
