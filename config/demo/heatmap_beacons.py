"""Heatmap beacons of the demo's visitors, as the tracker sends them: clicks on a page and the scroll depth."""

from __future__ import annotations

import random
from datetime import datetime
from fnmatch import fnmatchcase
from functools import lru_cache

from config import process
from config.demo.world import DemoPerson, WorldRow, choose_weighted, load_world
from sites.site_config import SiteConfig
from tracking.endpoints import heatmap
from tracking.web import EndpointRequest, parse_fields

PAGE_HEIGHTS = {"/": 2400, "/shop": 2400, "/journal": 2400}  # of a wide page in CSS pixels; others are shorter
DEFAULT_PAGE_HEIGHT = 2350
NARROW_WIDTH = 700  # pixels of width, below which a page is one column
NARROW_HEIGHT_FACTOR = 1.7  # how much taller a page of one column is
FAILED_CLICK_SHARE = 0.22  # of the clicks on an element whose clicks may fail


@lru_cache(maxsize=100)
def list_spots(page: str) -> list[WorldRow]:
    """List what can be clicked on a page."""
    return [row for row in load_world()["spots"] if fnmatchcase(page, row["pages"])]


def draw_click(spot: WorldRow, width: int, dice: random.Random) -> tuple[int, int, int, int]:
    """Draw a click on a page of this width: x, y, and the offsets within the element in per mille."""
    across, down = (min(999, max(0, int(dice.gauss(500, 170)))) for _ in range(2))
    narrow = width < NARROW_WIDTH and spot["y"] > 100
    left, wide = (0.08, 0.84) if narrow else (spot["x"], spot["w"])
    top = spot["y"] * (NARROW_HEIGHT_FACTOR if narrow else 1)
    return int((left + wide * across / 1000) * width), int(top + spot["h"] * down / 1000), across, down


def build_rows(page: str, width: int, scroll_depth: int, dice: random.Random) -> list[str]:
    """Build the rows of one page view, in the tracker's format."""
    height = PAGE_HEIGHTS.get(page, DEFAULT_PAGE_HEIGHT) * (NARROW_HEIGHT_FACTOR if width < NARROW_WIDTH else 1)
    rows = [f"{page}|0|{int(height * scroll_depth / 100)}|{width}|reach|0|0|"]
    for _ in range(min(6, int(dice.expovariate(0.8)))):
        spot = choose_weighted(dice, list_spots(page))
        x, y, across, down = draw_click(spot, width, dice)
        kind = spot.get("kind", "click") if dice.random() < FAILED_CLICK_SHARE else "click"
        if y <= height * scroll_depth / 100 + 300:
            rows += [f"{page}|{x}|{y}|{width}|{kind}|{across}|{down}|{spot['element']}"] * (3 if kind == "rage" else 1)
    return rows


def send_heatmap_beacon(
    site: SiteConfig, person: DemoPerson, page: str, view: str, scroll_depth: int, now: datetime, dice: random.Random
) -> None:
    """Send the beacon of one page view."""
    width = int(person.screen.partition("x")[0] or 1280)
    height = PAGE_HEIGHTS.get(page, DEFAULT_PAGE_HEIGHT) * (NARROW_HEIGHT_FACTOR if width < NARROW_WIDTH else 1)
    fields = parse_fields("")
    fields |= {
        "host": site.domain, "page": page, "jsuid": person.cookie, "vid": view, "lw": str(width),
        "lh": str(int(height)), "vw": str(width), "lang": person.language, "res": person.screen,
    }  # fmt: skip
    fields.repeated["heatmap[]"] = build_rows(page, width, scroll_depth, dice)
    headers = {"user-agent": person.user_agent, "accept-language": person.language}
    heatmap.receive_heatmap(
        EndpointRequest(
            state=process.state, method="POST", path="/in.php", query=b"", headers=headers, peer=person.ip, now=now
        ),
        fields,
        site,
    )
