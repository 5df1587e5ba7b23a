"""The queries of one account are limited, and those of others are not: 429 in the shape of each page and API."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import Account, User
from accounts.services.accounts import account_limits_set
from config.env import read_env
from reports.query import budgets
from reports.query.budgets import BudgetExceeded, limit_queries, spend_budget
from reports.query.errors import QueryStopped
from reports.query.execution_limits import run_statement
from reports.query.result_cache import RESULTS
from sites import site_cache
from sites.models import Site
from tests.conftest import PASSWORD
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
    budgets.forget_budgets()
    RESULTS.clear()
    monkeypatch.setattr(budgets, "MAX_WAIT_SECONDS", 0.2)
    yield
    budgets.forget_budgets()


def limit(account: Account, **limits: int | None) -> None:
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
        assert b"This account already has 1 query running. Try again in 2 seconds." in answer.content
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
    assert caught.value.seconds == 26
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


@pytest.mark.parametrize("is_alone", [True, False])
def test_an_account_that_keeps_the_store_busy_yields_while_others_are_present(
    site: Site, charlies_site: Site, is_alone: bool, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(budgets, "MAX_AVERAGE_BESIDE_OTHERS", 0.5)
    with limit_queries():
        if not is_alone:
            with spend_budget([charlies_site.pk]):
                now += 0.01
        with spend_budget([site.pk]) as first, spend_budget([site.pk]):
            now += 4
        with spend_budget([site.pk]) as next_one:
            assert (next_one["priority"] > first["priority"]) is not is_alone
        with spend_budget([charlies_site.pk]) as other:
            assert other["priority"] == first["priority"]


def test_an_account_without_sites_has_its_own_limits(charlie: User) -> None:
    account = charlie.memberships.get().account
    account.sites.all().delete()
    site_cache.refresh()
    limit(account, query_megabytes=7)
    with limit_queries(), spend_budget([account.pk]) as settings:
        assert settings["max_memory_usage"] == 7_000_000
    limit(account, query_megabytes=None)
    with limit_queries(), spend_budget([account.pk]) as settings:
        assert settings["max_memory_usage"] == budgets.DEFAULT_LIMITS.megabytes_per_query * 1_000_000


def test_what_ran_without_a_limit_does_not_count_when_there_is_one(
    account: Account, site: Site, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    limit(account, query_seconds_per_minute=0)
    with limit_queries(), spend_budget([site.pk]):
        now += 600
    limit(account, query_seconds_per_minute=30)
    with limit_queries():
        assert ask(site, "views") == 0


def test_an_account_owes_at_most_two_minutes(account: Account, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    limit(account, queries=0, query_seconds_per_minute=600)
    with limit_queries(), ExitStack() as statements:
        for _ in range(10):
            statements.enter_context(spend_budget([site.pk]))
        now += 30
    limit(account, query_seconds_per_minute=10)
    with limit_queries(), pytest.raises(BudgetExceeded), spend_budget([site.pk]):
        pass
    now += 61
    with limit_queries(), spend_budget([site.pk]):
        pass


def test_only_budgets_that_owe_nothing_are_removed_and_they_are_looked_for_once_a_minute(
    account: Account, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(budgets, "MAX_ACCOUNTS", 1)
    with limit_queries(), spend_budget([site.pk]):
        now += 1
    owing = budgets.get_budget(account.pk)
    for seconds, other, is_kept in ((100, -1, True), (30, -2, True), (30, -3, False)):
        now += seconds
        budgets.get_budget(other)
        assert (budgets.get_budget(account.pk) is owing) == is_kept


def test_a_query_that_may_run_does_so_although_one_that_may_not_yet_waits_longer(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgets, "MAX_WAIT_SECONDS", 20)
    budget, done = budgets.get_budget(account.pk), threading.Event()
    few, more = budgets.QueryLimits(1, 0, 0), budgets.QueryLimits(2, 0, 0)

    def wait(limits: budgets.QueryLimits) -> None:
        budgets.wait_for_turn(budget, limits)
        if limits == more:
            done.set()

    def end_one() -> None:
        with budget.slot_freed:
            budget.spend(1, 0)

    for _ in range(2):
        budgets.wait_for_turn(budget, more)
    waiters = [threading.Thread(target=wait, args=[limits]) for limits in (few, more)]
    waiters[0].start()
    wait_until(lambda: budget.waiting == 1, lambda: "nobody waits")
    waiters[1].start()
    wait_until(lambda: budget.waiting == 2, lambda: "only one waits")
    end_one()
    assert done.wait(10)
    end_one()
    end_one()
    for waiter in waiters:
        waiter.join(20)
    assert budget.running == 1


def test_a_query_beyond_the_account_s_memory_is_refused_with_that_limit(
    account: Account, site: Site, store: Store
) -> None:
    limit(account, query_megabytes=20)
    with limit_queries(), pytest.raises(QueryStopped, match="more than 20 MB of memory"):
        run_statement("SELECT length(groupArray(number)) FROM numbers(5000000)", {}, [site.pk])


def test_the_list_of_sites_is_answered_without_the_numbers_that_cannot_be_read(
    account: Account, site: Site, alice: User, store: Store
) -> None:
    limit(account, queries=1)
    params = {"username": alice.email, "password": PASSWORD, "output": "json"}
    with running(site):
        answer = Client().post("/api/account/sites", params)
    assert answer.status_code == 200 and answer.json()[0]["sitekey"] == site.sitekey
    assert "visitors_today" not in answer.json()[0]
    assert Client().post("/api/account/sites", params).json()[0]["visitors_today"] == "0"


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
