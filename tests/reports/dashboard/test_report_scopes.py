"""One report, three scopes: which of its pages a site, a portfolio and a shared link have, and who may open them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from reports.sharing.services import share_create
from sites.models import Site
from tests.support import browse
from tests.support.types import Store

PAGES = ("", "panel/pages/top", "details/page", "graph.svg", "explain", "content")
# What each reader gets of PAGES; the portfolio is of the reader's own sites, and who is not logged in is asked to
ANSWERS: dict[str, dict[str, tuple[int, ...]]] = {
    "site": {"alice": (200,) * 6, "bob": (200,) * 6, "charlie": (404,) * 6, "nobody": (302,) * 6},
    "portfolio": {
        "alice": (200, 200, 404, 200, 200, 404), "bob": (200, 200, 404, 200, 200, 404),
        "charlie": (200, 200, 404, 200, 200, 404), "nobody": (302, 302, 404, 302, 302, 404),
    },
    "share": dict.fromkeys(("alice", "bob", "charlie", "nobody"), (200, 200, 200, 200, 404, 404)),
    "frame": dict.fromkeys(("alice", "bob", "charlie", "nobody"), (200, 200, 200, 200, 404, 404)),
    "locked": dict.fromkeys(("alice", "bob", "charlie", "nobody"), (200, 404, 404, 404, 404, 404)),
}  # fmt: skip


@pytest.fixture
def roots(site: Site, store: Store) -> dict[str, str]:
    """What the addresses of each scope begin with. The locked link's overview asks for its password."""
    browse(site, "/a", at=timezone.now() - timedelta(minutes=1), visitor="a")
    plain = share_create(site=site, name="Client", embed=True)
    locked = share_create(site=site, name="Locked", password="a long enough password")
    return {
        "site": f"/sites/{site.pk}", "portfolio": "/sites/all", "share": f"/share/{plain.token}",
        "frame": f"/share/{plain.token}/embed", "locked": f"/share/{locked.token}",
    }  # fmt: skip


def address(root: str, page: str) -> str:
    return f"{root}/{page}" if page or root != "/sites/all" else root


@pytest.mark.parametrize("scope", ANSWERS)
def test_each_reader_gets_exactly_the_pages_that_a_scope_offers_them(
    scope: str, roots: dict[str, str], alice: User, bob: User, charlie: User
) -> None:
    readers = {"alice": alice, "bob": bob, "charlie": charlie, "nobody": None}
    for name, user in readers.items():
        client = Client()
        if user is not None:
            client.force_login(user)
        answers = tuple(client.get(address(roots[scope], page)).status_code for page in PAGES)
        assert answers == ANSWERS[scope][name], name


@pytest.mark.parametrize("scope", ["site", "portfolio", "share", "frame"])
def test_the_pages_of_a_scope_link_only_to_pages_it_has(
    scope: str, roots: dict[str, str], client: Client, alice: User
) -> None:
    if scope in ("site", "portfolio"):
        client.force_login(alice)
    opened = set[str]()
    for page in PAGES:
        response = client.get(address(roots[scope], page))
        if response.status_code != 200 or page == "graph.svg":
            continue
        paths = {path for path in re.findall(r'href="(/[^"?#]*)', response.content.decode()) if "/static/" not in path}
        gone = [path for path in sorted(paths - opened) if client.get(path).status_code == 404]
        opened |= paths
        assert gone == [], page
        assert scope in ("site", "portfolio") or all(path.startswith(roots[scope]) for path in paths), page
