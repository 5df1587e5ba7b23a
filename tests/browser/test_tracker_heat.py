"""Heatmap recording in Chromium: elements are identified at every width, rage and dead clicks distinguished."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import PERSON
from tests.browser.servers import Pages, Recorder
from tests.browser.tracked_page import play, show, wait_for_part
from tests.served import PATIENCE
from tests.values import require

LAYOUT = """
<style>body{margin:0} .cards{display:flex;flex-wrap:wrap} .card{width:33.3%%} .card button{width:60%%;height:40px}
@media (max-width:800px){.card{width:100%%} .wide{display:none}}
@media (max-width:500px){.card button{width:90%%}}</style>
<header class="wide" style="height:120px">Only on wide screens</header>
<main id="shop"><div class="cards"><div class="card"><button>One</button></div><div class="card"><button>Two</button>
</div><div class="card"><button onclick="this.textContent='bought'">Three</button></div></div></main>
<div style="height:3000px"></div>""".replace("%%", "%")


def rows(recorder: Recorder, kind: str = "") -> list[list[str]]:
    """All rows told so far, of one kind or of all."""
    told = [row.split("|") for beacon in recorder.of("heatmap") for row in beacon.all("heatmap[]")]
    return [row for row in told if not kind or row[4] == kind]


def wait_for_rows(recorder: Recorder, kind: str, number: int = 1) -> None:
    """Wait until `number` rows of a kind were sent; a test that expects them says what came instead."""
    until = time.monotonic() + PATIENCE
    while len(rows(recorder, kind)) < number and time.monotonic() < until:
        time.sleep(0.02)


@pytest.fixture
def sampled(recorder: Recorder) -> Recorder:
    recorder.switches["heat"] = 1
    return recorder


def test_an_element_keeps_its_selector_at_three_widths(chromium: Browser, pages: Pages, sampled: Recorder) -> None:
    for number, width in enumerate((1400, 700, 390), 1):
        profile = chromium.new_context(user_agent=PERSON, viewport={"width": width, "height": 700})
        page = profile.new_page()
        show(page, pages, sampled, LAYOUT)
        wait_for_part(page, "heat")
        box = require(page.locator("button", has_text="Three").bounding_box())
        page.mouse.click(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.5)
        play(page, 700)
        page.goto("about:blank")
        wait_for_rows(sampled, "click", number)  # what leaves last is lost with the profile
        profile.close()
    clicks = rows(sampled, "click")
    assert [int(click[3]) for click in clicks] == [1400, 700, 390]
    assert len({(click[1], click[2]) for click in clicks}) == 3
    assert {click[7] for click in clicks} == {"#shop>div:nth-of-type(1)>div:nth-of-type(3)>button:nth-of-type(1)"}
    assert all(abs(int(click[5]) - 250) <= 10 and abs(int(click[6]) - 500) <= 30 for click in clicks)


def test_rage_clicks_dead_clicks_and_scroll_depth_are_recorded(page: Page, pages: Pages, sampled: Recorder) -> None:
    show(page, pages, sampled, LAYOUT)
    wait_for_part(page, "heat")
    page.locator("button", has_text="Two").click()
    play(page, 700)
    page.locator("button", has_text="Three").click(click_count=3)
    play(page, "scrollTo(0, 1000)", 700)
    page.goto("about:blank")
    wait_for_rows(sampled, "reach")  # the last row of a view
    assert [row[7][-53:] for row in rows(sampled, "dead")] == [
        "v:nth-of-type(1)>div:nth-of-type(2)>button:nth-of-type(1)"[-53:]
    ]
    assert len(rows(sampled, "rage")) == 1
    (reach,) = rows(sampled, "reach")
    assert int(reach[2]) == 1800


def test_a_page_with_heatmaps_disabled_loads_and_sends_nothing(page: Page, pages: Pages, sampled: Recorder) -> None:
    for custom in ({"heatmap_disable": 1}, {"heatmap": {"disabled": True}}):
        show(page, pages, sampled, LAYOUT, custom=custom)
        page.wait_for_timeout(500)
        page.locator("button").first.click()
        page.goto("about:blank")
    sampled.settle()
    assert "heat" not in sampled.scripts
    assert sampled.of("heatmap") == []


def test_clicks_on_elements_that_stop_their_events_are_recorded(page: Page, pages: Pages, sampled: Recorder) -> None:
    body = (
        "<div id=stop>swallows</div><script>document.getElementById('stop').onclick = e => e.stopPropagation()</script>"
    )
    show(page, pages, sampled, body, custom={"heatmap_objects": "#stop"})
    wait_for_part(page, "heat")
    page.click("#stop")
    page.goto("about:blank")
    wait_for_rows(sampled, "reach")
    assert [row[7] for row in rows(sampled) if row[4] != "reach"] == ["#stop"]


def test_a_click_inside_a_web_component_is_recorded_on_the_component(
    page: Page, pages: Pages, sampled: Recorder
) -> None:
    body = (
        "<main id=shop><p>a</p><my-card></my-card></main><script>document.querySelector('my-card')"
        ".attachShadow({mode: 'open'}).innerHTML = '<div><button>Dead</button>"
        '<button id=b onclick="this.textContent += 1">Alive</button></div>\'</script>'
    )
    show(page, pages, sampled, body)
    wait_for_part(page, "heat")
    page.get_by_text("Dead").click()
    play(page, 700)
    page.get_by_text("Alive").click()
    play(page, 700)
    page.goto("about:blank")
    wait_for_rows(sampled, "click")
    told = [(row[4], row[7]) for row in rows(sampled) if row[4] != "reach"]
    assert told == [("dead", "#shop>my-card:nth-of-type(1)"), ("click", "#shop>my-card:nth-of-type(1)")]
