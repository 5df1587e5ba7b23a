"""A page's clicks as SVG drawn on the server: an outline of the page, cells by clicks, and the curve of scroll depth.

One unit is a thousandth of the page's width. Colours are the classes `heat-level-1` to `heat-level-7`, of one hue and
evenly decreasing lightness (static/css/heatmaps.css). The levels grow by a factor, because a few spots get most of the
clicks.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from reports.query.analyses.heatmaps import GRID_COLUMNS, ROW_PIXELS, SCROLL_STEPS, ClickCell, HeatmapTotals

LEVELS = 7
PAGE_WIDTH = 1000  # units
TYPICAL_WIDTHS = {"phone": 390, "tablet": 820, "desktop": 1440, "": 1280}  # CSS pixels, for the proportions
MAX_HEIGHT = 24_000  # CSS pixels that are drawn
MIN_HEIGHT = 600
CURVE_WIDTH = 160  # units of the curve of scroll depth, beside the page


@dataclass(frozen=True, kw_only=True)
class HeatmapCell:
    """A square with clicks."""

    x: str
    y: str
    level: int
    words: str
    rage: bool
    dead: bool


@dataclass(frozen=True)
class ScrollStep:
    """The share of page views that displayed a part of the page."""

    percent: int  # of the page's height, from the top
    share: str


@dataclass(frozen=True, kw_only=True)
class HeatmapDrawing:
    """The picture, as the template needs it. `legend` is (class, from, to) by level."""

    cells: list[HeatmapCell]
    size: str  # width and height of a cell
    side: str
    height: str
    total_width: int
    legend: list[tuple[str, int, int]]
    scroll_curve: str
    marks: list[tuple[str, str, str]]  # y, y of the text, text
    steps: list[ScrollStep]
    left_out: int


def draw_heatmap(totals: HeatmapTotals, rows: list[ClickCell], depth_shares: list[float], width: str) -> HeatmapDrawing:
    """Draw a page from its cells. `depth_shares`: the share of page views that displayed each twentieth of it."""
    unit = PAGE_WIDTH / TYPICAL_WIDTHS.get(width, TYPICAL_WIDTHS[""])  # units of one CSS pixel
    deepest = max([totals.height or MIN_HEIGHT, MIN_HEIGHT, *((row["line"] + 1) * ROW_PIXELS for row in rows)])
    height = min(deepest, MAX_HEIGHT)
    drawn = [row for row in rows if (row["line"] + 1) * ROW_PIXELS <= height]
    bounds = compute_level_bounds(max((int(row["clicks"]) for row in drawn), default=0))
    page_height = min(totals.height or height, height) * unit
    steps = range(0, SCROLL_STEPS + 1, 2) if depth_shares else ()
    return HeatmapDrawing(
        cells=[draw_cell(row, unit, bounds) for row in drawn],
        size=f"{PAGE_WIDTH / GRID_COLUMNS:g}",
        side=f"{ROW_PIXELS * unit:.2f}",
        height=f"{height * unit:.1f}",
        total_width=PAGE_WIDTH + (CURVE_WIDTH if depth_shares else 0),
        legend=[(f"heat-level-{i + 1}", (bounds[i - 1] if i else 0) + 1, bound) for i, bound in enumerate(bounds)],
        scroll_curve=draw_curve(depth_shares, page_height),
        marks=draw_marks(depth_shares, page_height),
        steps=[ScrollStep(100 * step // SCROLL_STEPS, f"{100 * depth_shares[step]:.0f}%") for step in steps],
        left_out=sum(int(row["clicks"]) for row in rows) - sum(int(row["clicks"]) for row in drawn),
    )


def compute_level_bounds(most_clicks: int) -> list[int]:
    """Return the upper bounds of the levels: whole numbers that grow by a factor, the last one `most_clicks`."""
    if most_clicks <= 0:
        return []
    return sorted({max(1, round(most_clicks ** ((i + 1) / LEVELS))) for i in range(LEVELS - 1)} | {most_clicks})


def draw_cell(row: ClickCell, unit: float, bounds: list[int]) -> HeatmapCell:
    """Return the square of a cell, with its clicks in words."""
    clicks, rage, dead = row["clicks"], row["rage"], row["dead"]
    words = f"{clicks} click{'' if clicks == 1 else 's'}"
    words += f", {rage} of rage" if rage else ""
    words += f", {dead} dead" if dead else ""
    return HeatmapCell(
        x=f"{row['col'] * PAGE_WIDTH / GRID_COLUMNS:g}",
        y=f"{row['line'] * ROW_PIXELS * unit:.2f}",
        level=bisect_left(bounds, clicks) + 1,
        words=words,
        rage=rage > 0,
        dead=dead > 0,
    )


def draw_curve(depth_shares: list[float], height: float) -> str:
    """Return the path of the area beside the page, as wide at each depth as the share of views that displayed it."""
    if not depth_shares:
        return ""
    left = PAGE_WIDTH + 10
    points = [
        f"L{left + share * (CURVE_WIDTH - 20):.1f} {height * i / SCROLL_STEPS:.1f}"
        for i, share in enumerate(depth_shares)
    ]
    return f"M{left} 0{''.join(points)}L{left} {height:.1f}Z"


def draw_marks(depth_shares: list[float], height: float) -> list[tuple[str, str, str]]:
    """Return lines across the page at the depth that three quarters, half and a quarter of the views displayed."""
    marks = []
    for share in (0.75, 0.5, 0.25):
        last = max((i for i, value in enumerate(depth_shares) if value >= share), default=-1)
        if 0 < last < SCROLL_STEPS:
            y = height * last / SCROLL_STEPS
            marks.append((f"{y:.1f}", f"{y - 6:.1f}", f"{share:.0%} saw this far"))
    return marks
