"""The queries of one account are limited, and those of others are not: 429 in the shape of each page and API."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import Account, User
from accounts.services.accounts import account_limits_set
from config.env import read_env
from reports.query import budgets
from reports.query.budgets import BudgetExceeded, limit_queries, spend_budget
from reports.query.result_cache import RESULTS
from sites import site_cache
from sites.models import Site
from tests.served import wait_until
from tests.support import ask, browse
from tests.support.clickmeter_client import Program
from tests.support.clickport_client import Api
from tests.support.clicky_client import Clicky
from tests.support.types import Store

QUERY = {"metrics": ["visitors"], "date_range": {"start": "2026-01-01", "end": "2026-01-08"}}


@pytest.fixture(autouse=True)
def nothing_used(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody has asked anything, and nobody waits long."""
    budgets.forget()
    RESULTS.clear()
    monkeypatch.setattr(budgets, "MAX_WAIT_SECONDS", 0.2)
    yield
    budgets.forget()


def limit(account: Account, **limits: int) -> None:
    account_limits_set(account=account, changes=limits)
    site_cache.refresh()


@contextmanager
def running(site: Site, number: int = 1) -> Iterator[None]:
    """So many statements of the site's account run meanwhile."""
    ended, begun = threading.Event(), threading.Semaphore(0)

    def run() -> None:
        with limit_queries(), spend_budget([site.pk]):
            begun.release()
            ended.wait(20)

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
        assert begun.acquire(timeout=20)
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def test_a_query_beyond_the_number_at_once_waits_and_is_then_refused_in_the_shape_of_each_api(
    account: Account, site: Site, api_key: str, owner: Program, inside: Client, store: Store
) -> None:
    limit(account, queries=1)
    with running(site):
        clickport = Api(api_key).client.post(
            "/api/query", QUERY, content_type="application/json", headers={"x-api-key": api_key}
        )
        clicky = Clicky(site).raw("visitors", output="json")
        page = inside.get(f"/sites/{site.pk}/")
    for answer in (clickport, clicky, page):
        assert answer.status_code == 429 and answer["Retry-After"] == "2", answer.content
        assert b"1 queries of this account run already. Try again in 2 seconds." in answer.content
    assert clickport.json()["error"] == "Too Many Requests" and set(clicky.json()[0]) == {"error"}
    assert "text/html" in page["Content-Type"]
    assert Api(api_key).post(QUERY)["results"]


def test_a_query_of_another_account_runs_meanwhile(
    account: Account, site: Site, charlies_site: Site, store: Store
) -> None:
    limit(account, queries=1)
    with running(site), limit_queries():
        assert ask(charlies_site, "views") == 0
        with pytest.raises(BudgetExceeded):
            ask(site, "views")


def test_a_waiting_query_runs_when_another_one_ends(
    account: Account, site: Site, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgets, "MAX_WAIT_SECONDS", 20)
    limit(account, queries=1)
    done: list[bool] = []

    def wait() -> None:
        with limit_queries(), spend_budget([site.pk]):
            done.append(True)

    waiter = threading.Thread(target=wait)
    with running(site):
        waiter.start()
        wait_until(lambda: budgets.get_budget(account.pk).waiting, lambda: "nobody waits")
        assert not done
    waiter.join(20)
    assert done == [True]


def test_an_account_that_used_its_seconds_is_refused_until_they_are_refilled(
    account: Account, site: Site, api_key: str, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    limit(account, query_seconds_per_minute=30)
    with limit_queries(), spend_budget([site.pk]), spend_budget([site.pk]):
        now += 40
    with limit_queries(), pytest.raises(BudgetExceeded, match="more than 30 seconds within a minute") as caught:
        ask(site, "views")
    assert caught.value.seconds == 66
    now += caught.value.seconds
    with limit_queries():
        assert ask(site, "views") == 0


def test_an_account_that_uses_much_runs_few_queries_which_yield(
    account: Account, site: Site, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with limit_queries(), spend_budget([site.pk]) as light, spend_budget([site.pk]), spend_budget([site.pk]):
        now += 40
    with limit_queries(), spend_budget([site.pk]) as heavy:
        assert heavy["priority"] > light["priority"] > 0
        assert budgets.get_budget(account.pk).running == 1


def test_links_have_the_budget_of_their_account(account: Account, site: Site, owner: Program, store: Store) -> None:
    limit(account, queries=1)
    with running(site):
        with limit_queries(), pytest.raises(BudgetExceeded), spend_budget([account.pk]):
            pass
        answer = owner.call("GET", "/aggregated?timeFrame=today")
    assert answer.status_code == 429 and answer["Retry-After"] == "2" and "message" in answer.json()


def test_periodic_work_has_no_budget(account: Account, site: Site, store: Store) -> None:
    browse(site, "/a")
    limit(account, queries=1)
    with running(site):
        assert ask(site, "views") == 1


def test_the_operator_sets_the_defaults_in_the_environment(tmp_path: Path, alice: User) -> None:
    env = read_env({"DATA_DIR": str(tmp_path), "ACCOUNT_LIMITS": "queries=4, query_seconds_per_minute=0"})
    assert env.account_limits == {"queries": 4, "query_seconds_per_minute": 0} and not env.mistakes
    wrong: Any = read_env({"DATA_DIR": str(tmp_path), "ACCOUNT_LIMITS": "sites=4"}).mistakes
    assert wrong[0][0] == "ACCOUNT_LIMITS" and "'sites' is not a limit of an account; use queries" in wrong[0][1]
