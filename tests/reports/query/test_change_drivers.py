"""Drivers of a change between two periods, also for values in one list only and for dimensions of many values."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from reports import change_drivers
from reports.query import Period
from sites.models import Site
from tests.support import browse
from tests.support.types import Store

pytestmark = pytest.mark.django_db


def test_visitors_are_counted_for_the_pages_whose_views_differ_most(
    site: Site, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now().replace(hour=12, minute=0)
    for days, page, visitors in ((1, "/old", 4), (1, "/new", 3), (1, "/gone", 1), (0, "/old", 1), (0, "/new", 5)):
        for number in range(visitors):
            at = now - timedelta(days=days, minutes=number + 1)
            browse(site, page, at=at, visitor=f"{page}{days}{number}", country="EE", source="Google")
    monkeypatch.setattr(change_drivers, "MAX_CANDIDATES", 2)
    found = change_drivers.find_differences((site.pk,), Period.parse("today", "UTC", now), "previous", now)
    pages = {one.value: (one.before, one.now) for one in found if one.dimension == "page"}
    assert pages == {"/new": (3, 5), "/old": (4, 1)}
    everything = {(one.dimension, one.value): one.size for one in found}
    assert everything["country", "EE"] == everything["source", "Google"] == -2
