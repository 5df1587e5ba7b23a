"""Text of strangers: escaped on pages, linked only where safe, harmless in exports."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Account
from accounts.spreadsheets import escape_formula, unescape_formula
from reports.dashboard.panels import PANELS
from reports.dashboard.presenters.exports import write_csv, write_xml
from reports.formatting import cut_middle, safe_link
from reports.query.dimensions import DIMENSIONS
from sites.models import Site
from sites.services import site_create
from tests.support import event, record
from tests.support.turns import take_turns

EVIL = "<script>alert(1)</script>\"'>"
COLUMNS = (
    "path", "title", "host", "name", "target", "text", "referrer", "referrer_domain", "source", "channel",
    "search_term", "utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term", "region", "city", "language",
    "organization", "device_type", "browser", "browser_version", "os", "os_version", "screen", "person", "ip",
)  # fmt: skip
BROKEN_DOWN = [row.name for row in DIMENSIONS.values() if row.groupable]


def make_evil_site(account: Account, domain: str) -> Site:
    """A site on which every word is a script."""
    site = site_create(account=account, domain=domain, by_operator=True)
    at = timezone.now() - timedelta(minutes=1)
    words: Any = dict.fromkeys(COLUMNS, EVIL) | {"country": "<b", "tags": {EVIL: EVIL}, "props": {"plan": EVIL}}
    kinds = ("view", "event", "outbound", "download", "form", "video", "click")
    record(
        *[event(site, at=at, visitor="evil", id=i + 1, view_id=9, **words, kind=kind) for i, kind in enumerate(kinds)]
    )
    return site


@pytest.fixture(scope="module")
def evil_site(module_account: Account) -> Site:
    return make_evil_site(module_account, "example.com")


@pytest.fixture
def evil(client: Client, evil_site: Site, module_account: Account, module_caches: None) -> tuple[Client, Site]:
    client.force_login(module_account.memberships.get().user)
    return client, evil_site


def harmless_page(client: Client, address: str) -> str:
    response = client.get(address)
    html = response.content.decode()
    assert response.status_code == 200, address
    assert "<script>alert" not in html and "alert(1)</script>" not in html
    assert EVIL not in html
    return html


@pytest.mark.parametrize("panel", PANELS)
def test_a_script_in_any_dimension_is_text_in_every_tab(evil: tuple[Client, Site], panel: str) -> None:
    client, site = evil
    for tab in PANELS[panel].tabs:
        html = harmless_page(client, f"/sites/{site.pk}/panel/{panel}/{tab.name}?period=today")
        if tab.dimension in ("page", "source", "event"):
            assert "&lt;script&gt;" in html


@pytest.mark.parametrize("name", take_turns(2, ["tag:" + EVIL.replace("/", ""), *BROKEN_DOWN, "prop:plan"]))
def test_a_script_is_text_in_every_table_and_filter_tag(evil: tuple[Client, Site], name: str) -> None:
    client, site = evil
    address = f"/sites/{site.pk}/details/{name}?period=today"
    html = ""
    if ":" not in name and DIMENSIONS[name].family in ("visit", "event", "entry"):
        response = client.get(address, {"period": "today", name: EVIL})
        html = response.content.decode()
        assert response.status_code in (200, 400) and "<script>alert" not in html and EVIL not in html
        assert response.status_code == 400 or "Remove: " in html
    if "Remove: " not in html:
        harmless_page(client, address)


def test_a_script_is_text_in_the_filter_tags_of_the_overview(evil: tuple[Client, Site]) -> None:
    client, site = evil
    chosen = {"page": EVIL, "source": EVIL, "city": EVIL, "browser": EVIL}
    response = client.get(f"/sites/{site.pk}/", {"period": "today", **chosen})
    html = response.content.decode()
    assert response.status_code == 200 and "<script>alert" not in html and EVIL not in html
    assert html.count("Remove: ") == len(chosen)


@pytest.mark.parametrize("path", ["", "spy", "visitors", "content", "sources", "goals", "bots", "ledger"])
def test_a_script_is_text_on_every_page(evil: tuple[Client, Site], path: str) -> None:
    client, site = evil
    harmless_page(client, f"/sites/{site.pk}/{path}?period=today")


def test_a_script_is_text_in_a_visitors_history(evil: tuple[Client, Site]) -> None:
    client, site = evil
    html = client.get(f"/sites/{site.pk}/visitors?period=today").content.decode()
    for address in set(re.findall(r'href="(/sites/\d+/visit(?:or)?s/\d+)"', html)):
        assert "&lt;script&gt;" in harmless_page(client, address)


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1+1", "-A1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=2", "=cmd|' /C calc'!A0"]
)
def test_formulas_are_escaped_in_exports(cell: str) -> None:
    assert escape_formula(cell) == "'" + cell and unescape_formula("'" + cell) == cell
    rows = list(csv.reader(io.StringIO(write_csv(("page", "views"), [{"page": cell, "views": -5}]).lstrip("\ufeff"))))
    assert rows[1][0].startswith("'") and rows[1][1] == "-5"


@pytest.mark.parametrize("cell", ["-1", "-5.20", "-1,299.00", "-€5.00", "-12.5%", "", "a=b", "'tis", -5, None])
def test_what_is_no_formula_stays_as_it_is(cell: str | int | None) -> None:
    assert escape_formula(cell) == cell
    assert unescape_formula(str(cell)) == str(cell)


def test_every_export_format_has_the_tables_values(evil: tuple[Client, Site], module_account: Account) -> None:
    client, site = evil[0], make_evil_site(module_account, "more.example")
    at = timezone.now() - timedelta(minutes=1)
    record(event(site, "=HYPERLINK(1)", at=at, visitor="formula", host="example.com"))
    path = f"/sites/{site.pk}/details/page?period=today&format="
    table = list(csv.DictReader(io.StringIO(client.get(path + "csv").content.decode("utf-8-sig"))))
    assert {row["page"]: row["visitors"] for row in table} == {EVIL: "1", "'=HYPERLINK(1)": "1"}
    assert {row["page"] for row in json.loads(client.get(path + "json").content)} == {EVIL, "=HYPERLINK(1)"}
    response = client.get(path + "xml")
    cells = ElementTree.fromstring(response.content.decode()).findall("row/value[@name='page']")
    assert {cell.text for cell in cells} == {EVIL, "=HYPERLINK(1)"}
    assert response["Content-Disposition"].startswith("attachment") and response["X-Content-Type-Options"] == "nosniff"


def test_characters_that_xml_does_not_allow_are_removed() -> None:
    assert ElementTree.fromstring(write_xml(("a",), [{"a": "x\x00\x0b\ud800y"}]))[0][0].text == "xy"


UNSAFE = ("javascript:alert(1)", "data:text/html,x", "//a.example", "http://[", " JAVASCRIPT:x", "")


@pytest.mark.parametrize("url", ["https://a.example/x", *UNSAFE])
def test_only_http_urls_become_links(url: str) -> None:
    assert bool(safe_link(url)) is (url not in UNSAFE)


def test_a_long_text_is_cut_in_its_middle() -> None:
    cut = cut_middle("/" + "a" * 300 + "/end", 40)
    assert len(cut) == 40 and cut.startswith("/a") and cut.endswith("/end") and "…" in cut
