"""What is stored under the privacy choices of site, page and visitor: cookies, consent, Do Not Track, automation."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Launch
from tests.browser.stage import Play, Stage, Stored, play_all

pytestmark = pytest.mark.timeout(900)  # the first test waits for all scenarios

SCENARIOS: dict[str, Play] = {}


def scenario(play: Play) -> Play:
    SCENARIOS[play.__name__] = play
    return play


@pytest.fixture(scope="module")
def stored(launch: Launch) -> Stored:
    return play_all(SCENARIOS, launch, plain={}, cookies={"cookies": "on"}, consent={"cookies": "consent"})


@scenario
def cookies_off(stage: Stage) -> None:
    stage.show()
    stage.show(path="/again")
    assert stage.page.context.cookies() == []


def test_without_cookies_events_belong_to_one_visit(stored: Stored) -> None:
    first, second = stored("cookies_off", "view")
    assert (first["device"], first["visit"]) == (second["device"], second["visit"])


@scenario
def cookies_on(stage: Stage) -> None:
    stage.show(stage.snippet("cookies"), host="cookies.localhost")
    stage.page.wait_for_function("document.cookie.includes('_jsuid')")
    stage.show(stage.snippet("cookies"), "/again", host="cookies.localhost")


def test_with_cookies_the_device_is_the_cookie(stored: Stored) -> None:
    first, second = stored("cookies_on", "view")
    assert first["device"] == second["device"] < 2**32


@scenario
def page_refuses_cookies(stage: Stage) -> None:
    stage.show(
        f"<script>var clicky_custom={{cookies:{{disabled:true}}}}</script>{stage.snippet('cookies')}",
        host="cookies.localhost",
    )
    assert stage.page.context.cookies() == []


def test_a_page_that_disables_cookies_is_counted_without_them(stored: Stored) -> None:
    assert stored.one("page_refuses_cookies", "view")["device"] > 2**32


@scenario
def consent(stage: Stage) -> None:
    stage.show(stage.snippet("consent"), host="consent.localhost")
    assert stage.page.context.cookies() == []
    stage.show(
        f"<script>var clicky_custom={{visitor_consent:1}}</script>{stage.snippet('consent')}", "/given",
        host="consent.localhost",
    )  # fmt: skip
    stage.page.wait_for_function("document.cookie.includes('_jsuid')")


def test_consent_during_a_visit_does_not_split_it(stored: Stored) -> None:
    before, after = stored("consent", "view")
    assert before["device"] > 2**32  # a hash of the day; the cookie's device begins with the next visit
    assert (after["device"], after["visit"]) == (before["device"], before["visit"])


@scenario
def do_not_track(stage: Stage) -> None:
    stage.page.add_init_script("Object.defineProperty(navigator, 'doNotTrack', {get: () => '1'})")
    stage.show()
    stage.show(f"<script>var clicky_custom={{dnt:true}}</script>{stage.snippet()}", "/page", views=0)


def test_with_do_not_track_nothing_is_stored(stored: Stored) -> None:
    assert stored("do_not_track") == []


@scenario
def automated(stage: Stage) -> None:
    stage.page.add_init_script("Object.defineProperty(navigator, 'webdriver', {get: () => true})")
    stage.show()


def test_an_automated_browser_is_quarantined(stored: Stored) -> None:
    assert stored("automated") == []
    assert stored("automated", table="bots")
