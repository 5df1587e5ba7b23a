"""Marking a visitor as a bot and restoring one: every report follows, and later hits are treated alike."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from sites import site_cache
from sites.models import Site
from sites.services import MAX_MARKS, visitors_mark
from tests.support import ask, browse, derive_number, event
from tests.support.endpoints import count_hits, list_stored_rows, send_request
from tests.support.hits import reset_state
from tests.support.types import Store


@pytest.fixture
def inside(client: Client, alice: User) -> Client:
    reset_state()
    client.force_login(alice)
    return client


def visitors(site: Site) -> int:
    counted: int = ask(site, "visitors", now=timezone.now())
    return counted


def test_a_visitor_marked_as_a_bot_leaves_every_report_and_can_be_restored(
    inside: Client, site: Site, store: Store
) -> None:
    now = timezone.now() - timedelta(seconds=30)
    browse(site, "/a", "/b", at=now, visitor="robo", user_agent="Strange/1", source="Bing")
    browse(site, "/c", at=now, visitor="anna", user_agent="Firefox", source="Google")
    robo = derive_number("device", site.pk, "robo")
    page = inside.get(f"/sites/{site.pk}/visitors/{robo}").content.decode()
    assert f'action="/sites/{site.pk}/visitors/{robo}/bot"' in page
    said = inside.post(f"/sites/{site.pk}/visitors/{robo}/bot", follow=True).content.decode()
    assert "2 events moved to the quarantine" in said and "Quarantined by hand" in said and "Strange/1" in said
    assert visitors(site) == 1 and ask(site, "visits", by="source", now=timezone.now()) == {"Google": 1}
    line = {"reason": "by hand", "user_agent": "Strange/1", "organization": ""}
    said = inside.post(f"/sites/{site.pk}/bots/people", line, follow=True).content.decode()
    assert "2 events restored" in said and visitors(site) == 2
    assert ask(site, "views", by="page", now=timezone.now()) == {"/a": 1, "/b": 1, "/c": 1}
    site.refresh_from_db()
    assert site.people == [f"device:{robo}"] and site.robots == []


def test_later_hits_of_a_marked_device_are_treated_alike(inside: Client, site: Site, store: Store) -> None:
    site_cache.refresh()
    send_request("/in.php", {"site_id": site.pk, "type": "pageview", "href": "/1"})
    visit = list_stored_rows(site.pk)[0]["visit"]
    inside.post(f"/sites/{site.pk}/visits/{visit}/bot")
    site_cache.refresh()
    assert send_request("/in.php", {"site_id": site.pk, "type": "pageview", "href": "/2"}).dropped == "bot"
    apart = list_stored_rows(site.pk, "bots")
    assert [row["path"] for row in apart] == ["/1", "/2"] and {row["reason"] for row in apart} == {"by hand"}
    line = {"reason": "by hand", "user_agent": apart[0]["user_agent"], "organization": apart[0]["organization"]}
    inside.post(f"/sites/{site.pk}/bots/people", line)
    site_cache.refresh()
    assert send_request("/in.php", {"site_id": site.pk, "type": "pageview", "href": "/3"}).dropped == ""
    assert [row["path"] for row in list_stored_rows(site.pk)] == ["/1", "/2", "/3"] and list_stored_rows(
        site.pk, "bots"
    ) == []
    assert {row["visit"] for row in list_stored_rows(site.pk)} == {visit}


def test_a_restored_user_agent_counts_on_every_device(inside: Client, site: Site, store: Store) -> None:
    site_cache.refresh()
    seen = {"site_id": site.pk, "type": "pageview", "href": "/"}
    assert send_request("/in.php", seen, user_agent="curl/8.5").dropped == "bot"
    found = list_stored_rows(site.pk, "bots")[0]
    assert found["reason"] == "signature: curl"
    inside.post(
        f"/sites/{site.pk}/bots/people", {name: found[name] for name in ("reason", "user_agent", "organization")}
    )
    site_cache.refresh()
    assert send_request("/in.php", seen, user_agent="curl/8.5", peer="198.51.100.9").dropped == ""
    assert send_request("/in.php", seen, user_agent="curl/8.6", peer="198.51.100.9").dropped == "bot"
    assert count_hits(site.pk) == {"received": 3, "stored": 2, "bot": 1}
    html = inside.get(f"/sites/{site.pk}/ledger?period=today").content.decode()
    assert "Sent by a bot; quarantined." in html


def test_the_page_groups_ai_crawlers_by_purpose(inside: Client, site: Site, store: Store) -> None:
    site_cache.refresh()
    for agent in ("GPTBot/1.2", "ChatGPT-User/1.0", "OAI-SearchBot/1.0", "ClaudeBot/1.0"):
        send_request("/in.php", {"site_id": site.pk, "type": "pageview", "href": "/"}, user_agent=agent)
    list_stored_rows()
    html = inside.get(f"/sites/{site.pk}/bots?period=today").content.decode()
    for words in ("Live retrieval", "Search index", "Training", "chatgpt-user", "oai-searchbot", "gptbot", "claudebot"):
        assert words in html
    assert visitors(site) == 0


def test_only_editors_can_mark_or_restore(client: Client, site: Site, bob: User, charlie: User, store: Store) -> None:
    browse(site, "/", at=timezone.now() - timedelta(seconds=9), visitor="x")
    device = derive_number("device", site.pk, "x")
    store.insert_rows("bots", [{**event(site, "/", at=timezone.now()), "reason": "by hand"}])
    for person in (bob, charlie):
        client.force_login(person)
        for path in (f"visitors/{device}/bot", "visits/5/bot", "bots/people"):
            assert client.post(f"/sites/{site.pk}/{path}").status_code == 404
    client.force_login(bob)
    assert "This is a bot" not in client.get(f"/sites/{site.pk}/visitors/{device}").content.decode()
    assert "Restore<" not in client.get(f"/sites/{site.pk}/bots").content.decode()
    assert visitors(site) == 1


def test_the_newest_marks_are_kept_and_replace_opposite_ones(site: Site) -> None:
    visitors_mark(site=site, marks=[f"device:{n}" for n in range(MAX_MARKS + 10)], robots=True)
    visitors_mark(site=site, marks=["device:400"], robots=False)
    site.refresh_from_db()
    assert len(site.robots) == MAX_MARKS - 1 and "device:9" not in site.robots and site.people == ["device:400"]
