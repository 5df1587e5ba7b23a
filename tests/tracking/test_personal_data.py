"""A person's data is exported completely and erased everywhere."""

from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Account, User
from sites.models import Site
from tests.support import NOW, ask, browse, event
from tests.support.types import Store
from tracking import data_requests, spool, store


@pytest.fixture
def traffic(site: Site, store: Store) -> None:
    browse(site, "/", "/secret", ip="203.0.113.7", visitor="jane", person="jane", tags={"email": "jane@example.com"})
    browse(site, "/", ip="203.0.113.8", visitor="other", at=NOW + timedelta(minutes=1))


FOUND_BY = [("ip", "203.0.113.7"), ("username", "jane"), ("tag:email", "jane@example.com")]


@pytest.mark.parametrize(("by", "value"), FOUND_BY)
def test_erasing_a_person_removes_exactly_their_visits_from_every_report(
    site: Site, traffic: Any, by: str, value: str
) -> None:
    assert data_requests.erase_person(site.pk, by, value) == 1
    assert ask(site, "views", by="page") == {"/": 1}
    assert ask(site, "visits") == 1
    assert list(data_requests.export_person(site.pk, by, value)) == []


def test_events_still_in_the_spool_are_erased_too(site: Site, traffic: Any) -> None:
    spool.write_event(event(site, "/late", ip="203.0.113.7", visitor="jane", at=NOW + timedelta(hours=3)))
    data_requests.erase_person(site.pk, "ip", "203.0.113.7")
    assert ask(site, "views", by="page") == {"/": 1}


def test_quarantined_events_are_personal_data_too(site: Site, traffic: Any) -> None:
    store.insert_rows("bots", [{**event(site, "/b", ip="203.0.113.7", visitor="bot"), "reason": "signature"}])
    assert {row["table"] for row in data_requests.export_person(site.pk, "ip", "203.0.113.7")} == {"events", "bots"}
    data_requests.erase_person(site.pk, "ip", "203.0.113.7")
    assert list(data_requests.export_person(site.pk, "ip", "203.0.113.7")) == []


def test_the_page_finds_downloads_and_erases_after_a_confirmation(
    client: Client, alice: User, site: Site, traffic: Any
) -> None:
    client.force_login(alice)
    url, person = reverse("tracking:personal-data", args=[site.pk]), {"by": "username", "value": "jane"}
    assert "1 visit found" in client.post(url, {**person, "action": "find"}).content.decode()
    exported: Any = client.post(url, {**person, "action": "export"})
    lines = b"".join(exported.streaming_content).splitlines()
    assert {orjson.loads(line)["path"] for line in lines} == {"/", "/secret"}
    assert "Tick this to confirm" in client.post(url, {**person, "action": "erase"}).content.decode()
    assert ask(site, "visits") == 2
    client.post(url, {**person, "action": "erase", "sure": "on"})
    assert ask(site, "visits") == 1


def test_the_api_rejects_with_messages_and_strangers_get_404(
    client: Client, account: Account, charlie: User, site: Site, traffic: Any
) -> None:
    url = f"/api/v1/sites/{site.pk}/personal-data"
    mine = {"Authorization": f"Bearer {account.authkey}"}
    theirs = {"Authorization": f"Bearer {charlie.memberships.get().account.authkey}"}
    assert client.get(url, {"by": "ip", "value": "203.0.113.7"}, headers=theirs).status_code == 404
    assert client.get(url, {"by": "ip", "value": "203.0.113.7"}).status_code in (401, 403)
    for query in ({}, {"by": "ip"}, {"by": "x", "value": "y"}, {"by": "visitor", "value": "1; DROP"}):
        assert client.get(url, query, headers=mine).status_code == 400
    rows = client.get(url, {"by": "ip", "value": "203.0.113.7"}, headers=mine).json()["rows"]
    assert len(rows) == 2
    gone = client.delete(f"{url}?by=ip&value=203.0.113.7", headers=mine).json()
    assert gone == {"erased_visits": 1}
