"""Where people click on a page, how deep they look, and which clicks go wrong, from what the tracker recorded.

The same tenant, period and filter JSON as every other question; a filter chooses visits, whose clicks then count.
Places are read in two ways: by element with an offset within it (it finds itself on the real page at every width), and
by page coordinates (for a picture without the page). Widths are CSS pixels of the visitor's window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from reports.engine.conditions import Conditions
from reports.engine.lists import asked, scene_of
from reports.engine.lookup import Source
from reports.engine.period import Period
from reports.engine.scene import LONGEST_VISIT, Scene
from reports.engine.tables import rows_of_sites

Row = dict[str, Any]
WIDTHS: dict[str, tuple[int, int]] = {"phone": (1, 600), "tablet": (600, 1024), "desktop": (1024, 65_536)}
COLUMNS, ROW_PIXELS, OFFSET_STEP, REACH_STEPS = 50, 20, 50, 20
MOST_CELLS, MOST_ELEMENTS, MOST_POINTS, MOST_WRONG = 2_000, 100, 2_000, 60
CLICKS = "kind != 'reach'"
TALLIES = "count() AS clicks, countIf(kind = 'rage') AS rage, countIf(kind = 'dead') AS dead"
ACROSS = "if(layout > 0, layout, greatest(viewport, 1))"


@dataclass(frozen=True)
class Totals:
    """Of one page. `height`: the usual height in CSS pixels, 0 where none told; `views` told how deep they went."""

    clicks: int = 0
    rage: int = 0
    dead: int = 0
    visits: int = 0
    height: int = 0
    views: int = 0


@dataclass(frozen=True)
class Heat:
    """One page: which page and visits, and the FROM they make."""

    scene: Scene
    path: str
    width: str = ""

    def source(self, *conditions: str) -> str:
        """FROM … WHERE of the page's rows."""
        wheres = [self.scene.within("ts"), *conditions]
        if self.path:
            wheres.append(f"path = {self.scene.params.text(self.path)}")
        if self.width in WIDTHS:
            least, below = WIDTHS[self.width]
            wheres.append(f"viewport >= {least} AND viewport < {below}")
        if self.scene.tree is not None:
            chosen = Conditions(self.scene).visits(self.scene.tree)
            wheres.append(f"visit IN (SELECT visit FROM {self.scene.visits(LONGEST_VISIT)} WHERE {chosen})")
        return rows_of_sites("heat", self.scene.sites, *wheres)

    def rows(self, sql: str, limit: int, offset: int = 0) -> list[Row]:
        return asked(self.scene, sql, limit, offset)


def heat(
    site_id: int,
    period: Period,
    path: str = "",
    where: Any = None,
    width: str = "",
    *,
    now: datetime | None = None,
    source: Source | None = None,
) -> Heat:
    """What the other functions ask about. Raises QueryRefused for a filter that makes no sense."""
    return Heat(scene_of((site_id,), period, where, now, source), path, width)


def pages(of: Heat, search: str = "", limit: int = 50, offset: int = 0) -> list[Row]:
    """Pages with clicks: path, host, clicks, rage, dead, visits; the most clicked first."""
    found = f"positionCaseInsensitiveUTF8(path, {of.scene.params.text(search)}) > 0" if search else "1"
    sql = (
        f"SELECT path, any(host) AS host, {TALLIES}, uniqExact(visit) AS visits {of.source(CLICKS, found)} "
        "GROUP BY path ORDER BY clicks DESC, path"
    )
    return of.rows(sql, limit, offset)


def totals(of: Heat) -> Totals:
    """The page's numbers."""
    (row,) = of.rows(
        "SELECT countIf(kind != 'reach') AS clicks, countIf(kind = 'rage') AS rage, countIf(kind = 'dead') AS dead, "
        "uniqExactIf(visit, kind != 'reach') AS visits, "
        "toUInt64(ifNotFinite(quantileExactIf(0.5)(layout_height, layout_height > 0), 0)) AS height, "
        f"uniqExactIf(view_id, kind = 'reach' AND layout_height > 0) AS views {of.source()}",
        1,
    )
    return Totals(**{name: int(value) for name, value in row.items()})


