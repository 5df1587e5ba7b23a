"""/api/query formats numbers as the registry says, and offers no metric that a key can never see."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from goals.services import goal_create
from reports.clickport.serializers import META
from reports.clickport.vocabulary import DIMENSION_NAMES, INTEGER_METRICS, METRIC_NAMES, build_formatter
from reports.query.dimensions import DIMENSIONS
from reports.query.metrics import METRICS
from sites.models import Site
from tests.support import NOW, browse
from tests.support.clickport_client import Api
from tests.support.types import Store

pytestmark = pytest.mark.django_db
LINKS = ("clicks", "unique_clicks", "pixel_views", "link_conversions", "conversion_value", "commission_cost",
         "click_cost", "click_conversion_rate")  # fmt: skip


@pytest.fixture(autouse=True)
def traffic(site: Site, store: Store) -> Any:
    """Three visitors; one buys for EUR 12.34, gets 2.25 back, and pays USD 5.55 for something else."""
    with time_machine.travel(NOW, tick=False):
        goal_create(site=site, name="Bought", kind="event", pattern="buy")
        at = NOW - timedelta(hours=1)
        for number in range(3):
            browse(site, "/", at=at, visitor=number)
        for amount, currency, name in ((12.34, "EUR", "buy"), (-2.25, "EUR", "back"), (5.55, "USD", "buy"),
                                       (1, "EUR", "tip")):  # fmt: skip
            browse(site, "/", at=at, visitor=0, kind="event", name=name, revenue=amount, currency=currency)
        yield


@pytest.mark.parametrize("name", sorted(METRIC_NAMES))
def test_numbers_are_formatted_as_the_registry_says(name: str) -> None:
    decimals = METRICS[METRIC_NAMES[name]].format in ("decimal", "percent", "money") and name not in INTEGER_METRICS
    assert build_formatter(name)(Decimal("12.34")) == (12.34 if decimals else 12)


def test_amounts_and_rates_keep_their_decimals(api_key: str) -> None:
    metrics = ["revenue", "avg_order", "refunds", "conversion_rate", "views_per_visit", "bounce_rate"]
    answer = Api(api_key).post({"period": "today", "metrics": metrics})
    assert answer["results"] == {"revenue": 11.09, "avg_order": 6.67, "refunds": 2.25, "conversion_rate": 33.33,
                                 "views_per_visit": 1.0, "bounce_rate": 100}  # fmt: skip
    assert answer["meta"]["currency"] == "EUR" and answer["meta"]["other_currencies"] == {"USD": 5.55}


@pytest.mark.parametrize("name", LINKS)
def test_metrics_of_links_are_not_offered_to_a_sites_key(api_key: str, name: str) -> None:
    refused = Api(api_key).post({"metrics": [name]}, status=400)
    assert "There is no metric" in refused["message"] and "visitors" in refused["message"]


def test_metrics_and_dimensions_of_links_are_offered_nowhere(api_key: str) -> None:
    offered = {*METRIC_NAMES.values(), *DIMENSION_NAMES.values()}
    of_links = {name for rows in (METRICS, DIMENSIONS) for name, row in rows.items() if row.audience == "link"}
    assert of_links and not offered & of_links


def test_openapi_describes_meta_as_it_is_written(api_key: str) -> None:
    meta = Api(api_key).post({"period": "today", "metrics": ["revenue"], "unknown": 1})["meta"]
    described: dict[str, Any] = META
    optional = {"incomplete"}  # only while a shard is away
    assert set(described["required"]) <= set(meta) == set(described["properties"]) - optional
    schema = Api(api_key).client.get("/api/schema/", headers={"accept": "application/json"})
    body = schema.json()["paths"]["/api/query"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert body["properties"]["meta"] == META
