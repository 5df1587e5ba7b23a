"""Pages and APIs are answered while another connection holds SQLite's write lock."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client

from accounts.models import Account, User
from links.services.links import datapoint_create
from sites.models import Site
from tests.support.clickmeter_client import use_account_key
from tests.support.links import refresh_caches

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_links")]


def test_apis_and_pages_are_answered_while_another_connection_writes(
    account: Account, alice: User, site: Site, transactional_db: None
) -> None:
    """Another connection holds SQLite's lock: whoever needed it would fail at once, since nobody waits here."""
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite has one lock for all")
    made = datapoint_create(account=account, alias="one", url="https://a.test/")
    refresh_caches()
    client = Client()
    client.force_login(alice)
    client.get("/links")  # what is made when it is first needed is there
    writer = sqlite3.connect(Path(connection.settings_dict["NAME"]), isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    connection.cursor().execute("PRAGMA busy_timeout = 0")
    try:
        caches["requests"].clear()
        assert use_account_key(account).get(f"/datapoints/{made.pk}")["name"] == "one"
        assert use_account_key(account).get("/aggregated?timeFrame=today") == {}
        for address in ("/links", f"/sites/{site.pk}/", "/sites", f"/links/{made.pk}", "/account"):
            assert client.get(address).status_code == 200, address
        refused = use_account_key(account).call("POST", "/groups", {"name": "late"})
        assert refused.status_code == 500, "the lock is held, or this test proves nothing"
    finally:
        writer.execute("ROLLBACK")
        writer.close()
        connection.cursor().execute("PRAGMA busy_timeout = 20000")
