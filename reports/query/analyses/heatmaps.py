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
from reports.query.sql.select import Rows
from reports.query.sql.tables import rows_of_sites

WIDTHS: dict[str, tuple[int, int]] = {"phone": (1, 600), "tablet": (600, 1024), "desktop": (1024, 65_536)}
GRID_COLUMNS, ROW_PIXELS = 50, 20  # of the grid
OFFSET_STEP = 50  # per mille of an element's size
SCROLL_STEPS = 20  # of the height of a page
MAX_CELLS, MAX_ELEMENTS, MAX_POINTS, MAX_WRONG_CLICKS, MAX_VIEWS = 2_000, 100, 2_000, 60, 10_000
CLICKS = "kind != 'reach'"
CLICK_COUNTS = "count() AS clicks, countIf(kind = 'rage') AS rage, countIf(kind = 'dead') AS dead"
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

    def fetch(self, sql: str, limit: int, offset: int = 0) -> list[Row]:
        return fetch_page(self.context, sql, limit, offset)


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
    matches = f"positionCaseInsensitiveUTF8(path, {heatmap.context.params.bind_text(search)}) > 0" if search else "1"
    sql = (
        f"SELECT path, any(host) AS host, {CLICK_COUNTS}, uniqExact(visit) AS visits "
        f"{heatmap.from_clicks(CLICKS, matches)} GROUP BY path ORDER BY clicks DESC, path"
    )
    return cast("list[PageClicks]", heatmap.fetch(sql, limit, offset))


def fetch_totals(heatmap: Heatmap) -> HeatmapTotals:
    """Return the numbers of the page."""
    (row,) = heatmap.fetch(
        "SELECT countIf(kind != 'reach') AS clicks, countIf(kind = 'rage') AS rage, countIf(kind = 'dead') AS dead, "
        "uniqExactIf(visit, kind != 'reach') AS visits, "
        "toUInt64(ifNotFinite(quantileExactIf(0.5)(layout_height, layout_height > 0), 0)) AS height, "
        f"uniqExactIf(view_id, kind = 'reach' AND layout_height > 0) AS views {heatmap.from_clicks()}",
        1,
    )
    return HeatmapTotals(**{name: int(value) for name, value in row.items()})


def find_host(heatmap: Heatmap) -> str:
    """Return the host name of the latest click on the page; empty without any."""
    rows = heatmap.fetch(f"SELECT host {heatmap.from_clicks()} ORDER BY ts DESC", 1)
    return str(rows[0]["host"]) if rows else ""


def fetch_elements(heatmap: Heatmap, limit: int = MAX_ELEMENTS) -> list[ElementClicks]:
    """Return the elements with most clicks."""
    rows = heatmap.fetch(
        f"SELECT element, {CLICK_COUNTS}, uniqExact(visit) AS visits {heatmap.from_clicks(CLICKS)} "
        "GROUP BY element ORDER BY clicks DESC, element",
        limit,
    )
    return cast("list[ElementClicks]", rows)


def fetch_points(heatmap: Heatmap, limit: int = MAX_POINTS) -> list[ClickSpot]:
    """Return the spots of an overlay."""
    rows = heatmap.fetch(
        f"SELECT element, intDiv(offset_x, {OFFSET_STEP}) * {OFFSET_STEP} + {OFFSET_STEP // 2} AS ox, "
        f"intDiv(offset_y, {OFFSET_STEP}) * {OFFSET_STEP} + {OFFSET_STEP // 2} AS oy, "
        f"toUInt32(avg(least(x * 1000 / {PAGE_WIDTH}, 1000))) AS across, toUInt32(avg(y)) AS down, count() AS clicks "
        f"{heatmap.from_clicks(CLICKS)} "
        f"GROUP BY element, ox, oy, if(element = '', intDiv(y, {ROW_PIXELS}), 0), if(element = '', intDiv(x, 20), 0) "
        "ORDER BY clicks DESC, element, ox, oy",
        limit,
    )
    return cast("list[ClickSpot]", rows)


def fetch_cells(heatmap: Heatmap, limit: int = MAX_CELLS) -> list[ClickCell]:
    """Return the cells with most clicks."""
    rows = heatmap.fetch(
        f"SELECT toUInt32(least(intDiv(x * {GRID_COLUMNS}, {PAGE_WIDTH}), {GRID_COLUMNS - 1})) AS col, "
        f"intDiv(y, {ROW_PIXELS}) AS line, {CLICK_COUNTS} {heatmap.from_clicks(CLICKS)} "
        "GROUP BY col, line ORDER BY clicks DESC, line, col",
        limit,
    )
    return cast("list[ClickCell]", rows)


def fetch_scroll_depths(heatmap: Heatmap) -> list[float]:
    """Return the share of views (0 to 1) that saw each step of the page: SCROLL_STEPS + 1 numbers, from 1.0 downwards.

    Empty if no view has a scroll depth. The deepest one of a view counts.
    """
    depths = heatmap.from_clicks("kind = 'reach'", "layout_height > 0")
    deepest = f"toUInt32(least({SCROLL_STEPS}, intDiv(max(y) * {SCROLL_STEPS}, max(layout_height))))"
    rows = heatmap.fetch(f"SELECT {deepest} AS step {depths} GROUP BY view_id ORDER BY view_id", MAX_VIEWS)
    if not rows:
        return []
    return [sum(int(row["step"]) >= step for row in rows) / len(rows) for step in range(SCROLL_STEPS + 1)]


def fetch_wrong_clicks(
    heatmap: Heatmap, kinds: Sequence[str] = ("rage", "dead"), limit: int = MAX_WRONG_CLICKS
) -> list[WrongClicks]:
    """Return the latest rage clicks and clicks that did nothing, a row per visit, element and kind."""
    of_kinds = f"kind IN {heatmap.context.params.bind_texts(tuple(kinds))}"
    rows = heatmap.fetch(
        "SELECT max(ts) AS at, kind, visit, any(device) AS visitor, element, count() AS clicks "
        f"{heatmap.from_clicks(of_kinds)} GROUP BY visit, element, kind ORDER BY at DESC, visit, element",
        limit,
    )
    return cast("list[WrongClicks]", rows)


def find_width_name(pixels: int) -> str:
    """Return the name in WIDTHS for a window of this width; empty for none."""
    return next((name for name, (narrowest, wider) in WIDTHS.items() if narrowest <= pixels < wider), "")
