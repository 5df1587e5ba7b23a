"""Numbers of the ClickMeter dialect are the same in every operation that returns them."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import Account
from links.models import Conversion, Datapoint, DatapointKind
from links.services.conversions import conversion_create
from links.services.links import datapoint_create
from tests.support.clickmeter_client import Program
from tests.support.links import Browser, flush_clicks, refresh_caches

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_links")]


@pytest.fixture
def sale(account: Account) -> Conversion:
    return conversion_create(account=account, name="Sale")


@pytest.fixture
def pixel(account: Account) -> Datapoint:
    made = datapoint_create(account=account, kind=DatapointKind.PIXEL, title="Opened")
    refresh_caches()
    return made


def test_hits_on_pixels_are_unique_or_not_like_those_on_links(owner: Program, pixel: Datapoint) -> None:
    for ip in ("203.0.113.7", "203.0.113.7", "203.0.113.8"):
        Browser(ip=ip).open(f"/l/{pixel.alias}")
    flush_clicks()
    for path in (f"/datapoints/{pixel.pk}/hits?timeFrame=today&", "/hits?timeFrame=today&"):
        counts = {word: len(owner.get(f"{path}filter={word}")["hits"]) for word in ("", "uniques", "nonuniques")}
        assert counts == {"": 3, "uniques": 2, "nonuniques": 1}
    stream = {word: len(owner.get(f"/clickstream?filter={word}")["rows"]) for word in ("uniques", "nonuniques")}
    assert stream == {"uniques": 2, "nonuniques": 1}


def sell(account: Account, sale: Conversion) -> Datapoint:
    """Two sales of 20 and 30 on one click, and the first of them taken back."""
    link = datapoint_create(
        account=account, alias="sold", url="https://shop.test/?s=[s2sidentifier]", conversions=[sale]
    )
    refresh_caches()
    word = Browser().open("/l/sold").location.partition("=")[2]
    for rest in ("val=20&com=2&param=O1", "val=30&com=3&param=O2", "val=20&com=2&param=O1&refund=1"):
        Browser().open(f"/s2s?clickId={word}&id={sale.code}&{rest}")
    flush_clicks()
    return link


def test_a_refund_counts_in_every_report_of_its_conversion(owner: Program, account: Account, sale: Conversion) -> None:
    link = sell(account, sale)
    answers: dict[str, Any] = {
        "account": owner.get("/aggregated?timeFrame=today"),
        "link": owner.get(f"/datapoints/{link.pk}/aggregated?timeFrame=today"),
        "conversion": owner.get(f"/conversions/{sale.pk}/aggregated?timeFrame=today"),
        "summary": owner.get("/aggregated/summary/conversions?timeFrame=today")["result"][0],
        "by day": owner.get("/conversions/aggregated/list?timeFrame=today")["rows"][0],
        "by day of one": owner.get(f"/conversions/{sale.pk}/aggregated/list?timeFrame=today")["rows"][0],
    }
    assert {name: (one["conversionsValue"], one["commissionsCost"]) for name, one in answers.items()} == dict.fromkeys(
        answers, (30.0, 3.0)
    )
    by_order = owner.get(f"/conversions/{sale.pk}/reports?timeFrame=today&type=convparameters")["data"]
    assert {row["id"]: row.get("totalConversionsValue", 0) for row in by_order} == {"O1": 0, "O2": 30.0}
    by_link = owner.get(f"/conversions/{sale.pk}/reports?timeFrame=today&type=datapoints")["data"]
    assert [(row["id"], row["totalConversionsValue"]) for row in by_link] == [(str(link.pk), 30.0)]


def test_a_report_of_a_pixel_is_sorted_by_views(owner: Program, pixel: Datapoint) -> None:
    for language, views in (("de", 1), ("en", 3), ("fr", 2)):
        for _ in range(views):
            Browser(headers={"accept-language": language}).open(f"/l/{pixel.alias}")
    flush_clicks()
    rows = owner.get(f"/datapoints/{pixel.pk}/reports?timeFrame=today&type=languages")["data"]
    assert [row["id"] for row in rows] == ["en", "fr", "de"]
