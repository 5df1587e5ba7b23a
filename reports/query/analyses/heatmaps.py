"""Heatmaps: where visitors click on a page, how deep they scroll, and which clicks go wrong.

The same sites, periods and filters as for any query; a filter selects visits, whose clicks then count. Positions come
in two forms: by element with an offset within it (it stays right on the real page at every width), and by page
coordinates (for a picture without the page). Widths are CSS pixels of the visitor's window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict, cast

from reports.query.analyses.base import build_context, fetch_page, write_visit_condition
from reports.query.context import QueryContext
from reports.query.filters import FilterInput
from reports.query.model import Row
from reports.query.periods import Period
from reports.query.references import GoalSource
from reports.query.sql.select import Rows, Select
from reports.query.sql.tables import rows_of_sites

WIDTHS: dict[str, tuple[int, int]] = {"phone": (1, 600), "tablet": (600, 1024), "desktop": (1024, 65_536)}
GRID_COLUMNS, ROW_PIXELS = 50, 20  # of the grid
OFFSET_STEP = 50  # per mille of an element's size
SCROLL_STEPS = 20  # of the height of a page
MAX_CELLS, MAX_ELEMENTS, MAX_POINTS, MAX_WRONG_CLICKS, MAX_VIEWS = 2_000, 100, 2_000, 60, 10_000
CLICKS = "kind != 'reach'"
CLICK_COUNTS = ("count() AS clicks", "countIf(kind = 'rage') AS rage", "countIf(kind = 'dead') AS dead")
MOST_CLICKS = "clicks DESC"
TOTALS = (
    "countIf(kind != 'reach') AS clicks", "countIf(kind = 'rage') AS rage", "countIf(kind = 'dead') AS dead",
    "uniqExactIf(visit, kind != 'reach') AS visits",
    "toUInt64(ifNotFinite(quantileExactIf(0.5)(layout_height, layout_height > 0), 0)) AS height",
    "uniqExactIf(view_id, kind = 'reach' AND layout_height > 0) AS views",
)  # fmt: skip
PAGE_WIDTH = "if(layout > 0, layout, greatest(viewport, 1))"


class ClickCounts(TypedDict):
    """The clicks of a page, an element or a place, and how many of them went wrong."""

    clicks: int
    rage: int
    dead: int


class PageClicks(ClickCounts):
    """A page with clicks."""

    path: str
    host: str
    visits: int


class ElementClicks(ClickCounts):
    """An element by its selector, which is empty if it is unknown."""

    element: str
    visits: int


class ClickSpot(TypedDict):
    """A spot of an overlay.

    `ox`, `oy`: per mille of the element's size. `across` (per mille of the page's width) and `down` (pixels) serve
    where the element no longer exists.
    """

    element: str
    ox: int
    oy: int
    across: int
    down: int
    clicks: int


class ClickCell(ClickCounts):
    """A cell of a grid of GRID_COLUMNS, each ROW_PIXELS high."""

    col: int
    line: int


class WrongClicks(TypedDict):
    """The rage clicks or dead clicks of a visit on an element."""

    at: datetime
    kind: str
    visit: int
    visitor: int
    element: str
    clicks: int


@dataclass(frozen=True, kw_only=True)
class HeatmapTotals:
    """The numbers of a page. `height`: the median in CSS pixels, 0 if unknown. `views`: those with a scroll depth."""

    clicks: int = 0
    rage: int = 0
    dead: int = 0
    visits: int = 0
    height: int = 0
    views: int = 0


@dataclass(frozen=True)
class Heatmap:
    """A query of clicks: a page ("" = all pages), a class of widths ("" = all), and the context of the visits."""

    context: QueryContext
    path: str
    width: str = ""

    def from_clicks(self, *conditions: str) -> Rows:
        """Return the recorded clicks and scroll depths."""
        context = self.context
        wheres = [context.period_condition("ts"), *conditions]
        if self.path:
            wheres.append(f"path = {context.params.bind_text(self.path)}")
        if self.width in WIDTHS:
            narrowest, wider = WIDTHS[self.width]
            wheres.append(f"viewport >= {narrowest} AND viewport < {wider}")
        wheres.append(write_visit_condition(context))
        return rows_of_sites("heat", context.sites, *wheres)

    def fetch(self, select: Select, limit: int, offset: int = 0) -> list[Row]:
        return fetch_page(self.context, select, limit, offset)


def build_heatmap(
    site_id: int,
    period: Period,
    path: str = "",
    where: FilterInput = None,
    width: str = "",
    *,
    now: datetime | None = None,
    source: GoalSource | None = None,
) -> Heatmap:
    """Build the query that the functions below execute. Raises QueryRefused for a wrong filter."""
    return Heatmap(build_context((site_id,), period, where, now, source), path, width)


def fetch_pages(heatmap: Heatmap, search: str = "", limit: int = 50, offset: int = 0) -> list[PageClicks]:
    """Return pages with clicks, those with most clicks first."""
    return cast("list[PageClicks]", heatmap.fetch(select_pages(heatmap, search), limit, offset))


def select_pages(heatmap: Heatmap, search: str) -> Select:
    """Select pages with clicks, those with most clicks first."""
    matches = f"positionCaseInsensitiveUTF8(path, {heatmap.context.params.bind_text(search)}) > 0" if search else "1"
    columns = ["path", "any(host) AS host", *CLICK_COUNTS, "uniqExact(visit) AS visits"]
    return Select(columns, heatmap.from_clicks(CLICKS, matches), "path", order_by=[MOST_CLICKS, "path"])


def fetch_totals(heatmap: Heatmap) -> HeatmapTotals:
    """Return the numbers of the page."""
    (row,) = heatmap.fetch(Select(TOTALS, heatmap.from_clicks()), 1)
    return HeatmapTotals(**{name: int(value) for name, value in row.items()})


def find_host(heatmap: Heatmap) -> str:
    """Return the host name of the latest click on the page; empty without any."""
    rows = heatmap.fetch(Select(["host"], heatmap.from_clicks(), order_by=["ts DESC"]), 1)
    return str(rows[0]["host"]) if rows else ""


def fetch_elements(heatmap: Heatmap, limit: int = MAX_ELEMENTS) -> list[ElementClicks]:
    """Return the elements with most clicks."""
    columns = ["element", *CLICK_COUNTS, "uniqExact(visit) AS visits"]
    select = Select(columns, heatmap.from_clicks(CLICKS), "element", order_by=[MOST_CLICKS, "element"])
    return cast("list[ElementClicks]", heatmap.fetch(select, limit))


def fetch_points(heatmap: Heatmap, limit: int = MAX_POINTS) -> list[ClickSpot]:
    """Return the spots of an overlay."""
    return cast("list[ClickSpot]", heatmap.fetch(select_points(heatmap), limit))


def select_points(heatmap: Heatmap) -> Select:
    """Select the spots of an overlay: by offset within the element, without an element by place on the page."""
    columns = [
        "element",
        f"intDiv(offset_x, {OFFSET_STEP}) * {OFFSET_STEP} + {OFFSET_STEP // 2} AS ox",
        f"intDiv(offset_y, {OFFSET_STEP}) * {OFFSET_STEP} + {OFFSET_STEP // 2} AS oy",
        f"toUInt32(avg(least(x * 1000 / {PAGE_WIDTH}, 1000))) AS across", "toUInt32(avg(y)) AS down",
        "count() AS clicks",
    ]  # fmt: skip
    place = f"if(element = '', intDiv(y, {ROW_PIXELS}), 0), if(element = '', intDiv(x, 20), 0)"
    clicks = heatmap.from_clicks(CLICKS)
    return Select(columns, clicks, f"element, ox, oy, {place}", order_by=[MOST_CLICKS, "element", "ox", "oy"])


def fetch_cells(heatmap: Heatmap, limit: int = MAX_CELLS) -> list[ClickCell]:
    """Return the cells with most clicks."""
    columns = [
        f"toUInt32(least(intDiv(x * {GRID_COLUMNS}, {PAGE_WIDTH}), {GRID_COLUMNS - 1})) AS col",
        f"intDiv(y, {ROW_PIXELS}) AS line", *CLICK_COUNTS,
    ]  # fmt: skip
    select = Select(columns, heatmap.from_clicks(CLICKS), "col, line", order_by=[MOST_CLICKS, "line", "col"])
    return cast("list[ClickCell]", heatmap.fetch(select, limit))


def fetch_scroll_depths(heatmap: Heatmap) -> list[float]:
    """Return the share of views (0 to 1) that saw each step of the page: SCROLL_STEPS + 1 numbers, from 1.0 downwards.

    Empty if no view has a scroll depth. The deepest one of a view counts.
    """
    depths = heatmap.from_clicks("kind = 'reach'", "layout_height > 0")
    deepest = f"toUInt32(least({SCROLL_STEPS}, intDiv(max(y) * {SCROLL_STEPS}, max(layout_height))))"
    by_view = Select([f"{deepest} AS step"], depths, "view_id", order_by=["view_id"])
    rows = heatmap.fetch(by_view, MAX_VIEWS)
    if not rows:
        return []
    return [sum(int(row["step"]) >= step for row in rows) / len(rows) for step in range(SCROLL_STEPS + 1)]


def fetch_wrong_clicks(
    heatmap: Heatmap, kinds: Sequence[str] = ("rage", "dead"), limit: int = MAX_WRONG_CLICKS
) -> list[WrongClicks]:
    """Return the latest rage clicks and clicks that did nothing, a row per visit, element and kind."""
    of_kinds = f"kind IN {heatmap.context.params.bind_texts(tuple(kinds))}"
    columns = ["max(ts) AS at", "kind", "visit", "any(device) AS visitor", "element", "count() AS clicks"]
    clicks = heatmap.from_clicks(of_kinds)
    select = Select(columns, clicks, "visit, element, kind", order_by=["at DESC", "visit", "element"])
    return cast("list[WrongClicks]", heatmap.fetch(select, limit))


def find_width_name(pixels: int) -> str:
    """Return the name in WIDTHS for a window of this width; empty for none."""
    return next((name for name, (narrowest, wider) in WIDTHS.items() if narrowest <= pixels < wider), "")
