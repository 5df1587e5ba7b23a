"""The overview's graph and menus in Chromium: every choice works, and keyboard shortcuts open what they name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, StorageState

from tests.browser.test_pages import served, state  # noqa: F401

SEEN = """(links) => links.filter((link) => {
  const box = link.getBoundingClientRect();
  const there = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return there === link || link.contains(there);
}).length"""


@pytest.fixture
def sheet(served: tuple[str, str, dict[str, str]], chromium: Browser, state: StorageState) -> Iterator[Page]:  # noqa: F811
    """The overview, with everything loaded."""
    context = chromium.new_context(storage_state=state, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(f"{served[0]}{served[1]}?period=today")
    page.wait_for_selector("#key-figures:not([aria-busy]) .graph .canvas")
    yield page
    context.close()


def test_every_metric_of_the_menu_can_be_chosen_and_the_second_line_has_a_scale(sheet: Page) -> None:
    sheet.locator(".graph-head summary", has_text="Add a line").click()
    links = sheet.locator(".graph-head .menu[open] .menu-list a")
    assert links.count() == 12 and links.evaluate_all(SEEN) == 12
    links.filter(has_text="Views per visit").click()
    sheet.wait_for_selector("#key-figures:not([aria-busy]) .ticks.second")
    scale = sheet.locator(".ticks.second span").all_inner_texts()
    assert len(scale) == 5 and scale[-1] == "0" and float(scale[0]) > 0
    assert sheet.locator(".ticks").nth(1).is_visible()


def test_the_second_scale_fits_on_a_phone(sheet: Page) -> None:
    sheet.set_viewport_size({"width": 390, "height": 800})
    sheet.goto(f"{sheet.url}&second=views")
    sheet.wait_for_selector("#key-figures:not([aria-busy]) .ticks.second")
    assert sheet.evaluate("document.documentElement.scrollWidth") <= 390
    right = sheet.locator(".ticks.second").bounding_box()
    assert right is not None and right["x"] + right["width"] <= 390


def test_keyboard_shortcuts_open_the_filter_and_the_export(sheet: Page) -> None:
    sheet.keyboard.press("/")
    sheet.wait_for_function("document.activeElement.name == 'add'")
    sheet.keyboard.press("Escape")
    sheet.evaluate("document.activeElement.blur()")
    sheet.keyboard.press("e")
    sheet.wait_for_function("document.activeElement.textContent == 'SVG'")


def test_the_last_thirty_minutes_have_thirty_buckets(sheet: Page) -> None:
    sheet.goto(sheet.url.replace("period=today", "period=realtime"))
    sheet.wait_for_selector("#key-figures:not([aria-busy]) .graph .canvas")
    assert sheet.locator(".buckets > li").count() == 30


def test_a_country_is_filtered_by_its_name(sheet: Page) -> None:
    sheet.locator("summary[data-filter]").click()
    sheet.locator("select[name=add]").select_option("country")
    sheet.locator("input[name=what]").fill("germany")
    sheet.get_by_role("button", name="Add filter").click()
    sheet.wait_for_selector(".chips .chip")
    assert "Country is Germany" in sheet.locator(".chips").inner_text()
    sheet.goto(sheet.url.split("?")[0] + "?country=Atlantis")
    assert "There is no country “Atlantis”" in sheet.locator("main").inner_text()


def test_keyboard_shortcuts_are_listed_beside_their_meanings(sheet: Page) -> None:
    sheet.keyboard.press("?")
    sheet.wait_for_selector("dialog.page-dialog .keys")
    assert sheet.locator("dialog.page-dialog h2").inner_text() == "Keyboard shortcuts"
    rows = sheet.locator("dialog.page-dialog .keys > div")
    for row in (rows.first, rows.last):
        row.scroll_into_view_if_needed()
        key, text = row.locator("dt").bounding_box(), row.locator("dd").bounding_box()
        assert key is not None and text is not None
        assert text["x"] >= key["x"] + key["width"] and abs(text["y"] - key["y"]) < 30
