"""A page's clicks as SVG drawn on the server: an outline of the page, cells by clicks, and the curve of scroll reach.

One unit is a thousandth of the page's width. Colour is a class, `heat-1` to `heat-7`, of one hue whose lightness falls
evenly (static/css/heat.css); steps grow by a factor, because a few spots always hold most clicks.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

from reports.engine.heat import COLUMNS, REACH_STEPS, ROW_PIXELS, Totals

LEVELS = 7
WIDE = 1000
USUAL = {"phone": 390, "tablet": 820, "desktop": 1440, "": 1280}  # CSS pixels of a page's width, for its proportions
TALLEST = 24_000  # CSS pixels that are drawn
SHORTEST = 600
CURVE = 160  # units the curve of scroll reach takes, beside the page


@dataclass(frozen=True)
class Cell:
    """One square with clicks."""

    x: str
    y: str
    level: int
    words: str
    rage: bool
    dead: bool


@dataclass(frozen=True)
class Step:
    """How many saw this part of the page."""

    percent: int  # of the page's height, from the top
    share: str


@dataclass(frozen=True)
class Drawing:
    """`legend` is (class, from, to) by level."""

    cells: list[Cell]
    size: str  # width and height of a cell
    side: str
    height: str
    total_width: int
    legend: list[tuple[str, int, int]]
    reach: str
    marks: list[tuple[str, str, str]]  # y, its text's y, words
    steps: list[Step]
    left_out: int


def draw(totals: Totals, rows: list[dict[str, Any]], reach: list[float], width: str) -> Drawing:
    """The picture of a page from its cells and the shares of views that saw each twentieth."""
    usual = USUAL.get(width, USUAL[""])
    unit = WIDE / usual  # drawn units of one CSS pixel
    deepest = max([totals.height or SHORTEST, SHORTEST, *((row["line"] + 1) * ROW_PIXELS for row in rows)])
    tall = min(deepest, TALLEST)
    kept = [row for row in rows if (row["line"] + 1) * ROW_PIXELS <= tall]
    bounds = steps_of(max((int(row["clicks"]) for row in kept), default=0))
    page = min(totals.height or tall, tall)
    return Drawing(
        [cell(row, unit, bounds) for row in kept],
        f"{WIDE / COLUMNS:g}",
        f"{ROW_PIXELS * unit:.2f}",
        f"{tall * unit:.1f}",
        WIDE + (CURVE if reach else 0),
        [(f"heat-{i + 1}", (bounds[i - 1] if i else 0) + 1, bound) for i, bound in enumerate(bounds)],
        curve(reach, page * unit),
        marks(reach, page * unit),
        [Step(100 * i // REACH_STEPS, f"{100 * reach[i]:.0f}%") for i in range(0, REACH_STEPS + 1, 2)] if reach else [],
        sum(int(row["clicks"]) for row in rows) - sum(int(row["clicks"]) for row in kept),
    )


def steps_of(most: int) -> list[int]:
    """Upper bounds of the levels: growing by a factor, whole numbers, the last one `most`."""
    if most <= 0:
        return []
    return sorted({max(1, round(most ** ((i + 1) / LEVELS))) for i in range(LEVELS - 1)} | {most})


def cell(row: dict[str, Any], unit: float, bounds: list[int]) -> Cell:
    clicks, rage, dead = (int(row[name]) for name in ("clicks", "rage", "dead"))
    words = f"{clicks} click{'' if clicks == 1 else 's'}"
    words += f", {rage} of rage" if rage else ""
    words += f", {dead} dead" if dead else ""
    return Cell(
        f"{row['col'] * WIDE / COLUMNS:g}", f"{row['line'] * ROW_PIXELS * unit:.2f}",
        bisect_left(bounds, clicks) + 1, words, rage > 0, dead > 0,
    )  # fmt: skip


def curve(reach: list[float], height: float) -> str:
    """An area right of the page: as wide at each depth as the share of views that saw it."""
    if not reach:
        return ""
    places = [
        f"L{WIDE + 10 + share * (CURVE - 20):.1f} {height * i / REACH_STEPS:.1f}" for i, share in enumerate(reach)
    ]
    return f"M{WIDE + 10} 0{''.join(places)}L{WIDE + 10} {height:.1f}Z"


def marks(reach: list[float], height: float) -> list[tuple[str, str, str]]:
    """Lines across the page where only three quarters, half and a quarter of the views still came."""
    found = []
    for share in (0.75, 0.5, 0.25):
        last = max((i for i, value in enumerate(reach) if value >= share), default=-1)
        if 0 < last < REACH_STEPS:
            y = height * last / REACH_STEPS
            found.append((f"{y:.1f}", f"{y - 6:.1f}", f"{share:.0%} saw this far"))
    return found
