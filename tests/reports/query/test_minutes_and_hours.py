"""The last half hour by minutes, and the hours of a day."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine

from accounts.models import User
from sites.models import Site
from sites.services import site_update
from tests.support import NOW, browse, log_in
from tests.support.clickport_client import Api
from tests.support.types import Store

pytestmark = pytest.mark.django_db
LATE = NOW + timedelta(seconds=40)


@pytest.fixture(autouse=True)
def traffic(site: Site, store: Store) -> Any:
    """Somebody 29, 10 and 0 minutes ago, two visitors three minutes ago, one half an hour ago."""
    with time_machine.travel(LATE, tick=False):
        for number, minutes in enumerate((29, 10, 3, 3, 0, 30)):
            browse(site, "/", at=NOW - timedelta(minutes=minutes), visitor=str(number))
        yield


def test_the_last_thirty_minutes_have_thirty_buckets(site: Site, alice: User) -> None:
    page = log_in(alice).get(f"/sites/{site.pk}/?period=realtime", headers={"accept-language": "en"})
    found = page.context["key_figures"]
    assert found.by == "minute" and len(found.graph.buckets) == 30
    told = [(bucket.key[11:16], bucket.value) for bucket in found.graph.buckets if bucket.value != "0"]
    assert told == [("11:31", "1"), ("11:50", "1"), ("11:57", "2"), ("12:00", "1")]
    assert {one.name: one.formatted.exact for one in found.numbers}["visitors"] == "5"
    assert found.graph.buckets[-1].unfinished and found.graph.buckets[0].tick == "11:31\u202fAM"
    assert log_in(alice).get(f"/sites/{site.pk}/graph.svg?period=realtime").status_code == 200


def test_queries_by_minute_cover_at_most_a_day(api_key: str) -> None:
    rows = Api(api_key).post({"period": "realtime", "dimensions": ["minute"]})["results"]
    assert len(rows) == 30 and rows[-1] == {"minute": "2026-03-02T12:00:00+00:00", "visitors": 1}
    assert len(Api(api_key).post({"period": "yesterday", "dimensions": ["minute"], "limit": 2000})["results"]) == 1440
    refused = Api(api_key).post({"period": "7d", "dimensions": ["minute"]}, status=400)
    assert "limited to a period of one day" in refused["message"]


def test_minute_can_be_used_as_a_filter(api_key: str) -> None:
    minute = {"dimension": "minute", "operator": "is", "value": "2026-03-02T12:57:00+01:00"}
    assert Api(api_key).post({"period": "today", "filters": [minute]})["results"] == {"visitors": 2}


def test_hour_of_day_has_twenty_four_rows(site: Site, alice: User) -> None:
    site_update(site=site, timezone="Asia/Kolkata")
    browse(site, "/", at=datetime.fromisoformat("2026-03-02T00:10:00+05:30"), visitor="night")
    page = log_in(alice).get(f"/sites/{site.pk}/panel/visitors/hours?period=today")
    rows = page.context["panel"]["table"].rows
    assert [row.name for row in rows] == [f"{hour:02d}:00" for hour in range(24)]
    assert {row.name: row.formatted.exact for row in rows if row.formatted.exact != "0"} == {
        "00:00": "1", "17:00": "6"
    }  # fmt: skip
    days = log_in(alice).get(f"/sites/{site.pk}/panel/visitors/weekdays?period=7d").context["panel"]["table"].rows
    assert [row.name for row in days][:2] == ["Monday", "Tuesday"] and len(days) == 7
