"""API calls are counted in memory and written in batches; those above the plan are refused until the month ends."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, User
from accounts.plans import api_calls
from accounts.plans.api_calls import ApiCallCounter
from accounts.plans.models import ApiCallDay
from accounts.services import usage as usage_services
from accounts.services.plans import account_plan_set, plan_create
from accounts.services.usage import api_calls_write
from config.serving.api_call_writer import ApiCallWriter
from reports.usage.counting import count_recent_usage
from sites.models import Site
from tests.support.traffic import log_in
from tests.support.types import Store

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
DAY = date(2026, 3, 20)


@pytest.fixture(autouse=True)
def at_noon() -> Any:
    """Calls are counted on a fixed day, from nothing."""
    api_calls.counter.take()
    with time_machine.travel(NOW, tick=False):
        yield
    api_calls.counter.take()


def written() -> dict[str, int]:
    """The calls by API, once they are written."""
    api_calls_write()
    return dict(ApiCallDay.objects.order_by("api").values_list("api", "calls"))


def call_all(account: Account, site: Site, api_key: str) -> dict[str, Any]:
    """One call of each API, with keys of the account."""
    program = Client(headers={"authorization": f"Bearer {account.authkey}"})
    return {
        "clickmeter": Client(headers={"x-clickmeter-authkey": account.authkey}).get("/clickmeter/groups"),
        "clickport": Client(headers={"x-api-key": api_key}).get("/api/goals"),
        "clicky": Client().get(f"/api/stats/4?site_id={site.pk}&sitekey={site.sitekey}&type=visitors&output=json"),
        "management": program.get("/api/v1/sites"),
    }


def test_calls_of_every_api_are_counted_by_day(account: Account, site: Site, api_key: str, store: Store) -> None:
    answers = call_all(account, site, api_key)
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 200)
    assert written() == dict.fromkeys(sorted(answers), 1)
    call_all(account, site, api_key)
    assert written() == dict.fromkeys(sorted(answers), 2)
    assert set(ApiCallDay.objects.values_list("account", "day")) == {(account.pk, DAY)}


def test_what_is_no_call_with_a_key_of_the_account_is_not_counted(account: Account, site: Site, alice: User) -> None:
    browser = log_in(alice)
    assert browser.get("/api/v1/sites").status_code == 200
    assert browser.get("/sites").status_code == 200
    assert Client(headers={"authorization": "Bearer nobody"}).get("/api/v1/sites").status_code == 401
    program = Client(headers={"authorization": f"Bearer {account.authkey}"})
    assert program.get("/api/v1/usage").status_code == 200
    account.limits = {"management_per_minute": 1}
    account.save()
    assert [program.get("/api/v1/sites").status_code for _ in range(2)] == [429, 429]
    assert written() == {}


def test_a_call_that_is_answered_with_an_error_counts(account: Account) -> None:
    program = Client(headers={"authorization": f"Bearer {account.authkey}"})
    assert program.get("/api/v1/sites/1").status_code == 404
    assert written() == {"management": 1}


def test_a_call_is_counted_without_a_statement_of_its_own(account: Account) -> None:
    program = Client(headers={"authorization": f"Bearer {account.authkey}"})
    with CaptureQueriesContext(connection) as asked:
        program.get("/api/v1/account")
    assert not [query["sql"] for query in asked if "plans_" in query["sql"]]


def test_calls_of_many_threads_and_processes_add_up(account: Account) -> None:
    processes = [ApiCallCounter() for _ in range(3)]

    def call(counter: ApiCallCounter) -> None:
        for _ in range(500):
            counter.add(account.pk, "clicky", NOW)

    threads = [threading.Thread(target=call, args=[counter]) for counter in processes * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for counter in processes:
        assert api_calls_write(calls=counter) == 1
    assert written() == {"clicky": 3_000}


def test_many_accounts_and_days_are_written_together(account: Account, charlies_site: Site) -> None:
    counter, days = ApiCallCounter(), [datetime(2026, 3, number, tzinfo=UTC) for number in range(1, 31)]
    for number, day in enumerate(days):
        for who in (account, charlies_site.account):
            for api in ("clicky", "clickport", "management", "clickmeter"):
                for _ in range(number % 3 + 1):
                    counter.add(who.pk, api, day)
    assert api_calls_write(calls=counter) == 240
    sums = {day.date(): number % 3 + 1 for number, day in enumerate(days)}
    assert all(row.calls == sums[row.day] for row in ApiCallDay.objects.all()) and ApiCallDay.objects.count() == 240


def test_calls_of_an_account_that_is_gone_are_dropped_and_others_written(account: Account) -> None:
    counter = ApiCallCounter()
    counter.add(account.pk, "clicky", NOW)
    counter.add(account.pk + 1_000, "clicky", NOW)
    assert api_calls_write(calls=counter) == 1
    assert written() == {"clicky": 1}


def test_calls_are_kept_while_the_database_is_away(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = ApiCallCounter()
    counter.add(account.pk, "clicky", NOW)

    def fail(*_: object) -> int:
        raise OperationalError("the database is away")

    with monkeypatch.context() as away:
        away.setattr(usage_services, "_add_calls", fail)
        with pytest.raises(OperationalError):
            api_calls_write(calls=counter)
    counter.add(account.pk, "clicky", NOW)
    assert api_calls_write(calls=counter) == 1
    assert written() == {"clicky": 2}


@pytest.mark.django_db(transaction=True)
def test_a_process_that_stops_writes_what_it_counted() -> None:
    account = Account.objects.create(name="Alice & Co")
    writer = ApiCallWriter()
    writer.start()
    api_calls.counter.add(account.pk, "clicky", NOW)
    writer.stop()
    assert dict(ApiCallDay.objects.values_list("api", "calls")) == {"clicky": 1}


def use_up(account: Account, calls: int, **limits: int) -> Account:
    """Give the account a plan of ten calls a month, of which it has used some."""
    plan = plan_create(name="Pro", limits={"monthly_api_calls": 10, **limits})
    account_plan_set(account=account, plan=plan)
    ApiCallDay.objects.create(account=account, api="clicky", day=DAY, calls=calls)
    count_recent_usage(now=NOW)
    return Account.objects.get(pk=account.pk)


@pytest.mark.parametrize(
    ("calls", "limits", "is_refused"),
    [
        (11, {}, False),
        (12, {}, True),
        (10, {"api_calls_refused_at": 100}, True),
        (900, {"api_calls_refused_at": 0}, False),
    ],
)
def test_the_plan_says_from_which_percentage_on_calls_are_refused(
    account: Account, store: Store, calls: int, limits: dict[str, int], is_refused: bool
) -> None:
    assert use_up(account, calls, **limits).over_api_calls is is_refused


def test_every_api_says_in_its_own_words_that_the_calls_are_used_up(
    account: Account, site: Site, api_key: str, store: Store
) -> None:
    use_up(account, 12)
    for name, answer in call_all(account, site, api_key).items():
        assert answer.status_code == 429, name
        assert int(answer["Retry-After"]) == (datetime(2026, 4, 1, tzinfo=UTC) - NOW).total_seconds(), name
        assert "The API calls of this month are used up." in answer.content.decode(), name
    assert written() == {"clicky": 12}


def test_pages_and_the_operation_that_says_what_is_used_go_on(account: Account, alice: User, store: Store) -> None:
    use_up(account, 12)
    assert log_in(alice).get("/sites").status_code == 200
    program = Client(headers={"authorization": f"Bearer {account.authkey}"})
    answer = program.get("/api/v1/usage")
    assert answer.json()["api_calls"]["is_refused"] is True and answer.json()["api_calls"]["used"] == 12


def test_calls_are_answered_again_in_the_next_month(account: Account, store: Store) -> None:
    use_up(account, 12)
    count_recent_usage(now=datetime(2026, 4, 1, 0, 4, tzinfo=UTC))
    account.refresh_from_db()
    assert (account.over_api_calls, account.api_calls_used, account.usage_warning) == (False, 0, "")
