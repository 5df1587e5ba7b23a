"""Shared links: who can open them, what they show, and what they hide."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from goals.services import segment_create, segment_delete
from reports.sharing.services import share_create, share_revoke
from sites.models import Site
from tests.support import browse
from tests.support.turns import list_turns
from tests.support.types import Store

PASSWORD = "a long enough password"
BAD = "<script>alert(1)</script>"


@pytest.fixture
def visited(site: Site, store: Store) -> Site:
    """Two visitors of the last minutes: one from Estonia on /in, one from Germany on /out with a name."""
    at = timezone.now() - timedelta(minutes=2)
    browse(site, "/in", at=at, visitor="one", country="EE", title=BAD)
    browse(site, "/out", at=at, visitor="two", country="DE", person="dora@example.com")
    return site


def estonia(site: Site) -> Any:
    where = [{"dimension": "country", "operator": "is", "value": ["EE"]}]
    return segment_create(site=site, name="Estonia", filter=where, shared=True)


def test_whoever_has_the_link_sees_the_overview_without_an_account(visited: Site) -> None:
    share = share_create(site=visited, name="Client")
    response = Client().get(f"/share/{share.token}/")
    html = response.content.decode()
    assert response.status_code == 200
    assert "/in" in html and "/out" in html and 'id="panel-sources"' in html and "<svg" in html
    assert response["X-Frame-Options"] == "DENY" and "noindex" in response["X-Robots-Tag"]


def test_a_shared_link_has_no_links_to_the_sites_pages_and_no_forms(visited: Site, alice: User) -> None:
    share = share_create(site=visited, name="Client")
    html = Client().get(f"/share/{share.token}/").content.decode()
    assert f"/sites/{visited.pk}" not in html and "Save segment" not in html
    assert Client().get(f"/sites/{visited.pk}/").status_code == 302


def test_a_link_with_a_segment_shows_that_segment_only(visited: Site) -> None:
    share = share_create(site=visited, name="Client", segment=estonia(visited))
    for query in ("", "?segment=0", "?country=DE", "?page=/out", "?period=30d"):
        html = Client().get(f"/share/{share.token}/{query}").content.decode()
        assert 'title="/out"' not in html.replace('Page is /out"', ""), query
        assert "Germany" not in html or "country=DE" in query
    assert 'title="/in"' in Client().get(f"/share/{share.token}/").content.decode()
    assert "/out" not in Client().get(f"/share/{share.token}/panel/pages/top").content.decode()


def test_names_of_visitors_are_neither_shown_nor_searchable(visited: Site) -> None:
    share = share_create(site=visited, name="Client")
    assert "dora@" not in Client().get(f"/share/{share.token}/").content.decode()
    assert Client().get(f"/share/{share.token}/panel/visitors/people").status_code == 404
    for query in ("person=dora@example.com", "ip=10.0.0.1", "visitor_id=1", "tag:mail=x", "visit=7"):
        assert Client().get(f"/share/{share.token}/?{query}").status_code == 400, query


def test_a_password_is_requested_once_and_guesses_are_limited(visited: Site) -> None:
    share = share_create(site=visited, name="Client", password=PASSWORD)
    address, client = f"/share/{share.token}/", Client()
    assert "/in" not in client.get(address).content.decode()
    assert client.get(f"{address}panel/pages/top").status_code == 404
    assert client.post(address, {"password": "wrong"}).status_code == 403
    assert client.post(address, {"password": PASSWORD}).status_code == 302
    assert "/in" in client.get(address).content.decode()
    guesser = Client()
    for _ in range(12):
        last = guesser.post(address, {"password": "guess"})
    assert "Too many attempts" in last.content.decode()
    refused = guesser.post(address, {"password": PASSWORD})
    assert refused.status_code == 429 and 0 < int(refused["Retry-After"]) <= 60


@pytest.mark.parametrize("how", ["revoked", "over", "segment gone", "site gone", "never was"])
def test_a_revoked_or_expired_link_is_not_found(how: str, visited: Site) -> None:
    now = timezone.now()
    segment = estonia(visited)
    ends = now - timedelta(seconds=1) if how == "over" else now + timedelta(hours=1)
    share = share_create(site=visited, name="Client", embed=True, expires=ends, segment=segment)
    if how == "revoked":
        share_revoke(share=share, now=now)
    elif how == "segment gone":
        segment_delete(segment=segment)
    elif how == "site gone":
        Site.objects.filter(pk=visited.pk).update(deleted=now)
    token = "nonsense" if how == "never was" else share.token
    for rest in ("", "embed", "panel/pages/top"):
        assert Client().get(f"/share/{token}/{rest}").status_code == 404


def test_only_the_embedded_pages_of_a_link_may_be_framed(visited: Site) -> None:
    plain, framed = share_create(site=visited, name="A"), share_create(site=visited, name="B", embed=True)
    assert Client().get(f"/share/{plain.token}/embed").status_code == 404
    response = Client().get(f"/share/{framed.token}/embed")
    assert "X-Frame-Options" not in response and "frame-ancestors *" in response["Content-Security-Policy"]
    assert "script-src 'self'" in response["Content-Security-Policy"]
    for other in (f"/share/{framed.token}/", f"/share/{framed.token}/panel/pages/top", "/login"):
        response = Client().get(other)
        assert response["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in response["Content-Security-Policy"]


def test_text_of_strangers_is_escaped(visited: Site) -> None:
    share = share_create(site=visited, name=BAD, segment=estonia(visited))
    for address in (f"/share/{share.token}/?tab.pages=titles", f"/share/{share.token}/?page={BAD}"):
        html = Client().get(address).content.decode()
        assert BAD not in html and "&lt;script&gt;" in html


def test_links_are_created_listed_and_revoked_on_the_settings_page(visited: Site, alice: User, bob: User) -> None:
    client = Client()
    client.force_login(alice)
    address = f"/sites/{visited.pk}/settings/sharing"
    refused = client.post(address, {"name": "Both", "password": PASSWORD, "embed": "on"})
    assert "frames cannot log in" in refused.content.decode() and not visited.shares.exists()
    client.post(address, {"name": BAD, "expires": "2099-01-01", "embed": "on"})
    share = visited.shares.get()
    html = client.get(address).content.decode()
    assert share.token in html and BAD not in html and "&lt;iframe" in html
    guest = Client()
    guest.force_login(bob)
    assert guest.post(f"{address}/{share.pk}/revoke").status_code == 404
    client.post(f"{address}/{share.pk}/revoke")
    assert share.token not in client.get(address).content.decode()


def test_a_segment_of_another_site_cannot_be_chosen(visited: Site, alice: User, charlies_site: Site) -> None:
    client = Client()
    client.force_login(alice)
    foreign = estonia(charlies_site)
    client.post(f"/sites/{visited.pk}/settings/sharing", {"name": "X", "segment": foreign.pk})
    assert not visited.shares.exists()


def csv_of(share: Any, name: str, query: str = "", home: str = "") -> str:
    response = Client().get(f"/share/{share.token}/{home}details/{name}?format=csv{query}")
    assert response.status_code == 200 and "attachment" in response["Content-Disposition"]
    return response.content.decode()


def test_a_full_table_can_be_searched_sorted_and_exported(visited: Site) -> None:
    share = share_create(site=visited, name="Client")
    overview = Client().get(f"/share/{share.token}/").content.decode()
    assert (
        f'href="/share/{share.token}/details/page' in overview and f'href="/share/{share.token}/graph.svg' in overview
    )
    html = Client().get(f"/share/{share.token}/details/page?order=-page").content.decode()
    assert 'title="/in"' in html and 'title="/out"' in html and f"/sites/{visited.pk}" not in html
    assert "/out" not in Client().get(f"/share/{share.token}/details/page?q=/in").content.decode().split("<tbody")[1]
    assert "/in" in csv_of(share, "page") and "Estonia" not in csv_of(share, "page")
    for name in ("json", "xml"):
        assert b"/out" in Client().get(f"/share/{share.token}/details/page?format={name}").content
    assert Client().get(f"/share/{share.token}/graph.svg")["Content-Type"].startswith("image/svg+xml")


@pytest.mark.parametrize("turns", list_turns(4))
@pytest.mark.parametrize("home", ["", "embed/"])
def test_tables_and_files_contain_only_the_links_segment(home: str, turns: int, visited: Site) -> None:
    """Of the tables, each query reads one by turns; heavy is all of them."""
    share = share_create(site=visited, name="Client", segment=estonia(visited), embed=True)
    wider = ("", "&segment=0", "&country=DE", "&country=EE&country=DE", "&country~is_not=FR", "&add=country&what=DE",
             "&q=out", "&from=0&order=-page", "&only=1", "&period=30d", "&limit=")  # fmt: skip
    for turn, query in enumerate(wider, len(home)):
        for name in ("page", "country", "source", "title")[turn % turns :: turns]:
            rows = csv_of(share, name, query, home).splitlines()[1:]
            assert not any("/out" in row or row.startswith("DE") for row in rows), (name, query)
    assert "/in" in csv_of(share, "page", "", home) and csv_of(share, "country", "", home).count("EE") == 1
    for query, line in (("", True), ("?country=DE", False)):
        graph = Client().get(f"/share/{share.token}/{home}graph.svg{query}").content.decode()
        assert "<svg" in graph and ("the highest is 1 " in graph) is line, graph


@pytest.mark.parametrize("name", ["person", "ip", "visitor_id", "visit", "tag:mail", "prop:plan", "site", "nonsense"])
def test_dimensions_that_the_overview_does_not_show_have_no_table(name: str, visited: Site) -> None:
    share = share_create(site=visited, name="Client", embed=True)
    for home in ("", "embed/"):
        for query in ("", "?format=csv"):
            assert Client().get(f"/share/{share.token}/{home}details/{name}{query}").status_code == 404
    assert Client().get(f"/share/{share.token}/details/page?person=dora@example.com&format=csv").status_code == 400


def test_tables_and_files_of_a_locked_or_revoked_link_are_not_found(visited: Site) -> None:
    share = share_create(site=visited, name="Client", password=PASSWORD)
    parts = ("details/page", "details/page?format=csv", "graph.svg", "panel/pages/top")
    assert [Client().get(f"/share/{share.token}/{part}").status_code for part in parts] == [404] * 4
    knows = Client()
    knows.post(f"/share/{share.token}/", {"password": PASSWORD})
    assert [knows.get(f"/share/{share.token}/{part}").status_code for part in parts] == [200] * 4
    assert [knows.get(f"/share/{share.token}/embed/{part}").status_code for part in parts] == [404] * 4
    share_revoke(share=share, now=timezone.now())
    assert [knows.get(f"/share/{share.token}/{part}").status_code for part in parts] == [404] * 4


def test_links_inside_a_frame_open_only_pages_that_may_be_framed(visited: Site) -> None:
    share = share_create(site=visited, name="Framed", embed=True)
    html = Client().get(f"/share/{share.token}/embed").content.decode()
    inner = set(re.findall(rf'href="(/share/{share.token}/[^"?]*)', html))
    assert f"/share/{share.token}/embed/details/page" in inner
    for address in sorted(inner):
        response = Client().get(address)
        assert response.status_code == 200 and "X-Frame-Options" not in response, address
    back = Client().get(f"/share/{share.token}/embed/details/page").content.decode()
    assert f'href="/share/{share.token}/embed/"' in back
