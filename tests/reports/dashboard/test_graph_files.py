"""The graph as an SVG file that needs no stylesheet, with what the page shows."""

from __future__ import annotations

import re
from datetime import timedelta
from xml.etree import ElementTree

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from reports.sharing.services import share_create
from sites.models import Site
from tests.support import browse
from tests.support.types import Store

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def busy(site: Site, store: Store) -> Site:
    at = timezone.now() - timedelta(minutes=1)
    for days, visitors in ((0, "a"), (1, "ab"), (2, "abcd")):
        for visitor in visitors:
            browse(site, "/a", at=at - timedelta(days=days), visitor=visitor, country="EE")
    return site


def drawn(client: Client, path: str) -> ElementTree.Element:
    response = client.get(path)
    assert response.status_code == 200 and response["Content-Type"].startswith("image/svg+xml")
    return ElementTree.fromstring(response.content)


def texts(root: ElementTree.Element) -> list[str]:
    return [one.text or "" for one in root.iter(f"{SVG}text")]


def test_the_image_shows_what_the_page_shows_without_a_stylesheet(inside: Client, busy: Site) -> None:
    root = drawn(inside, f"/sites/{busy.pk}/graph.svg")
    words = texts(root)
    assert "Visitors · example.com" in words and any("UTC" in text for text in words)
    assert {"0", "4"} <= set(words), "the scale from zero to the highest day"
    assert not [one for one in root.iter() if "class" in one.attrib or "style" in one.attrib]
    assert str(root.findtext(f"{SVG}desc")).startswith("Visitors from")


def test_every_line_is_inside_the_image(inside: Client, busy: Site) -> None:
    root = drawn(inside, f"/sites/{busy.pk}/graph.svg?second=views")
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    pairs = [
        pair for path in root.iter(f"{SVG}path") for pair in re.findall(r"[ML]([\d.]+) ([\d.]+)", path.attrib["d"])
    ]
    assert len(pairs) > 20
    assert all(0 <= float(x) <= width and 0 <= float(y) <= height for x, y in pairs)
    assert "Views" in texts(root)


def test_the_image_has_the_state_of_the_page(inside: Client, busy: Site) -> None:
    words = texts(drawn(inside, f"/sites/{busy.pk}/graph.svg?metric=views&country=EE"))
    assert "Views · example.com" in words and any("Country is Estonia" in text for text in words)
    html = inside.get(f"/sites/{busy.pk}/?metric=views").content.decode()
    assert f'href="/sites/{busy.pk}/graph.svg?metric=views"' in html


def test_text_of_strangers_is_escaped(inside: Client, busy: Site) -> None:
    response = inside.get(f"/sites/{busy.pk}/graph.svg", {"page~is_not": '<script>alert(1)</script>"'})
    assert b"<script" not in response.content and b"&lt;script" in response.content
    ElementTree.fromstring(response.content)
    assert response["Content-Disposition"].startswith("attachment") and "\n" not in response["Content-Disposition"]


def test_portfolios_and_shared_links_have_images_too(inside: Client, busy: Site, alice: User) -> None:
    assert "Visitors · 1 site" in texts(drawn(inside, "/sites/all/graph.svg"))
    share = share_create(site=busy, user=alice, name="For all")
    found = set(re.findall(r"[^\"]*graph\.svg", Client().get(f"/share/{share.token}/").content.decode()))
    assert found == {f"/share/{share.token}/graph.svg"}
    assert texts(drawn(Client(), found.pop()))


def test_hours_and_a_single_bucket_can_be_drawn(inside: Client, busy: Site) -> None:
    assert len(texts(drawn(inside, f"/sites/{busy.pk}/graph.svg?period=yesterday"))) > 6
    root = drawn(inside, f"/sites/{busy.pk}/graph.svg?period=yesterday&by=day")
    assert len(list(root.iter(f"{SVG}circle"))) == 1
