"""Heatmaps in the dashboard and on measured pages: numbers, filters, permissions, escaped text."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.core.cache import caches
from django.test import Client
from django.utils import timezone

from accounts.models import User
from goals.services import goal_create
from sites import onsite_tokens, site_cache
from sites.models import Site
from tests.support import browse, derive_number, read_html
from tests.support.types import Store
from tracking.endpoints import heatmap

EVIL = "<script>alert(1)</script>"


def click(site: Site, path: str = "/a", kind: str = "click", *, visit: int = 1, **fields: Any) -> dict[str, Any]:
    """A row of the clicks' table, a minute ago, on a desktop."""
    return {
        "site_id": site.pk, "ts": timezone.now() - timedelta(minutes=1), "device": visit, "visit": visit,
        "view_id": visit, "host": "example.com", "path": path, "kind": kind, "x": 640, "y": 410, "viewport": 1280,
        "layout": 1280, "layout_height": 2000, "element": "#main>a:nth-of-type(1)", "offset_x": 500, "offset_y": 500,
        "device_type": "Desktop", **fields,
    }  # fmt: skip


@pytest.fixture
def clicks(site: Site, store: Store) -> Site:
    """/a: three clicks of visit 1 and one of rage, a dead one of visit 2 on a phone; four views, half deep. /b: one."""
    at = timezone.now() - timedelta(minutes=2)
    browse(site, "/a", "/thanks", at=at, visitor="one", visit=1, country="EE")
    browse(site, "/a", at=at, visitor="two", visit=2, country="DE")
    goal_create(site=site, name="Thanks", kind="page", pattern="/thanks")
    rows = [click(site) for _ in range(3)]
    rows += [click(site, kind="rage"), click(site, kind="dead", visit=2, viewport=390, layout=390, x=195, element="#p")]
    rows += [click(site, kind="reach", visit=1, view_id=view, y=depth, element="")
             for view, depth in ((1, 2000), (1, 700), (2, 1000), (3, 1000), (4, 500))]  # fmt: skip
    store.insert_rows("heat", [*rows, click(site, "/b")])
    return site


def page(client: Client, site: Site, **given: Any) -> str:
    return read_html(client.get(f"/sites/{site.pk}/heatmaps/page", {"at": "/a", **given}))


def summary(html: str) -> tuple[int, ...]:
    """clicks, visits, rage, dead, views."""
    sentence = r"<p>(\d+) clicks? in (\d+) visits?, (\d+) rage clicks, (\d+) dead clicks\. (\d+) views? reported"
    found = re.search(sentence, html)
    assert found, html
    return tuple(map(int, found.groups()))


def test_pages_are_listed_by_clicks_and_found_by_their_address(inside: Client, clicks: Site) -> None:
    html = read_html(inside.get(f"/sites/{clicks.pk}/heatmaps"))
    rows = re.findall(r'dir="auto">(/\w)</a></td>((?:<td class="number" data-label="\w+">\d+</td>)+)', html)
    assert [(path, re.findall(r"\d+", cells)) for path, cells in rows] == [
        ("/a", ["5", "2", "1", "1"]), ("/b", ["1", "1", "0", "0"]),
    ]  # fmt: skip
    html = read_html(inside.get(f"/sites/{clicks.pk}/heatmaps?q=B"))
    assert ">/b</a>" in html and ">/a</a>" not in html
    assert "No such page" in read_html(inside.get(f"/sites/{clicks.pk}/heatmaps?q=zzz"))


def test_a_page_shows_its_numbers_elements_and_scroll_depth(inside: Client, clicks: Site) -> None:
    html = page(inside, clicks)
    assert summary(html) == (5, 2, 1, 1, 4)
    assert "<title>4 clicks, 1 of rage</title>" in html or "<title>5 clicks, 1 of rage, 1 dead</title>" in html
    shares = dict(re.findall(r"<td>(\d+)%</td><td class=\"number\">(\d+)%</td>", html))
    assert shares == {"0": "100", "10": "100", "20": "100", "30": "75", "40": "75", "50": "75", "60": "25", "70": "25",
                      "80": "25", "90": "25", "100": "25"}  # fmt: skip
    assert "#main&gt;a:nth-of-type(1)</code>" in html


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"width": "phone"}, (1, 1, 0, 1, 0)),
        ({"width": "desktop"}, (4, 1, 1, 0, 4)),
        ({"country": "EE"}, (4, 1, 1, 0, 4)),
        ({"country": "DE"}, (1, 1, 0, 1, 0)),
        ({"outcome": "reached"}, (4, 1, 1, 0, 4)),
        ({"outcome": "missed"}, (1, 1, 0, 1, 0)),
    ],
)
def test_a_heatmap_can_be_filtered_by_width_filter_and_outcome(
    inside: Client, clicks: Site, given: dict[str, str], expected: tuple[int, ...]
) -> None:
    if "outcome" in given:
        given = {"outcome": f"{given['outcome']}:{clicks.goals.get().pk}"}
    assert summary(page(inside, clicks, **given)) == expected


