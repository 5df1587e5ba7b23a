"""Where the demo's visitors click on a page and how deep they look: beacons as the tracker's heatmap part sends."""

from __future__ import annotations

import random
from datetime import datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from config.demo.world import Person, weighted, world
from sites.facts import SiteFacts
from tracking import heat
from tracking.web import Request, parse_fields

HEIGHTS = {"/": 2400, "/shop": 2400, "/journal": 2400}  # of a wide page in CSS pixels; others are shorter
HEIGHT = 2350
NARROW, TALLER = 700, 1.7  # pixels of width below which a page is one column, and how much taller that is
WRONG = 0.22  # of the clicks on something that goes wrong


@lru_cache(maxsize=100)
def spots(page: str) -> list[dict[str, Any]]:
    """What can be clicked on a page."""
    return [row for row in world()["spots"] if fnmatchcase(page, row["pages"])]


def click(spot: dict[str, Any], width: int, dice: random.Random) -> tuple[int, int, int, int]:
    """x, y, and the offsets within the element in per mille, of one click on a page of this width."""
    across, down = (min(999, max(0, int(dice.gauss(500, 170)))) for _ in range(2))
    narrow = width < NARROW and spot["y"] > 100
    left, wide = (0.08, 0.84) if narrow else (spot["x"], spot["w"])
    top = spot["y"] * (TALLER if narrow else 1)
    return int((left + wide * across / 1000) * width), int(top + spot["h"] * down / 1000), across, down


def rows(page: str, width: int, reach: int, dice: random.Random) -> list[str]:
    """The rows of one view, in the tracker's form."""
    height = HEIGHTS.get(page, HEIGHT) * (TALLER if width < NARROW else 1)
    seen = [f"{page}|0|{int(height * reach / 100)}|{width}|reach|0|0|"]
    for _ in range(min(6, int(dice.expovariate(0.8)))):
        spot = weighted(dice, spots(page))
        x, y, across, down = click(spot, width, dice)
        wrong = spot.get("kind", "click") if dice.random() < WRONG else "click"
        if y <= height * reach / 100 + 300:
            seen += [f"{page}|{x}|{y}|{width}|{wrong}|{across}|{down}|{spot['element']}"] * (
                3 if wrong == "rage" else 1
            )
    return seen


def touch(
    facts: SiteFacts, person: Person, page: str, view: str, reach: int, now: datetime, dice: random.Random
) -> None:
    """Send the beacon of one view."""
    width = int(person.screen.partition("x")[0] or 1280)
    height = HEIGHTS.get(page, HEIGHT) * (TALLER if width < NARROW else 1)
    fields = parse_fields("")
    fields |= {
        "host": facts.domain, "page": page, "jsuid": person.cookie, "vid": view, "lw": str(width),
        "lh": str(int(height)), "vw": str(width), "lang": person.language, "res": person.screen,
    }  # fmt: skip
    fields.repeated["heatmap[]"] = rows(page, width, reach, dice)
    headers = {"user-agent": person.user_agent, "accept-language": person.language}
    heat.receive(Request("POST", "/in.php", b"", headers, person.ip, now), fields, facts)
