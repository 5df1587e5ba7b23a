"""What the on-site widget shows of a page: the numbers of the reports, for that page."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from goals.services import goal_create
from sites.models import Site
from tests.support import browse, read_html
from tests.support.traffic import ask as ask_engine
from tests.support.types import Store
from tests.support.widget import ORIGIN, ask, open_widget, turn_on

BAD = "<script>alert(1)</script>"


@pytest.fixture
def widget_site(site: Site, store: Store) -> Site:
    """Alice's site with a goal, three visitors of today: two saw /a, of whom one ordered; one is online."""
    turn_on(site)
    goal_create(site=site, name="Order", kind="page", pattern="/thanks")
    now = timezone.now()
    browse(site, "/a", "/thanks", at=now - timedelta(minutes=40), visitor="one", source="Google", country="EE")
    browse(site, "/a", at=now - timedelta(seconds=30), visitor="two", source="Bing", person=BAD, country="DE")
    browse(site, "/b", at=now - timedelta(minutes=50), visitor="three", source="Google")
    return site


@pytest.fixture
def token(inside: Client, widget_site: Site) -> str:
    return open_widget(inside, widget_site)["token"]


def read_page(site: Site, token: str, path: str = "/a", part: str = "page", **given: str) -> str:
    answer = ask(site, token, part, f"{ORIGIN}{path}", **given)
    assert answer.status_code == 200, answer.content
    return " ".join(read_html(answer).split())


def test_it_counts_who_is_on_the_site_and_on_the_page(widget_site: Site, token: str) -> None:
    assert ask(widget_site, token, href=f"{ORIGIN}/a").json() == {"site": 1, "page": 1}
    assert ask(widget_site, token, href=f"{ORIGIN}/b").json() == {"site": 1, "page": 0}


def test_a_page_has_the_numbers_of_the_report(widget_site: Site, token: str) -> None:
    text = read_page(widget_site, token)
    now = timezone.now()
    rows = ask_engine(widget_site, "visitors", "views", by="page", now=now)
    numbers = {row["page"]: (row["visitors"], row["views"]) for row in rows}
    assert numbers["/a"] == (2, 2)
    assert '<dt>Visitors</dt><dd title="2">2' in text and '<dt>Views</dt><dd title="2">2' in text
    assert f'href="/sites/{widget_site.pk}/?period=today&amp;page=%2Fa"' in text


def test_sources_and_goals_are_of_the_visits_that_saw_the_page(widget_site: Site, token: str) -> None:
    text = read_page(widget_site, token)
    assert 'title="Google">Google</span><strong class="number" title="1">1</strong>' in text
    assert 'title="Bing">Bing</span><strong class="number" title="1">1</strong>' in text
    assert 'title="Order">Order</span><strong class="number" title="1">1</strong>' in text
    text = read_page(widget_site, token, "/b")
    assert "Google" in text and "Bing" not in text and "Order" not in text
    assert "None by visits that saw this page." in text


def test_the_period_is_chosen(widget_site: Site, token: str) -> None:
    browse(widget_site, "/a", at=timezone.now() - timedelta(days=3), visitor="earlier")
    assert '<dt>Visitors</dt><dd title="2">2' in read_page(widget_site, token)
    assert '<dt>Visitors</dt><dd title="3">3' in read_page(widget_site, token, period="7d")
    assert '<dt>Visitors</dt><dd title="2">2' in read_page(widget_site, token, period="custom")


def test_a_page_without_views_has_zeros(widget_site: Site, token: str) -> None:
    text = read_page(widget_site, token, "/nothing-here")
    assert '<dt>Visitors</dt><dd title="0">0' in text and "Nobody has seen this page yet." in text


def test_recent_visitors_are_of_the_site_or_of_the_page(widget_site: Site, token: str) -> None:
    everybody = read_page(widget_site, token, part="visitors")
    assert everybody.count("<li>") == 3 and f"/sites/{widget_site.pk}/visits/" in everybody
    assert read_page(widget_site, token, part="visitors", only="page").count("<li>") == 2


@pytest.mark.parametrize("part", ["page", "visitors"])
def test_what_strangers_wrote_is_text(widget_site: Site, token: str, part: str) -> None:
    browse(widget_site, f"/{BAD}", at=timezone.now(), visitor="four", source=BAD)
    text = read_page(widget_site, token, f"/{BAD}", part)
    assert "<script" not in text and "&lt;script&gt;" in text


def record_clicks(site: Site, store: Store) -> None:
    """A click on /a and one on /b, on a desktop."""
    row = {
        "site_id": site.pk, "ts": timezone.now() - timedelta(minutes=1), "device": 1, "visit": 1, "view_id": 1,
        "host": "example.com", "path": "/a", "kind": "click", "x": 640, "y": 410, "viewport": 1280, "layout": 1280,
        "layout_height": 2000, "element": "#buy", "offset_x": 500, "offset_y": 500, "device_type": "Desktop",
    }  # fmt: skip
    store.insert_rows("heat", [row, {**row, "path": "/b", "element": "#other"}])


def test_the_heatmap_is_that_of_the_page(widget_site: Site, token: str, store: Store) -> None:
    record_clicks(widget_site, store)
    answer = ask(widget_site, token, "heatmap", f"{ORIGIN}/a", w=1280, period="today").json()
    assert (answer["clicks"], answer["elements"]) == (1, ["#buy"])


@pytest.mark.parametrize("given", [{"segment": "1"}, {"outcome": "reached:1"}, {"sub": "country", "subitem": "EE"}])
def test_the_heatmap_takes_no_filter_that_could_name_what_others_have(
    widget_site: Site, token: str, store: Store, given: dict[str, str]
) -> None:
    record_clicks(widget_site, store)
    answer = ask(widget_site, token, "heatmap", f"{ORIGIN}/a", w="1280", **given).json()
    assert answer["clicks"] == 1
