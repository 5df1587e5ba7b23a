"""The demo's visitors, from `world.toml`. Their addresses are drawn so that geography finds the right countries."""

from __future__ import annotations

import random
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, TypeAlias

from tracking import geo

WorldRow: TypeAlias = dict[str, Any]  # a table of `world.toml`
POOL_SIZE = 60  # addresses drawn per country
MAX_DRAWS = 40_000
# The share of a day's visits in each hour of the site's zone, and of a week's on each weekday from Monday
HOUR_WEIGHTS = (9, 6, 4, 3, 3, 5, 10, 20, 34, 44, 50, 52, 50, 48, 50, 51, 50, 48, 50, 56, 60, 54, 36, 18)
WEEKDAY_WEIGHTS = (1.08, 1.12, 1.1, 1.06, 0.98, 0.82, 0.9)


@lru_cache(maxsize=1)
def load_world() -> WorldRow:
    """Load `world.toml`."""
    return tomllib.loads((Path(__file__).parent / "world.toml").read_text())


def choose_weighted(dice: random.Random, rows: list[WorldRow], weight: str = "weight") -> WorldRow:
    """Choose one of the rows by weight."""
    return dice.choices(rows, [row[weight] for row in rows])[0]


def draw_public_address(dice: random.Random) -> str:
    """Draw a public IPv4 address."""
    while True:
        address = IPv4Address(dice.getrandbits(32))
        if address.is_global and not address.is_multicast:
            return str(address)


def build_address_pools(dice: random.Random) -> dict[str, list[str]]:
    """Draw addresses by country; without geography any address is taken for any country."""
    countries = load_world()["countries"]
    pools: dict[str, list[str]] = {country: [] for country in countries}
    for _ in range(MAX_DRAWS if geo.list_available()["places"] else 0):
        address = draw_public_address(dice)
        pool = pools.get(geo.look_up.__wrapped__(address).get("country", ""))
        if pool is not None and len(pool) < POOL_SIZE:
            pool.append(address)
    return {country: pool or [draw_public_address(dice) for _ in range(POOL_SIZE)] for country, pool in pools.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPerson:
    """Somebody who visits once or more: address, browser, cookie, and tags with a name if they have an account."""

    ip: str
    language: str
    user_agent: str
    screen: str
    cookie: str
    tags: dict[str, str]


PERSON_NAMES = (
    "anna",
    "ben",
    "chloe",
    "david",
    "eva",
    "felix",
    "greta",
    "hugo",
    "ida",
    "jonas",
    "kaja",
    "leo",
    "mia",
    "noah",
)
REGULAR_INTERVAL = 14  # one visitor in this many has an account


def create_people(dice: random.Random, count: int) -> list[DemoPerson]:
    """Create the demo's visitors; one in REGULAR_INTERVAL has an account at the shop."""
    pools, data = build_address_pools(dice), load_world()
    countries, weights = list(data["countries"]), list(data["countries"].values())
    people = []
    for index in range(count):
        country = dice.choices(countries, weights)[0]
        agent = choose_weighted(dice, data["agents"])
        tags = {}
        if index % REGULAR_INTERVAL == 0:
            name = f"{PERSON_NAMES[index // REGULAR_INTERVAL % len(PERSON_NAMES)]}{index // REGULAR_INTERVAL}"
            plan = dice.choice(("free", "monthly", "yearly"))
            tags = {"username": name, "email": f"{name}@mail.example", "plan": plan}
        people.append(
            DemoPerson(
                ip=dice.choice(pools[country]),
                language=data["languages"][country],
                user_agent=agent["user_agent"],
                screen=dice.choice(agent["screens"]),
                cookie=str(dice.getrandbits(32)),
                tags=tags,
            )
        )
    return people
