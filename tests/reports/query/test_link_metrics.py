"""Metrics of tracked links equal a naive evaluation, and every metric has one."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import pytest

from reports.query import Period, Query, ask
from reports.query.metrics import METRICS
from tests.support import NOW, event
from tests.support.naive_engine import metrics as naive_metrics
from tests.support.naive_engine.link_metrics import LINK_METRICS
from tests.support.turns import take_turns
from tests.support.types import Store
from tracking import store as event_store

ACCOUNT = 700_000_001
PERIOD = Period(NOW - timedelta(days=3), NOW, "Asia/Kolkata")
KINDS = ("link", "link", "link", "pixel", "spider", "conversion", "refund", "view")


def hit(dice: random.Random, number: int) -> dict[str, Any]:
    """A hit, conversion or view of the last five days, so that some lie outside the period."""
    kind = dice.choice(KINDS)
    built: dict[str, Any] = dict(event(
        ACCOUNT, at=NOW - timedelta(minutes=dice.randint(1, 5 * 24 * 60)), kind=kind, id=number,
        visitor=dice.randint(1, 4), visit=number, is_unique=dice.randint(0, 1),
        country=dice.choice(["DE", "EE"]), link_id=dice.randint(1, 3),
    ))  # fmt: skip
    if kind in ("conversion", "refund", "view"):
        built["click_id"] = dice.randint(0 if kind == "view" else 1, 5)
    if kind in ("conversion", "refund"):
        sign = "-" if kind == "refund" else ""
        built |= {"revenue": f"{sign}{dice.randint(1, 99)}.25", "commission": f"{sign}1.10", "currency": "EUR"}
    return {**built, "cost": f"0.{dice.randint(10, 99)}"}


def test_every_metric_has_a_naive_evaluation() -> None:
    assert set(METRICS) == {*naive_metrics.METRICS, *LINK_METRICS}
    assert {name for name, row in METRICS.items() if row.audience == "link"} == set(LINK_METRICS) - {
        "last_hit", "joined_clicks"
    }  # fmt: skip


@pytest.mark.parametrize("seed", take_turns(2, range(4)))
@pytest.mark.parametrize("by", [(), ("country",), ("link",), ("day",), ("kind",)])
def test_metrics_of_links_equal_a_naive_evaluation(store: Store, seed: int, by: tuple[str, ...]) -> None:
    dice = random.Random(seed)
    events = [hit(dice, number) for number in range(1, 80)]
    event_store.insert_rows("events", events)
    groups: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for one in events:
        if PERIOD.start <= one["ts"] < PERIOD.end:
            groups[key_of(one, by)].append(one)
    rows = ask(
        Query(sites=(ACCOUNT,), period=PERIOD, metrics=tuple(LINK_METRICS), dimensions=by, limit=1000, fill=False),
        now=NOW,
    ).rows
    assert {row[by[0]] if by else "" for row in rows} == set(groups)
    for row in rows:
        mine = groups[row[by[0]] if by else ""]
        for name, count in LINK_METRICS.items():
            wanted = count(mine)
            assert row[name] == (pytest.approx(wanted) if isinstance(wanted, float) else wanted), (row, name)


def key_of(one: dict[str, Any], by: tuple[str, ...]) -> str:
    if not by:
        return ""
    if by == ("day",):
        at: datetime = one["ts"]
        return str(at.astimezone(PERIOD.info).date())
    return str(one[{"link": "link_id"}.get(by[0], by[0])])