def test_an_invalid_outcome_is_reported(inside: Client, clicks: Site) -> None:
    assert "reached:&lt;goal&gt;" in page(inside, clicks, outcome="nonsense")


def test_rage_and_dead_clicks_link_to_their_visits(inside: Client, clicks: Site) -> None:
    html = page(inside, clicks)
    wrong = re.findall(rf'href="/sites/{clicks.pk}/visits/(\d+)">.*?</td><td>(\w+)', html)
    assert sorted(wrong) == [("1", "Rage"), ("2", "Dead")]


def test_who_may_see_heatmaps(clicks: Site, alice: User, bob: User, charlie: User) -> None:
    for user, seen, changes in ((alice, 200, 200), (bob, 200, 404), (charlie, 404, 404), (None, 302, 302)):
        client = Client()
        if user:
            client.force_login(user)
        for address in ("heatmaps", "heatmaps/page?at=/a"):
            assert client.get(f"/sites/{clicks.pk}/{address}").status_code == seen
        assert client.get(f"/sites/{clicks.pk}/settings/heatmaps").status_code == changes
        if user != alice:
            client.post(f"/sites/{clicks.pk}/settings/heatmaps", {"share": 5})
    clicks.refresh_from_db()
    assert clicks.tracker == {}


def test_the_settings_choose_what_is_recorded(inside: Client, site: Site) -> None:
    given = {"share": "25", "off": "/account/*\n/pay"}
    assert inside.post(f"/sites/{site.pk}/settings/heatmaps", given).status_code == 302
    site_cache.refresh()
    facts = site_cache.get_site(site.pk)
    assert facts is not None and facts.tracker.heatmap == 0.25
    assert heatmap.is_page_off(facts, "/account/x") and not heatmap.is_page_off(facts, "/a")
    html = inside.post(f"/sites/{site.pk}/settings/heatmaps", {"share": "25", "off": EVIL}).content.decode()
    assert "begins with /" in html and EVIL not in html


def test_text_of_strangers_is_escaped(inside: Client, clicks: Site, store: Store) -> None:
    store.insert_rows(
        "heat", [click(clicks, f"/{EVIL}", element=EVIL), click(clicks, f"/{EVIL}", "rage", element=EVIL)]
    )
    html = read_html(inside.get(f"/sites/{clicks.pk}/heatmaps"))
    assert EVIL not in html and "&lt;script&gt;" in html
    html = page(inside, clicks, at=f"/{EVIL}")
    assert summary(html)[0] == 2
    assert EVIL not in html and html.count("&lt;script&gt;") >= 3 and "<script>" not in html


def overlay(client: Client, site: Site, **given: Any) -> str:
    found = re.search(r'href="([^"]+#_heatmap=[^"]+)"', page(client, site, **given))
    assert found
    return found[1].replace("&amp;", "&")


def test_the_link_to_the_page_contains_an_on_site_token_and_the_filters(
    inside: Client, clicks: Site, alice: User
) -> None:
    address, _, behind = overlay(inside, clicks, country="EE", period="30d").partition("#")
    assert address == "http://example.com/a"
    words = parse_qs(behind)
    assert onsite_tokens.read_user_id(words["_heatmap"][0], clicks.pk) == alice.pk
    assert (words["period"], words["country"]) == (["30d"], ["EE"])


@pytest.mark.parametrize(
    "host", ["evil.example", "example.com@evil.example", "evil.example/example.com", "b.example.com"]
)
def test_the_on_site_token_is_never_sent_to_a_foreign_host(
    inside: Client, clicks: Site, store: Store, host: str
) -> None:
    store.insert_rows("heat", [click(clicks, host=host, ts=timezone.now())])
    kept = "b.example.com" if host == "b.example.com" else "example.com"
    assert overlay(inside, clicks).startswith(f"http://{kept}/a#")


