"""The management API shows and changes what counts as a bot, as the pages do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from sites import site_cache
from sites.models import Site
from tests.support import ask, browse, derive_number, log_in
from tests.support.endpoints import list_stored_rows, send_request
from tests.support.hits import reset_state
from tests.support.types import Store


@pytest.fixture
def inside(alice: User) -> Client:
    reset_state()
    return log_in(alice)


def post(client: Client, site: Site, path: str, body: dict[str, Any] | None = None) -> Any:
    return client.post(f"/api/v1/sites/{site.pk}/{path}", body or {}, content_type="application/json")


def test_the_bots_of_a_period_are_listed_by_reason_and_purpose(inside: Client, site: Site, store: Store) -> None:
    site_cache.refresh()
    for path, agent in (("/1", "curl/8.5"), ("/2", "curl/8.5"), ("/1", "Mozilla/5.0 (compatible; GPTBot/1.2)")):
        hit = {"site_id": site.pk, "type": "pageview", "href": path}
        assert send_request("/in.php", hit, user_agent=agent).dropped == "bot"
    assert len(list_stored_rows(site.pk, "bots")) == 3
    found = inside.get(f"/api/v1/sites/{site.pk}/bots?period=today").json()
    first, second = found["bots"]
    assert (first["reason"], first["hits"], first["pages"]) == ("signature: curl", 2, 2)
    assert first["label"] == "Says that it is a bot: curl" and second["reason"].startswith("ai_training: ")
    assert {row["kind"]: row["hits"] for row in found["reasons"]} == {"signature": 2, "ai_training": 1}
    (purpose,) = found["ai_crawlers"]
    assert (purpose["purpose"], purpose["hits"], len(purpose["crawlers"])) == ("Training", 1, 1)
    assert len(inside.get(f"/api/v1/sites/{site.pk}/bots?period=today&limit=1").json()["bots"]) == 1
    long_ago = inside.get(f"/api/v1/sites/{site.pk}/bots?period=2020-01-01..2020-01-31").json()
    assert long_ago["bots"] == long_ago["reasons"] == long_ago["ai_crawlers"] == []


def test_a_restored_row_counts_and_is_marked_as_people(inside: Client, site: Site, store: Store) -> None:
    site_cache.refresh()
    send_request("/in.php", {"site_id": site.pk, "type": "pageview", "href": "/"}, user_agent="curl/8.5")
    assert len(list_stored_rows(site.pk, "bots")) == 1
    (row,) = inside.get(f"/api/v1/sites/{site.pk}/bots").json()["bots"]
    body = {name: row[name] for name in ("reason", "user_agent", "organization")}
    assert post(inside, site, "bots/restore", body).json() == {"moved": 1}
    assert len(list_stored_rows(site.pk)) == 1
    found = inside.get(f"/api/v1/sites/{site.pk}/bots").json()
    assert found["bots"] == [] and found["marked_people"] == ["agent:curl/8.5"] and found["marked_bots"] == []


@pytest.mark.parametrize("what", ["visitors", "visits"])
def test_a_visitor_or_visit_marked_as_a_bot_leaves_the_reports(
    inside: Client, site: Site, store: Store, what: str
) -> None:
    now = timezone.now() - timedelta(seconds=30)
    visit = browse(site, "/a", "/b", at=now, visitor="robo")[0]["visit"]
    browse(site, "/c", at=now, visitor="anna")
    device = derive_number("device", site.pk, "robo")
    number = device if what == "visitors" else visit
    assert post(inside, site, f"{what}/{number}/bot").json() == {"moved": 2}
    assert ask(site, "visitors", now=timezone.now()) == 1
    assert inside.get(f"/api/v1/sites/{site.pk}/bots").json()["marked_bots"] == [f"device:{device}"]
    assert post(inside, site, f"{what}/{number + 1}/bot").status_code == 404


def test_what_makes_no_sense_is_refused_by_its_field(inside: Client, site: Site, store: Store) -> None:
    for query, field in (("period=nonsense", "period"), ("limit=0", "limit")):
        answer = inside.get(f"/api/v1/sites/{site.pk}/bots?{query}")
        assert answer.status_code == 400 and list(answer.json()["error"]["fields"]) == [field]
    refused = post(inside, site, "bots/restore", {"reason": "form", "user_agent": "x", "colour": "red"})
    assert "There is no such field" in refused.json()["error"]["message"]


def test_a_guest_who_may_look_changes_nothing(site: Site, store: Store, bob: User) -> None:
    client = log_in(bob)
    assert client.get(f"/api/v1/sites/{site.pk}/bots").status_code == 200
    for path in ("bots/restore", "visitors/1/bot", "visits/1/bot"):
        assert post(client, site, path, {"reason": "form", "user_agent": "x"}).status_code == 404
