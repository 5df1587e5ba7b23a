"""Bars of numbers by day, as the page of usage draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

HEIGHT, STEP, WIDTH = 80, 20, 16  # of the drawing, of one day, and of its bar


@dataclass(frozen=True, kw_only=True)
class DayBar:
    """The bar of a day: its place and size in the drawing."""

    day: date
    number: int
    x: int
    y: int
    height: int


@dataclass(frozen=True, kw_only=True)
class DayChart:
    """The bars of a month. `total` 0: there is nothing to draw."""

    bars: Sequence[DayBar]
    width: int
    total: int
    highest: int
    height: int = HEIGHT
    bar_width: int = WIDTH


def draw_days(numbers: Sequence[tuple[date, int]]) -> DayChart:
    """Draw one bar for each day; the highest number is as high as the drawing, and none above 0 is invisible."""
    highest = max((number for _, number in numbers), default=0)
    bars = []
    for place, (day, number) in enumerate(numbers):
        height = max(1, HEIGHT * number // highest) if number else 0
        bars.append(DayBar(day=day, number=number, x=place * STEP, y=HEIGHT - height, height=height))
    total = sum(number for _, number in numbers)
    return DayChart(bars=bars, width=len(bars) * STEP, total=total, highest=highest)
