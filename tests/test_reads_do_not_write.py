"""Reading waits for no writer: what only reads opens no transaction and sends no statement that writes.

With SQLite every transaction takes the one lock of all writers, so a page that opened one would wait for whoever
writes, and a report that is computed inside one would hold up every writer.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import Account, Invitation, Membership, User
from goals.funnels import funnel_save
from goals.services import goal_create, segment_create
from links.clickmeter.operations import OPERATIONS, Operation
from links.services import datapoint_create
from reports.annotations.services import note_add
from reports.sharing.services import share_create
from sites.models import Site
from sites.services import api_key_create
from sites.uptime.services import monitor_create
from tests.clickmeter_support import furnished, master
from tests.links_support import learn
from tests.support import NOW, browse, number
from tests.test_clickmeter_operations import filled

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_links")]
WRITES = re.compile(r"^\s*(?:INSERT|UPDATE|DELETE|REPLACE|BEGIN|SAVEPOINT|.*FOR UPDATE)", re.I | re.S)
READS = [operation for operation in OPERATIONS if operation.method == "GET"]


def named(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def writing(queries: Iterable[dict[str, str]]) -> list[str]:
    """The statements that would take SQLite's lock."""
    return [query["sql"][:200] for query in queries if WRITES.match(query["sql"])]


@pytest.mark.parametrize("operation", READS, ids=named)
def test_no_operation_that_reads_writes(operation: Operation, account: Account, alice: User) -> None:
    world = furnished(account, clicked=False)
    path, _ = filled(operation, world)
    with CaptureQueriesContext(connection) as asked:
        master(account).get(path)
    assert len(asked) > 0 and writing(asked.captured_queries) == []


STREAMS = {"sites/<int:site_id>/spy/stream", "links/live/stream"}  # they never end
LEAVES = {"logout", "setup/<str:token>", "digests/stop/<str:token>"}  # of somebody else, or there to be followed once


def addresses(patterns: Any, before: str = "") -> list[str]:
    """Every address of the installation's pages and programs; ClickMeter's are asked above."""
    found: list[str] = []
    for one in patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLResolver):
            found += [] if "clickmeter" in route else addresses(one.url_patterns, route)
        elif isinstance(one, URLPattern) and "^" not in route:
            found.append(route)
    return found


ADDRESSES = [route for route in addresses(get_resolver().url_patterns) if route not in STREAMS | LEAVES]


@pytest.fixture
def place(site: Site, account: Account, alice: User, store: Any) -> dict[str, Any]:
    """A value for every name in an address."""
    browse(site, "/a", visitor="one", visit=77)
    goal = goal_create(site=site, name="A", kind="page", pattern="/a")
    segment = segment_create(
        site=site, name="S", filter=[{"dimension": "page", "operator": "is", "value": ["/a"]}], owner=alice, shared=True
    )
    funnel = funnel_save(site=site, name="F", steps=[{"page": "/a"}, {"goal": goal.pk}])
    world = furnished(account, clicked=False)
    return {
        "site_id": site.pk, "goal_id": goal.pk, "segment_id": segment.pk, "funnel_id": funnel.pk, "visit": 77,
        "device": number("device", site.pk, "one"), "name": "pages", "tab": "top", "page": "site", "slug": "clickmeter",
        "key_id": api_key_create(site=site, name="k")[0].pk, "share_id": share_create(site=site, name="s").pk,
        "monitor_id": monitor_create(site=site, url="https://example.com/", name="m").pk, "frequency": "week",
        "note_id": note_add(site=site, at=NOW, text="n").pk, "member_id": Membership.objects.get(user=alice).pk,
        "token": Invitation.objects.create(account=account, email="new@example.org").token, "uid": "MQ",
        "datapoint_id": world["link"].pk, "group_id": world["group"].pk, "conversion_id": world["sale"].pk,
        "domain_id": world["domain"].pk, "script_id": world["script"].pk, "operation": "list", "condition": "traffic",
        "invitation_id": 1, "alert_id": 1, "channel_id": 1, "place": 1, "subscription_id": 1, "what": "x",
        "exposed_id": 1, "pending_id": 1,
    }  # fmt: skip


@pytest.mark.parametrize("route", ADDRESSES)
def test_no_page_that_is_only_looked_at_writes(route: str, place: dict[str, Any], alice: User) -> None:
    address = "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(place[found[1]]), route)
    if "details/" in address:
        address = address.replace("details/pages", "details/page")
    client = Client()
    client.force_login(alice)
    alice.is_operator = True
    alice.save()
    with CaptureQueriesContext(connection) as asked:
        response = client.get(address)
    assert response.status_code in (200, 302, 400, 401, 403, 404, 405), response.status_code
    assert writing(asked.captured_queries) == []


def test_a_program_and_a_page_are_answered_while_somebody_else_writes(
    account: Account, alice: User, site: Site, transactional_db: None
) -> None:
    """Another connection holds SQLite's lock: whoever needed it would fail at once, since nobody waits here."""
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite has one lock for all")
    made = datapoint_create(account=account, alias="one", url="https://a.test/")
    learn()
    client = Client()
    client.force_login(alice)
    client.get("/links")  # what is made when it is first needed is there
    writer = sqlite3.connect(Path(settings.DATABASES["default"]["TEST"]["NAME"]), isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    connection.cursor().execute("PRAGMA busy_timeout = 0")
    try:
        cache.clear()
        assert master(account).get(f"/datapoints/{made.pk}")["name"] == "one"
        assert master(account).get("/aggregated?timeFrame=today") == {}
        for address in ("/links", f"/sites/{site.pk}/", "/sites", f"/links/{made.pk}", "/account"):
            assert client.get(address).status_code == 200, address
        refused = master(account).call("POST", "/groups", {"name": "late"})
        assert refused.status_code == 500, "the lock is held, or this test proves nothing"
    finally:
        writer.execute("ROLLBACK")
        writer.close()
        connection.cursor().execute("PRAGMA busy_timeout = 20000")
