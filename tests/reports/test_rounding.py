"""Every page and API rounds half up, as people do, so that they show one number."""

from __future__ import annotations

import pytest
from babel import Locale

from reports.clickport.vocabulary import round_hundredth, round_integer
from reports.clicky.terms import format_integer, format_tenth
from reports.dashboard.presenters.tables import format_share
from reports.formatting import compare_values, format_duration, format_exact, format_percent, format_short
from reports.query.metrics import METRICS
from sites.amounts import round_amount, round_half_up

ENGLISH = Locale("en")


def exact(metric: str, value: float) -> str:
    return format_exact(value, METRICS[metric], ENGLISH)


@pytest.mark.parametrize(
    ("shown", "rounded"),
    [
        (format_tenth(6.25), "6.3"),
        (exact("bounce_rate", 6.25), "6.3%"),
        (format_percent(1, 16), "6.3%"),
        (format_percent(1, 8, 0), "13%"),
        (format_share(6.25), "6.3%"),
        (format_share(12.5), "13%"),
        (format_integer(12.5), "13"),
        (round_integer(12.5), 13),
        (exact("engagement", 12.5), "13"),
        (exact("avg_duration", 12.5), "13s"),
        (format_duration(59.5), "1m 00s"),
        (round_hundredth(2.125), 2.13),
        (exact("views_per_visit", 2.125), "2.13"),
        (str(round_amount(2.125, "EUR")), "2.13"),
        (format_short(1000.5, METRICS["revenue"], ENGLISH, "EUR"), "€1,001"),
        (str(round_half_up(-2.5)), "-3"),
        (str(round_half_up(None)), "0"),
    ],
)
def test_a_half_is_rounded_up(shown: object, rounded: object) -> None:
    assert shown == rounded


def test_a_change_too() -> None:
    change = compare_values(225, 200, METRICS["visitors"], ENGLISH)
    assert change and change.text == "13%"
    points = compare_values(10.25, 10, METRICS["bounce_rate"], ENGLISH)
    assert points and points.text == "0.3 pts"
