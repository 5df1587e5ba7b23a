"""Plan and usage: what an account used, by site, API and day, against its plan, and how the month will end."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.models import Account, User
from accounts.notices.models import Notice
from accounts.plans.models import ApiCallDay, EventDay
from accounts.plans.monthly_use import build_event_use
from accounts.services.plans import account_plan_set, plan_create
from links.services.links import datapoint_create
from reports.usage.counting import count_recent_usage
from reports.usage.forecast import forecast_use
from reports.usage.notices import notify_of_full_plans
from sites.models import Site
from sites.services import site_create, site_delete
from sites.uptime.services import monitor_create
from tests.accounts.test_exports import download, finish
from tests.support import browse, event, read_html, record
from tests.support.traffic import log_in
from tests.support.types import Store

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
TODAY, MARCH = date(2026, 3, 20), date(2026, 3, 1)


@pytest.fixture(autouse=True)
def at_noon() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def pro(account: Account) -> Account:
    """An account with a plan, since January."""
    account_plan_set(account=account, plan=plan_create(name="Pro", limits={"monthly_events": 100, "sites": 3}))
    Account.objects.filter(pk=account.pk).update(created=datetime(2026, 1, 1, tzinfo=UTC))
    return Account.objects.get(pk=account.pk)


def usage(account: Account, query: str = "") -> Any:
    client = Client(headers={"authorization": f"Bearer {account.authkey}"})
    return client.get(f"/api/v1/usage{query}").json()


def test_the_page_shows_events_against_the_plan_by_site_and_day(
    pro: Account, site: Site, alice: User, store: Store
) -> None:
    second = site_create(account=pro, domain="second.example")
    browse(site, "/a", "/b", "/c", at=NOW)
    browse(second, "/a", at=NOW - timedelta(days=2))
    record(event(pro.pk, at=NOW, kind="link"))
    count_recent_usage(now=NOW)
    page = read_html(log_in(alice).get("/account/usage"))
    assert "Your plan is Pro" in page.replace("<strong>", "").replace("</strong>", "")
    assert "5 of 100 (5 %)" in page and "When all is used: Further events are recorded up to 120 percent" in page
    assert "second.example" in page and "Links and pixels" in page and "20 Mar: 4" in page and "18 Mar: 1" in page
    answer = usage(pro)
    assert [(row["name"], row["events"]) for row in answer["sites"]] == [
        (str(site), 3), ("Links and pixels", 1), ("second.example", 1),
    ]  # fmt: skip
    assert [row["events"] for row in answer["days"]] == [0] * 17 + [1, 0, 4] + [0] * 11


def test_numbers_of_the_plan_are_those_there_are_now(pro: Account, site: Site, store: Store) -> None:
    site_delete(site=site_create(account=pro, domain="gone.example"))
    datapoint_create(account=pro, alias="a", url="https://a.example/")
    monitor_create(site=site, url="https://a.example/")
    numbers = {row["name"]: (row["used"], row["included"]) for row in usage(pro)["numbers"]}
    assert numbers["sites"] == (1, 3) and numbers["datapoints"][0] == 1 and numbers["monitors"][0] == 1
    assert numbers["seats"][0] == 0


def test_a_deleted_site_and_one_that_moved_are_still_counted(
    pro: Account, site: Site, charlies_site: Site, alice: User, store: Store
) -> None:
    moved = site_create(account=pro, domain="moved.example")
    browse(site, "/a", at=NOW)
    browse(moved, "/a", at=NOW)
    count_recent_usage(now=NOW)
    site_delete(site=site)
    Site.objects.filter(pk=moved.pk).update(account=charlies_site.account, domain="secret.example")
    answer = usage(pro)
    assert {row["name"] for row in answer["sites"]} == {str(site), f"Site {moved.pk}"}
    assert read_html(log_in(alice).get("/account/usage")).count("no longer here") == 2


def test_another_accounts_use_is_not_shown(pro: Account, charlies_site: Site, store: Store) -> None:
    browse(charlies_site, "/a", at=NOW)
    count_recent_usage(now=NOW)
    ApiCallDay.objects.create(account=charlies_site.account, api="clicky", day=TODAY, calls=7)
    answer = usage(pro)
    assert (answer["events"]["used"], answer["api_calls"]["used"], answer["sites"], answer["apis"]) == (0, 0, [], [])


def test_api_calls_are_shown_by_api_and_day(pro: Account, alice: User, store: Store) -> None:
    ApiCallDay.objects.create(account=pro, api="clicky", day=TODAY, calls=7)
    ApiCallDay.objects.create(account=pro, api="clickport", day=MARCH, calls=9)
    answer = usage(pro)
    assert answer["apis"] == [{"api": "clickport", "calls": 9}, {"api": "clicky", "calls": 7}]
    assert (answer["days"][0]["api_calls"], answer["days"][19]["api_calls"]) == (9, 7)
    assert "Clickport API" in read_html(log_in(alice).get("/account/usage"))


def test_an_earlier_month_is_shown_without_what_is_of_now(pro: Account, site: Site, alice: User, store: Store) -> None:
    EventDay.objects.create(account=pro, site=site.pk, day=date(2026, 2, 28), events=12)
    answer = usage(pro, "?month=2026-02")
    assert (answer["month"], answer["events"]["used"], answer["numbers"]) == ("2026-02", 12, [])
    assert answer["events"]["forecast"] is None and len(answer["days"]) == 28
    page = read_html(log_in(alice).get("/account/usage?month=2026-02"))
    assert "February 2026" in page and "the month ends with" not in page


@pytest.mark.parametrize("month", ["2026-13", "March", "2026-04", "0000-01", "0001-01"])
def test_a_month_that_is_none_is_refused(pro: Account, alice: User, month: str) -> None:
    assert log_in(alice).get(f"/account/usage?month={month}").status_code == 404
    assert "month" in usage(pro, f"?month={month}")["error"]["fields"]


def test_only_those_who_manage_the_account_see_its_use(pro: Account, bob: User, site: Site) -> None:
    assert log_in(bob).get("/account/usage").status_code == 404


def test_an_account_without_a_plan_sees_what_it_uses(account: Account, alice: User, store: Store) -> None:
    page = read_html(log_in(alice).get("/account/usage"))
    assert "This account has no plan" in page and "0; any number is included." in page


def days(*numbers: int) -> dict[date, int]:
    """The numbers of the days before today, the last one of yesterday."""
    return {TODAY - timedelta(days=len(numbers) - place): number for place, number in enumerate(numbers)}


def test_the_forecast_continues_with_the_mean_of_the_last_seven_days(pro: Account) -> None:
    by_day = days(90, 1, 2, 3, 4, 5, 6, 7) | {TODAY: 1}
    found = forecast_use(build_event_use(pro, 60), by_day, TODAY, date(2026, 1, 1))
    assert found is not None
    # A mean of 4; three more today, and eleven days
    assert (found.per_day, found.total, found.percent) == (4, 60 + 3 + 44, 107)
    assert (found.used_up, found.refused) == (date(2026, 3, 30), None)


def test_a_busy_today_takes_nothing_from_the_days_to_come(pro: Account) -> None:
    found = forecast_use(build_event_use(pro, 90), days(*[2] * 7) | {TODAY: 50}, TODAY, date(2026, 1, 1))
    assert found is not None and found.total == 90 + 2 * 11
    assert found.used_up == date(2026, 3, 25) and found.refused is None


def test_a_new_account_is_forecast_by_the_days_it_has(pro: Account) -> None:
    use = build_event_use(pro, 10)
    assert forecast_use(use, {TODAY: 10}, TODAY, TODAY) is None
    found = forecast_use(use, days(4, 6) | {TODAY: 0}, TODAY, TODAY - timedelta(days=2))
    assert found is not None and (found.per_day, found.total) == (5, 10 + 5 * 12)


def test_managers_are_told_once_of_numbers_that_are_nearly_and_all_used(
    pro: Account, site: Site, alice: User, store: Store
) -> None:
    told = []
    for domain in ("", "b.example", "c.example"):
        if domain:
            site_create(account=pro, domain=domain)
        for _ in range(2):
            notify_of_full_plans(now=NOW)
        told.append(list(Notice.objects.filter(user=alice).order_by("pk").values_list("kind", "values__what")))
    assert told == [[], [], [("quota_used", "sites")]]
    plan = pro.plan
    assert plan is not None


def test_an_account_without_a_plan_is_not_told_of_the_installations_limits(
    account: Account, site: Site, alice: User, settings: Any
) -> None:
    account.limits = {"sites": 1}
    account.save()
    assert notify_of_full_plans(now=NOW) == 0
    assert not Notice.objects.exists()


def test_usage_is_exported_by_day_site_and_api(pro: Account, site: Site, alice: User, bob: User) -> None:
    EventDay.objects.create(account=pro, site=site.pk, day=MARCH, events=12)
    EventDay.objects.create(account=pro, site=pro.pk, day=TODAY, events=3)
    ApiCallDay.objects.create(account=pro, api="clicky", day=TODAY, calls=7)
    assert download(finish(log_in(alice), kind="usage")) == [
        ["day", "what", "site_id", "name", "number"],
        ["2026-03-01", "events", str(site.pk), str(site), "12"],
        ["2026-03-20", "events", "", "Links and pixels", "3"],
        ["2026-03-20", "api_calls", "", "clicky", "7"],
    ]
    refused = log_in(bob).post("/api/v1/exports", {"kind": "usage"}, content_type="application/json")
    assert refused.status_code == 400
