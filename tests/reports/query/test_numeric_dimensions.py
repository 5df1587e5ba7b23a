"""Filters on numeric dimensions compare numbers."""

from __future__ import annotations

from typing import Any

import pytest

from reports.query import Period, Query, ask
from sites.models import Site
from tests.support import NOW, event, record
from tests.support.types import Store


def visits(site: Site, where: Any) -> int:
    query = Query(sites=(site.pk,), period=Period.parse("today", "UTC", NOW), metrics=("visits",), where=[where])
    counted: int = ask(query, now=NOW, cache=False).rows[0]["visits"]
    return counted


@pytest.fixture
def two(store: Store, site: Site) -> Site:
    record(event(site, "/", at=NOW, visit=7), event(site, "/", at=NOW, visit=8, visitor="other"))
    return site


@pytest.mark.parametrize("operator, expected", [("is", 1), ("is_not", 1), ("contains", 1)])
def test_a_number_is_matched_by_its_digits(two: Site, operator: str, expected: int) -> None:
    assert visits(two, {"dimension": "visit", "operator": operator, "value": ["7"]}) == expected


@pytest.mark.parametrize("text", ["07", "7.0", "+7", " 7", "", "seven", "٧", "9" * 30, "7) OR (1=1"])
def test_other_texts_do_not_match_a_number(two: Site, text: str) -> None:
    for dimension in ("visit", "visitor_id"):
        assert visits(two, {"dimension": dimension, "operator": "is", "value": [text]}) == 0
        assert visits(two, {"dimension": dimension, "operator": "is_not", "value": [text]}) == 2


def test_only_the_numbers_of_a_list_are_compared(two: Site) -> None:
    assert visits(two, {"dimension": "visit", "operator": "is", "value": ["x", "7", "8", "08"]}) == 2
