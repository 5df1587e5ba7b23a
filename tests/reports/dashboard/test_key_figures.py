"""Key figures equal the engine's numbers, although they need fewer queries."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import RequestFactory
from django.utils import timezone

from goals.services import goal_create
from reports.dashboard.presenters.key_figures import KEY_METRICS, load_key_figures
from reports.dashboard.scope import ReportScope
from reports.dashboard.state import read_state
from reports.formatting import format_metric
from reports.query import ask as answer
from sites.models import Site
from tests.support import event, record
from tests.support.types import Store

ASKED = (
    "period=7d",
    "period=14d&compare=year",
    "period=7d&compare=none",
    "period=7d&page=/paid",
    "period=all",
    "by=week",
)


@pytest.mark.parametrize("worth", [None, "7.50"])
@pytest.mark.parametrize("goal", [False, True])
def test_key_figures_equal_the_engines_numbers_also_where_they_are_sums(
    site: Site, store: Store, rf: RequestFactory, goal: bool, worth: str | None
) -> None:
    at = timezone.now() - timedelta(minutes=10)
    for day, amount in ((0, 10), (1, 20), (9, 5), (10, 40)):
        record(event(site, "/paid", at=at - timedelta(days=day), visitor=str(day % 3), revenue=amount, currency="EUR"))
    if goal:
        more = {"fixed_revenue": Decimal(worth), "currency": "EUR"} if worth else {}
        goal_create(site=site, name="Paid", kind="page", pattern="/paid", **more)
    for asked in ASKED:
        state = read_state(rf.get(f"/?{asked}"), ReportScope(site=site), timezone.now(), "/sites/1/")
        told = load_key_figures(state)
        assert told.failed == ""
        alone = answer(state.build_query(KEY_METRICS, compare=state.compare), now=state.now)
        before = alone.comparison or {}
        assert isinstance(before, dict)
        for number in told.numbers:
            row = (alone.rows[0][number.name], state.locale, before.get(number.name), alone.meta.currency)
            assert number.formatted == format_metric(number.name, *row), (asked, number.name)
