"""Reports without JavaScript: they show the engine's numbers, and every state is a link."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import Account
from goals.models import Segment
from goals.services import goal_create, segment_create
from reports.dashboard.panels import LAYOUTS, PANELS, SPREAD_LAYOUTS
from reports.dashboard.scope import ReportScope
from reports.dashboard.state import read_state
from reports.query import Period, Query, QueryRefused, ask_many
from reports.query import ask as answer
from sites.models import Site
from sites.services import site_create
from tests.support import browse, read_html
from tests.support.turns import take_turns
from tests.values import extract
from tracking.store import StoreError

NOTHING = "cannot be shown"


@pytest.fixture
def inside(client: Client, module_account: Account, module_caches: None) -> Client:
    client.force_login(module_account.memberships.get().user)
    return client


def make_busy_site(account: Account, domain: str) -> Site:
    """Today: three visitors from two countries on three pages."""
    site = site_create(account=account, domain=domain, by_operator=True)
    now = timezone.now()
    browse(site, "/pricing", "/about", at=now - timedelta(minutes=2), visitor="a", country="EE", source="Google",
           channel="Organic Search", browser="Firefox", city="Tallinn")  # fmt: skip
    browse(site, "/pricing", at=now - timedelta(minutes=3), visitor="b", country="EE", source="Google")
    browse(site, "/blog", at=now - timedelta(minutes=4), visitor="c", country="DE", referrer="https://x.example/a?b=1")
    return site


@pytest.fixture(scope="module")
def busy(module_account: Account) -> Site:
    return make_busy_site(module_account, "example.com")


def page(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200, (path, response.status_code)
    return unescape(read_html(response))


def row_of(html: str, name: str) -> str:
    """The table row whose first link says `name`."""
    return str(next(row for row in re.findall(r"<tr>.*?</tr>", html, re.S) if f">{name}</a>" in row))


def test_the_key_figures_equal_the_engines_numbers(inside: Client, busy: Site) -> None:
    html = page(inside, f"/sites/{busy.pk}/?period=today")
    now = timezone.now()
    query = Query(sites=(busy.pk,), period=Period.parse("today", busy.timezone, now), metrics=("visitors", "views"))
    row = answer(query, now=now).rows[0]
    assert (row["visitors"], row["views"]) == (3, 4)
    assert "Visitors: 3" in html and "Views: 4" in html


def test_a_panel_row_has_the_engines_number_and_its_share(inside: Client, busy: Site) -> None:
    row = row_of(page(inside, f"/sites/{busy.pk}/?period=today"), "/pricing")
    assert 'title="2"' in row and "67%" in row


def test_a_row_links_to_a_filter_and_its_tag_removes_it(inside: Client, busy: Site) -> None:
    html = page(inside, f"/sites/{busy.pk}/?period=today&tab.places=countries")
    href = extract(r'href="([^"]*country=EE[^"]*)"', html)
    narrowed = page(inside, href)
    assert "Visitors: 2" in narrowed and "Country is Estonia" in narrowed
    away = extract(r'<a href="([^"]*)" aria-label="Remove: Country is Estonia"', narrowed)
    assert "Visitors: 3" in page(inside, away)


def test_excluding_a_row_keeps_the_others(inside: Client, busy: Site) -> None:
    html = page(inside, f"/sites/{busy.pk}/?period=today&country~is_not=EE")
    assert "Visitors: 1" in html and "Country is not Estonia" in html


def test_the_filter_form_works_without_scripts(inside: Client, busy: Site) -> None:
    html = page(inside, f"/sites/{busy.pk}/?period=today&add=page&how=contains&what=pric")
    assert "Page contains pric" in html and "Visitors: 2" in html


@pytest.mark.parametrize(("panel", "tab"), take_turns(3, [(p.name, t.name) for p in PANELS.values() for t in p.tabs]))
def test_every_tab_of_every_panel_answers(inside: Client, busy: Site, panel: str, tab: str) -> None:
    html = page(inside, f"/sites/{busy.pk}/panel/{panel}/{tab}?period=today")
    assert NOTHING not in html and f'id="panel-{panel}"' in html


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_names_panels_that_exist(name: str) -> None:
    assert set(LAYOUTS[name]) <= set(PANELS)
    assert all(PANELS[panel].find_tab(tab).name == tab for panel, tab in SPREAD_LAYOUTS.get(name, ()))


@pytest.mark.parametrize("period", ["realtime", "today", "yesterday", "7d", "30d", "90d", "12m", "all", "last-week",
                                    "this-year", "2026-03-01..2026-03-31"])  # fmt: skip
def test_every_period_is_answered_and_its_form_leads_to_it(inside: Client, busy: Site, period: str) -> None:
    assert NOTHING not in page(inside, f"/sites/{busy.pk}/?period={period}")


@pytest.mark.parametrize("compare", ["previous", "year", "weekday", "none", "2026-01-01..2026-01-07"])
def test_every_comparison_is_answered(inside: Client, busy: Site, compare: str) -> None:
    assert NOTHING not in page(inside, f"/sites/{busy.pk}/?period=7d&compare={compare}")


@pytest.mark.parametrize("query", ["period=soon", "since=2026-13-01", "compare=never", "page~matches=(", "country~is="])
def test_invalid_parameters_are_reported_and_never_a_server_error(inside: Client, busy: Site, query: str) -> None:
    response = inside.get(f"/sites/{busy.pk}/?{query}")
    assert response.status_code in (200, 400)
    if response.status_code == 400:
        assert "Show the page without it" in read_html(response)


@pytest.mark.parametrize("path", ["details/page", "visitors", "heatmaps"])
def test_an_invalid_offset_shows_the_first_page(inside: Client, busy: Site, path: str) -> None:
    assert inside.get(f"/sites/{busy.pk}/{path}?from=²").status_code == 200


def test_a_page_is_shown_without_the_event_store(inside: Client, busy: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def dead(*_: object, **__: object) -> None:
        raise StoreError("The event store does not answer.")

    monkeypatch.setattr("reports.dashboard.fragments.ask_many", dead)
    html = page(inside, f"/sites/{busy.pk}/")
    assert "The event store does not answer." in html and "Try again" in html and "Last 7 days" in html


PARTS = ("key-figures", "panels", "panel-change-drivers")


def part_of(client: Client, path: str, name: str) -> str:
    return read_html(client.get(path, headers={"HX-Request": "true", "HX-Target": name}))


def test_a_browser_with_scripts_gets_placeholders_that_two_requests_fill(inside: Client, busy: Site) -> None:
    inside.cookies["js"] = "1"
    path = f"/sites/{busy.pk}/?period=today"
    html = page(inside, path)
    assert re.findall(r'hx-get="([^"]+)" hx-trigger="load delay:20ms" hx-target="([^"]+)"', html) == [
        (path, "this"),
        (path, "#panels"),
    ]
    waiting = re.findall(r'<section class="panel data waiting" id="([^"]+)"', html)
    filled = part_of(inside, path, "panels")
    assert re.findall(r'<section class="panel data[^"]*" id="([^"]+)"', filled) == waiting
    assert waiting == [*(f"panel-{name}" for name in LAYOUTS["overview"]), "panel-change-drivers"]
    assert "/pricing" in filled and "waiting" not in filled and "<html" not in filled


@pytest.mark.parametrize("target", ["", "report"])
def test_a_page_with_placeholders_is_sent_before_any_query(
    inside: Client, busy: Site, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    def asked(*_: object, **__: object) -> None:
        raise AssertionError("the page waits for the store")

    inside.cookies["js"] = "1"
    path = f"/sites/{busy.pk}/?period=today"
    with monkeypatch.context() as patched:
        patched.setattr("tracking.store.query", asked)
        html = part_of(inside, path, target) if target else page(inside, path)
    assert "Visitors" in html and html.count(" waiting") == len(LAYOUTS["overview"]) + 2
    told = {name: part_of(inside, path, name) for name in PARTS}
    assert 'id="live" hx-swap-oob="true"' in told["key-figures"] and "<svg" in told["key-figures"]
    assert "data until" in told["key-figures"] and "waiting" not in told["key-figures"]
    assert 'id="panel-change-drivers"' in told["panel-change-drivers"] and "<html" not in told["panel-change-drivers"]


def test_no_query_of_a_report_is_executed_twice(inside: Client, busy: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Query] = []

    def noted(queries: Any, **more: Any) -> Any:
        asked.extend(queries)
        return ask_many(queries, **more)

    monkeypatch.setattr("reports.dashboard.fragments.ask_many", noted)
    page(inside, f"/sites/{busy.pk}/?period=today")
    assert len(asked) > len(LAYOUTS["overview"])
    assert all(query not in asked[:index] for index, query in enumerate(asked))
    assert not any(query.totals for query in asked)  # shares are of one whole, asked for once


def test_one_failing_fragment_does_not_affect_the_others(
    inside: Client, busy: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def some(queries: Any, **more: Any) -> list[Any]:
        refused = QueryRefused("This took too long.")
        return [refused if one.dimensions == ("browser",) else answer(one, **more) for one in queries]

    monkeypatch.setattr("reports.dashboard.fragments.ask_many", some)
    html = part_of(inside, f"/sites/{busy.pk}/?period=today", "panels")
    assert html.count("This took too long.") == 1 and "/pricing" in html
    assert "This took too long." in html[html.index('id="panel-technology"') : html.index('id="panel-goals"')]


def test_a_fragment_needs_only_a_few_database_queries(
    inside: Client, busy: Site, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    path = f"/sites/{busy.pk}/?period=today"
    inside.cookies["js"] = "1"
    for name, most in {"report": 6, "key-figures": 17, "panels": 12}.items():
        with django_assert_max_num_queries(most):
            part_of(inside, path, name)


def test_links_built_for_many_values_equal_those_built_one_by_one(
    busy: Site, rf: RequestFactory, module_caches: None
) -> None:
    where = {"dimension": "country", "operator": "is", "value": ["EE"]}
    kept = segment_create(site=busy, name="Kept", filter=where, shared=True).pk
    asked = rf.get(
        f"/?period=30d&country=EE&page~contains=/blog&segment={kept}&tab.sources=campaigns&from=50&compare=year"
    )
    state = read_state(asked, ReportScope(site=busy), timezone.now(), "/sites/1/")
    for name, operator in (("country", "is"), ("page", "is_not"), ("prop:plan", "is")):
        link = state.build_filter_link(name, operator)
        for value in ("EE", "", "/a b&c=ü?%20~x#y", "<script>", "a+b"):
            assert link(value) == state.with_filter(name, value, operator).href()


def test_every_hx_get_has_the_same_href(inside: Client, busy: Site) -> None:
    inside.cookies["js"] = "1"
    html = page(inside, f"/sites/{busy.pk}/")
    for address in re.findall(r'hx-get="([^"]+)"', html):
        assert f'href="{address}"' in html


def test_htmx_gets_only_the_requested_fragment(inside: Client, busy: Site) -> None:
    headers = {"HX-Request": "true", "HX-Target": "panel-pages"}
    part = read_html(inside.get(f"/sites/{busy.pk}/?period=today&tab.pages=entry", headers=headers))
    assert part.lstrip().startswith("<section") and "<html" not in part and "/blog" in part


def test_a_segment_is_saved_from_the_filters_and_used(inside: Client, busy: Site) -> None:
    back = f"/sites/{busy.pk}/?period=today&country=EE"
    inside.post(f"/sites/{busy.pk}/segments", {"name": "Estonians", "next": back, "shared": "1"})
    segment = Segment.objects.get()
    assert segment.shared and segment.filter == [{"dimension": "country", "operator": "is", "value": ["EE"]}]
    html = page(inside, f"/sites/{busy.pk}/?period=today&segment={segment.pk}")
    assert "Segment: Estonians" in html and "Visitors: 2" in html


def test_what_changed_lists_the_page_that_grew(inside: Client, busy: Site) -> None:
    html = page(inside, f"/sites/{busy.pk}/?period=today")
    drivers = html[html.index("What changed") :]
    assert "/pricing" in drivers and "+2" in drivers


def test_a_goal_row_shows_its_name_and_visitors(inside: Client, busy: Site) -> None:
    goal_create(site=busy, name="Looked at prices", kind="page", pattern="/pricing")
    row = row_of(page(inside, f"/sites/{busy.pk}/?period=today"), "Looked at prices")
    assert 'title="2"' in row


def test_the_graph_has_a_table_and_a_description(inside: Client, busy: Site) -> None:
    html = page(inside, f"/sites/{busy.pk}/?period=7d")
    assert "As a table" in html and "the highest is" in html and html.count("<svg") > 7


def test_the_list_of_sites_counts_visitors_online(inside: Client, module_account: Account) -> None:
    make_busy_site(module_account, "busy.example")
    html = page(inside, "/sites")
    assert "3 now" in html and 'title="3"' in html


def test_an_empty_panel_says_how_to_fill_it(inside: Client, busy: Site) -> None:
    assert "utm_campaign=spring" in page(inside, f"/sites/{busy.pk}/?tab.sources=campaigns")


def test_the_theme_can_be_switched_without_scripts(inside: Client) -> None:
    response = inside.post("/theme", {"next": "https://evil.example/"})
    assert response["Location"] == "/" and response.cookies["theme"].value == "dark"
    assert 'data-theme="dark"' in read_html(inside.get("/keys"))