def host(of: Heat) -> str:
    """The host name the page was last seen under; empty where nobody clicked."""
    found = of.rows(f"SELECT host {of.source()} ORDER BY ts DESC", 1)
    return str(found[0]["host"]) if found else ""


def elements(of: Heat, limit: int = MOST_ELEMENTS) -> list[Row]:
    """Elements by clicks: element (a selector, empty where none was told), clicks, rage, dead, visits."""
    return of.rows(
        f"SELECT element, {TALLIES}, uniqExact(visit) AS visits {of.source(CLICKS)} "
        "GROUP BY element ORDER BY clicks DESC, element",
        limit,
    )


def points(of: Heat, limit: int = MOST_POINTS) -> list[Row]:
    """Spots for an overlay: element, ox, oy (per mille within it), x, y (x per mille of the width, y in pixels; they
    count where the element is not there any more), clicks."""
    return of.rows(
        f"SELECT element, intDiv(offset_x, {OFFSET_STEP}) * {OFFSET_STEP} + {OFFSET_STEP // 2} AS ox, "
        f"intDiv(offset_y, {OFFSET_STEP}) * {OFFSET_STEP} + {OFFSET_STEP // 2} AS oy, "
        f"toUInt32(avg(least(x * 1000 / {ACROSS}, 1000))) AS across, toUInt32(avg(y)) AS down, count() AS clicks "
        f"{of.source(CLICKS)} "
        f"GROUP BY element, ox, oy, if(element = '', intDiv(y, {ROW_PIXELS}), 0), if(element = '', intDiv(x, 20), 0) "
        "ORDER BY clicks DESC, element, ox, oy",
        limit,
    )


def cells(of: Heat, limit: int = MOST_CELLS) -> list[Row]:
    """A grid of the page for a picture: column (of COLUMNS), row (of ROW_PIXELS each), clicks, rage, dead."""
    return of.rows(
        f"SELECT toUInt32(least(intDiv(x * {COLUMNS}, {ACROSS}), {COLUMNS - 1})) AS col, "
        f"intDiv(y, {ROW_PIXELS}) AS line, {TALLIES} {of.source(CLICKS)} "
        "GROUP BY col, line ORDER BY clicks DESC, line, col",
        limit,
    )


def reach(of: Heat) -> list[float]:
    """The share of views (0 to 1) that saw each twentieth of the page: REACH_STEPS + 1 numbers, from 1.0 downwards.

    Empty where no view told. The deepest row of a view counts.
    """
    source = of.source("kind = 'reach'", "layout_height > 0")
    deepest = f"toUInt32(least({REACH_STEPS}, intDiv(max(y) * {REACH_STEPS}, max(layout_height))))"
    rows = of.rows(f"SELECT {deepest} AS step {source} GROUP BY view_id ORDER BY view_id", 10_000)
    if not rows:
        return []
    return [sum(int(row["step"]) >= step for row in rows) / len(rows) for step in range(REACH_STEPS + 1)]


def wrong(of: Heat, kinds: Sequence[str] = ("rage", "dead"), limit: int = MOST_WRONG) -> list[Row]:
    """The latest clicks of rage and clicks that did nothing, one row per visit, element and kind:
    at, kind, visit, visitor, element, clicks."""
    wanted = f"kind IN {of.scene.params.texts(tuple(kinds))}"
    return of.rows(
        "SELECT max(ts) AS at, kind, visit, any(device) AS visitor, element, count() AS clicks "
        f"{of.source(wanted)} GROUP BY visit, element, kind ORDER BY at DESC, visit, element",
        limit,
    )


def at_width(of: Heat, width: str) -> Heat:
    """The same page at another width: a word of WIDTHS, or empty for all."""
    return replace(of, width=width)


def width_of(pixels: int) -> str:
    """The word of WIDTHS a window of this width belongs to; empty for none."""
    return next((name for name, (least, below) in WIDTHS.items() if least <= pixels < below), "")