def script(site: Site, what: str = "", key: str = "", **given: Any) -> tuple[int, Any]:
    """A script of the widget, asked by a browser that is not logged in: its status, and what it hands over."""
    caches["requests"].clear()
    response = Client().get(f"/ajax/onsitestats/{what}", {"site_id": site.pk, "sitekey": key, **given})
    text = read_html(response)
    assert response["Content-Type"].startswith("application/javascript") and "<" not in text
    found = re.fullmatch(r'if\(window\._cgen&&_cgen\.onsite\)\{_cgen\.onsite\("(\w+)",(\{.*\})\)\}', text)
    return response.status_code, json.loads(found[2]) if found else None


def test_the_overlay_gets_clicks_by_element_for_its_width(clicks: Site) -> None:
    site_cache.refresh()
    status, found = script(clicks, "heatmap", clicks.sitekey, href="/a", w=1440)
    assert status == 200
    assert (found["clicks"], found["rage"], found["dead"], found["visits"], found["views"]) == (4, 1, 0, 1, 4)
    assert found["elements"] == ["#main>a:nth-of-type(1)"]
    assert found["points"] == [[0, 525, 525, 500, 410, 4]]
    assert found["reach"][0] == 1 and found["reach"][-1] == 0.25
    assert script(clicks, "heatmap", clicks.sitekey, href="/a", w=390)[1]["elements"] == ["#p"]
    assert script(clicks, "heatmap", clicks.sitekey, href="/a", sub="country", subitem="DE")[1]["clicks"] == 1
    assert "failed" in script(clicks, "heatmap", clicks.sitekey, href="/a", sub="nonsense", subitem="x")[1]


def test_the_widget_counts_visitors_on_the_site_and_the_page(site: Site, store: Store) -> None:
    now = timezone.now()
    for visitor, path in (("a", "/a"), ("b", "/b"), ("c", "/b")):
        browse(
            site, path, at=now - timedelta(seconds=30), visitor=visitor, visit=derive_number(visitor), source="Google"
        )
    site_cache.refresh()
    _, found = script(site, "", site.sitekey, href="/b")
    assert (found["site"], found["page"]) == (3, 2)
    assert found["sources"] in ([["Google", 2]], [])  # today may have begun half a minute ago
    _, found = script(site, "visitors", site.sitekey, href="/b", sub="page")
    assert [one["page"] for one in found["visits"]] == ["/b", "/b"] and found["more"] is False


def test_only_keys_and_permitted_users_get_the_widgets_scripts(
    clicks: Site, charlies_site: Site, alice: User, bob: User, charlie: User
) -> None:
    site_cache.refresh()
    for user, status in ((alice, 200), (bob, 200), (charlie, 403)):
        assert script(clicks, "heatmap", onsite_tokens.create_onsite_token(clicks.pk, user.pk), href="/a")[0] == status
    good = onsite_tokens.create_onsite_token(clicks.pk, alice.pk)
    for key in (
        "",
        "wrong",
        good[:-1],
        good + "x",
        charlies_site.sitekey,
        onsite_tokens.create_onsite_token(charlies_site.pk, alice.pk),
    ):
        assert script(clicks, "heatmap", key, href="/a")[0] == 403
    assert Client().get("/ajax/onsitestats/nothing").status_code == 404


def test_the_on_site_token_ends_after_an_hour_or_with_the_permission(
    clicks: Site, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = onsite_tokens.create_onsite_token(clicks.pk, bob.pk)
    assert onsite_tokens.read_user_id(word, clicks.pk) == bob.pk
    bob.memberships.all().delete()
    site_cache.refresh()
    assert script(clicks, "heatmap", word, href="/a")[0] == 403
    monkeypatch.setattr(onsite_tokens, "TOKEN_SECONDS", -1)
    assert onsite_tokens.read_user_id(word, clicks.pk) is None


def test_a_page_of_unknown_height_is_drawn(inside: Client, site: Site, store: Store) -> None:
    store.insert_rows("heat", [click(site, layout_height=0, layout=0, element="", y=90_000)])
    html = page(inside, site)
    assert summary(html)[0] == 1 and "1 clicks are further down" in html
