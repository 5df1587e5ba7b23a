"""Reads of ClickMeter's API while the event store is away: answers without it, or a 503 that says so, never a 500."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.core.cache import caches
from django.test import Client

from accounts.models import Account, User
from reports.query.result_cache import RESULTS
from tests.links.clickmeter.test_query_counts import READS, World
from tracking.store import UNREADABLE, StoreAway, client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_links")]


@contextmanager
def refuse(*_: object, **__: object) -> Iterator[None]:
    """What a connection to the store is while no server answers."""
    raise StoreAway("The event store does not answer.")
    yield


def test_every_read_of_hits_says_that_the_store_is_away(
    account: Account, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(account)
    world.grow(1)
    program = Client(headers={"X-Clickmeter-Authkey": account.authkey})
    assert program.get("/clickmeter/clickstream").status_code == 200
    RESULTS.clear()
    monkeypatch.setattr(client, "client", refuse)
    answers = {}
    for operation in READS:
        caches["requests"].clear()  # the limit of requests
        answers[operation.path] = program.get("/clickmeter" + world.address(operation))
    assert {path for path, answer in answers.items() if answer.status_code == 500} == set()
    away = {path for path, answer in answers.items() if answer.status_code == 503}
    assert {"/datapoints/{id}/aggregated", "/clickstream", "/groups/{id}/reports", "/hits"} <= away
    for path in away:
        assert answers[path].json() == {"errorCode": "0503", "httpErrorCode": 503, "message": UNREADABLE}
        assert answers[path]["Retry-After"] == "1"
