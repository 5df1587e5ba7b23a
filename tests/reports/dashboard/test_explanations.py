"""The explanation of a number: its meaning, its filter, and the visits that it counts."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from goals.services import goal_create
from reports.dashboard.panels import PANELS
from reports.dashboard.presenters.key_figures import KEY_METRICS
from reports.dashboard.views.explain import COUNTED_VISITS
from reports.query.dimensions import DIMENSIONS
from reports.query.metrics import METRICS
from reports.sharing.services import share_create
from sites.models import Site
from tests.support import ask, browse, event, read_html, record
from tests.support.turns import take_turns
from tests.support.types import Store
from tests.values import extract


@pytest.fixture
def busy(site: Site, store: Store) -> Site:
    """Yesterday: one that bounced, one with a long single view, one with an order, one with an event."""
    at = timezone.now().replace(hour=10, minute=0, second=0, microsecond=0) - timedelta(days=1)
    browse(site, "/bounced", at=at, visitor="a", country="EE")
    browse(site, "/read", at=at, visitor="b", country="EE", visit=5)
    record(event(site, "/read", at=at + timedelta(seconds=90), visitor="b", kind="ping", visit=5, visit_start=at))
    browse(site, "/cart", "/thanks", at=at, visitor="c", country="DE", visit=6)
    record(event(site, "/thanks", at=at + timedelta(seconds=20), visitor="c", kind="event", name="order", visit=6,
                 visit_start=at, revenue=12.5, currency="EUR"))  # fmt: skip
    browse(site, "/a", "/b", at=at, visitor="d", visit=7)
    return site


def page(client: Client, path: str, **headers: str) -> str:
    response = client.get(path, headers=headers)
    assert response.status_code == 200, (path, response.status_code)
    return unescape(read_html(response))


def whys(html: str) -> list[str]:
    return re.findall(r'class="explain-link" href="([^"]+)"', html)


def visits_listed(html: str) -> int:
    return html.count("/visits/")


def test_every_key_figure_and_panel_links_to_its_explanation(inside: Client, busy: Site) -> None:
    html = page(inside, f"/sites/{busy.pk}/?period=yesterday")
    told = whys(html)
    assert len(told) >= len(KEY_METRICS) + 4
    for href in told:
        assert "<dt>Time zone</dt>" in page(inside, href), href
    assert {extract(r"metric=(\w+)", href) for href in told} >= set(KEY_METRICS)


@pytest.mark.parametrize("name", take_turns(2, sorted(METRICS)))
def test_the_explanation_says_what_the_registry_and_the_engine_say(inside: Client, busy: Site, name: str) -> None:
    html = page(inside, f"/sites/{busy.pk}/explain?metric={name}&period=yesterday")
    assert METRICS[name].doc in html and f"<h1>{METRICS[name].label}</h1>" in html
    assert "<dt>Time zone</dt><dd>UTC</dd>" in html and "Yes, every one was counted" in html


def test_the_filter_is_described_and_kept_in_the_link_to_the_visits(inside: Client, busy: Site) -> None:
    html = page(inside, f"/sites/{busy.pk}/explain?metric=visitors&period=yesterday&country=EE&page~contains=r")
    assert "Country is Estonia" in html and "Page contains r" in html
    behind = extract(r'class="button" href="([^"]+)"', html)
    assert behind.startswith(f"/sites/{busy.pk}/visitors?") and "country=EE" in behind and "period=yesterday" in behind
    listed = page(inside, behind)
    assert "/read" in listed and "/cart" not in listed and "/a<" not in listed


@pytest.mark.parametrize(
    ("name", "sees", "hides"),
    [
        ("bounce_rate", {"/bounced"}, {"/read", "/cart", "/a"}),
        ("single_page_rate", {"/bounced", "/read"}, {"/cart", "/a"}),
        ("revenue", {"/cart"}, {"/bounced", "/read", "/a"}),
        ("events", {"/cart"}, {"/bounced", "/read", "/a"}),
        ("visits", {"/bounced", "/read", "/cart", "/a"}, set()),
    ],
)  # fmt: skip
def test_the_link_to_the_visits_lists_those_that_count(
    inside: Client, busy: Site, name: str, sees: set[str], hides: set[str]
) -> None:
    html = page(inside, f"/sites/{busy.pk}/explain?metric={name}&period=yesterday")
    listed = page(inside, extract(r'class="button" href="([^"]+)"', html))
    entered = set(re.findall(r'<td title="([^"]*)"><span dir="auto">', listed))
    assert sees <= entered and not hides & entered


def test_the_visits_of_conversions_are_those_that_reached_a_goal(inside: Client, busy: Site) -> None:
    goal_create(site=busy, name="Thanks", kind="page", pattern="/thanks")
    html = page(inside, f"/sites/{busy.pk}/explain?metric=conversions&period=yesterday")
    listed = page(inside, extract(r'class="button" href="([^"]+)"', html))
    assert "/cart" in listed and "/bounced" not in listed


def test_an_estimated_number_is_marked_and_shows_its_error(inside: Client, busy: Site, settings: Settings) -> None:
    from reports.query.rollups import schedule

    settings.ROLLUPS_ABOVE_ROWS = settings.ESTIMATES_ABOVE_ROWS = 0
    schedule.build_outdated_days(timezone.now())
    assert 'class="value estimated"' in page(inside, f"/sites/{busy.pk}/?period=yesterday")
    html = page(inside, f"/sites/{busy.pk}/explain?metric=visitors&period=yesterday")
    assert re.search(r"No: estimated, error about \d", html)
    assert "Yes, every one was counted" in page(inside, f"/sites/{busy.pk}/explain?metric=views&period=yesterday")


def test_the_explanation_of_a_panel_names_its_dimension(inside: Client, busy: Site) -> None:
    html = page(inside, f"/sites/{busy.pk}/explain?metric=visitors&of=channel&period=yesterday")
    assert "Visitors by channel" in html and DIMENSIONS["channel"].doc in html


@pytest.mark.parametrize("query", ["metric=nonsense", "metric=visitors&of=nonsense", "metric=%3Cscript%3E"])
def test_an_unknown_metric_or_dimension_is_not_found(inside: Client, busy: Site, query: str) -> None:
    assert inside.get(f"/sites/{busy.pk}/explain?{query}").status_code == 404


def test_the_dialog_gets_only_a_fragment(inside: Client, busy: Site) -> None:
    part = page(inside, f"/sites/{busy.pk}/explain?metric=visits", **{"HX-Request": "true"})
    assert "<html" not in part and "<dt>Filter</dt>" in part


def test_text_of_strangers_in_a_filter_is_escaped(inside: Client, busy: Site) -> None:
    response = inside.get(f"/sites/{busy.pk}/explain", {"metric": "visits", "page": "<script>alert(1)</script>"})
    assert "<script>alert" not in read_html(response) and "&lt;script&gt;alert" in read_html(response)


def test_a_shared_link_does_not_link_to_pages_of_the_site(busy: Site, alice: User, client: Client) -> None:
    share = share_create(site=busy, user=alice, name="For all")
    assert not whys(page(client, f"/share/{share.token}/?period=yesterday"))


def test_every_panels_metric_and_dimension_have_a_description() -> None:
    for panel in PANELS.values():
        for tab in panel.tabs:
            assert METRICS[tab.metric].doc and DIMENSIONS[tab.dimension].label
    assert set(COUNTED_VISITS) <= set(METRICS)


def test_without_goals_conversions_are_zero_however_many_events_there_are(busy: Site) -> None:
    assert ask(busy, "conversions", period="yesterday", now=timezone.now(), compare="previous") == 0
