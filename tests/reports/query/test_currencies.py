"""Amounts of different currencies are never added, and each has the decimals of its currency."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from goals.predicates import Filter
from goals.services import goal_create
from reports.query.analyses.attribution import attribute_conversions
from reports.query.periods import Period
from sites.models import Site
from tests.support import ask, event, record
from tests.support.clickport_client import Api
from tests.support.types import Store

pytestmark = pytest.mark.django_db
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
SALES = ((1200, "JPY"), (7, "USD"), (19.99, "EUR"), (1.005, "KWD"), (7, ""))


@pytest.fixture
def api(api_key: str, store: Store) -> Api:
    return Api(api_key)


@pytest.fixture
def sales(site: Site, store: Store) -> None:
    for number, (amount, currency) in enumerate(SALES):
        record(event(site, "/", at=NOON, visitor=f"v{number}", kind="event", name="Buy", revenue=amount,
                     currency=currency))  # fmt: skip


def test_a_breakdown_by_currency_has_no_total_of_amounts(api: Api, sales: None) -> None:
    body = api.post({
        "period": "yesterday", "metrics": ["revenue", "avg_order", "events"], "dimensions": ["currency"],
        "totals": True,
    })  # fmt: skip
    assert {row["currency"]: row["revenue"] for row in body["results"]} == {
        "JPY": 1200, "USD": 7, "EUR": 19.99, "KWD": 1.005,
    }  # fmt: skip
    assert body["totals"] == {"revenue": None, "avg_order": None, "events": 5} and "currency" not in body["meta"]


def test_amounts_without_a_breakdown_are_of_one_named_currency(api: Api, sales: None) -> None:
    only_kwd = [{"dimension": "currency", "operator": "is", "value": "KWD"}]
    body = api.post({"period": "yesterday", "metrics": ["revenue"], "filters": only_kwd})
    assert (body["results"], body["meta"]["currency"]) == ({"revenue": 1.005}, "KWD")


def test_totals_in_other_currencies_have_their_own_decimals(api: Api, sales: None) -> None:
    meta = api.post({"period": "yesterday", "metrics": ["revenue"]})["meta"]
    assert meta["other_currencies"]["KWD"] == 1.005


def test_the_page_of_currencies_shows_each_in_its_own_decimals_and_no_total(
    client: Client, alice: User, site: Site, sales: None
) -> None:
    client.force_login(alice)
    page = client.get(f"/sites/{site.pk}/details/currency?period=yesterday&metric=revenue").content.decode()
    for text in ("¥1,200", "$7.00", "€19.99", "1.005</td>"):
        assert text in page, text
    assert "1,234" not in page and "2,233" not in page and "1,227" not in page


def test_a_goals_fixed_revenue_counts_only_in_the_row_of_its_currency(api: Api, site: Site, sales: None) -> None:
    goal = goal_create(site=site, name="Buy", kind="event", pattern="Buy", fixed_revenue="5", currency="EUR")
    found = ask(site, "revenue", by="currency", where={"goal": goal.pk}, now=timezone.now(), period="yesterday")
    assert {name: value for name, value in found.items() if value} == {"EUR": Decimal(5)}


def test_a_conversion_with_two_currencies_has_revenue_in_both(site: Site, store: Store) -> None:
    long: dict[str, Any] = {"at": NOON, "visitor": "v", "visit": 9, "visit_start": NOON}
    record(event(site, "/", **long), event(site, "/b", **{**long, "at": NOON + timedelta(minutes=2)}))
    for amount, currency in ((10, "EUR"), (500, "JPY")):
        record(event(site, "/b", kind="event", name="Buy", revenue=amount, currency=currency, **long))
    goal: Filter = {"dimension": "duration", "operator": "at_least", "value": [60]}
    way = attribute_conversions(site.pk, Period.parse("yesterday", "UTC", timezone.now()), goal, now=timezone.now())
    assert (way.conversions, way.revenue) == (1, {"EUR": Decimal(10), "JPY": Decimal(500)})
