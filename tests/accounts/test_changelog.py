"""What is new: the released versions of the changelog, with a dot until the person has read of the latest one."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.branding import PRODUCT_NAME
from accounts.changelog import list_releases, parse_releases
from accounts.models import Account, Purpose, User
from accounts.services import account_brand_set
from tests.support import log_in, read_html, verify_host

pytestmark = pytest.mark.django_db
DOT = 'class="dot"'
TEXT = """# Changelog

## Unreleased

- Not yet.

## 1.1.0

It got `faster`, and <script>alert(1)</script>.

- One
  thing.

## 1.0.0 (2026-01-01)

- First.
"""


def test_only_released_versions_are_shown_and_their_text_is_escaped() -> None:
    latest, first = parse_releases(TEXT)
    assert (latest.version, first.version) == ("1.1.0", "1.0.0")
    assert "<code>faster</code>" in latest.html and "<li>One\nthing.</li>" in latest.html
    assert "<script>" not in latest.html and "Not yet" not in latest.html + first.html


def test_the_page_shows_the_released_versions_without_scripts(alice: User, account: Account) -> None:
    page = read_html(log_in(alice).get("/changelog"))
    assert [release.version for release in list_releases()] == ["0.2.0"]
    assert "<h2>0.2.0</h2>" in page and "refuses no connection" in page and "Unreleased" not in page


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_the_dot_stays_until_the_person_has_read_it(alice: User, bob: User, account: Account, headers: Any) -> None:
    client = log_in(alice)
    for _ in range(2):  # to look is not enough: following a link changes nothing
        assert DOT in client.get("/changelog").content.decode()
    assert client.post("/changelog/read", headers=headers).status_code in (200, 302)
    for path in ("/changelog", "/me"):
        assert DOT not in client.get(path).content.decode()
    assert DOT in log_in(bob).get("/me").content.decode()


def test_a_version_that_is_released_later_shows_the_dot_again(alice: User, account: Account) -> None:
    alice.preferences = {"changelog": "0.1.0", "other": 1}
    alice.save()
    client = log_in(alice)
    assert DOT in client.get("/me").content.decode()
    client.post("/changelog/read")
    alice.refresh_from_db()
    assert alice.preferences == {"changelog": "0.2.0", "other": 1}


def test_a_brands_host_has_nothing_of_it(alice: User, account: Account) -> None:
    cache.clear()
    host = "stats.agency.example"
    account_brand_set(account=account, host=host, name="Agency Numbers", logo="", accent="")
    verify_host(account, host, Purpose.BRAND)
    client = Client(headers={"host": host})
    client.force_login(alice)
    assert client.get("/changelog").status_code == 404
    for path in ("/me", "/notices", "/notices/choices", "/exports"):
        page = client.get(path).content.decode()
        assert DOT not in page and "What is new" not in page and PRODUCT_NAME.lower() not in page.lower()
