"""Bars of a table show the column it is sorted by; a second line has its own scale."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from accounts.models import User
from sites.models import Site
from tests.support import NOW, browse, log_in
from tests.support.types import Store

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def traffic(site: Site, store: Store) -> Any:
    """Many visitors from Google who buy little, one from News who buys much."""
    with time_machine.travel(NOW, tick=False):
        at = NOW - timedelta(hours=1)
        for number in range(4):
            browse(site, "/", at=at, visitor=number, source="Google")
        for who, source, amount in ((0, "Google", 10), (9, "News", 40), (8, "Refunds", -5)):
            browse(site, "/", at=at, visitor=who, source=source, kind="event", revenue=amount, currency="EUR")
        yield


@pytest.mark.parametrize(
    ("order", "bars"),
    [
        ("", {"Google": "100.0", "News": "25.0", "Refunds": "25.0"}),
        ("revenue", {"News": "100.0", "Google": "25.0", "Refunds": "0.0"}),
        ("-revenue", {"Refunds": "0.0", "Google": "25.0", "News": "100.0"}),
        ("source", {"Google": "100.0", "News": "25.0", "Refunds": "25.0"}),
    ],
)
def test_bars_show_the_column_that_the_table_is_sorted_by(
    site: Site, alice: User, order: str, bars: dict[str, str]
) -> None:
    page = log_in(alice).get(f"/sites/{site.pk}/details/source?period=today&order={order}")
    assert {line.row.name: line.row.share for line in page.context["lines"]} == bars


def test_the_second_line_has_its_own_scale(site: Site, alice: User) -> None:
    page = log_in(alice).get(f"/sites/{site.pk}/?period=today&second=revenue", headers={"accept-language": "en"})
    graph = page.context["key_figures"].graph
    assert graph.ticks[0] == "6" and graph.second_ticks[0] == "€60.00" and len(graph.second_ticks) == len(graph.ticks)
    assert "€60.00" in page.content.decode()
    picture = log_in(alice).get(f"/sites/{site.pk}/graph.svg?period=today&second=revenue", headers={
        "accept-language": "en"
    })  # fmt: skip
    assert "€60.00" in picture.content.decode()
