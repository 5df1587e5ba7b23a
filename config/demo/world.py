"""Who visits the demo site, read from `world.toml`; addresses are drawn so that geography finds the right countries."""

from __future__ import annotations

import random
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from tracking import places

POOL = 60  # addresses drawn per country
DRAWS = 40_000
# The share of a day's visits in each hour of the site's zone, and of a week's on each weekday from Monday
HOURS = (9, 6, 4, 3, 3, 5, 10, 20, 34, 44, 50, 52, 50, 48, 50, 51, 50, 48, 50, 56, 60, 54, 36, 18)
WEEKDAYS = (1.08, 1.12, 1.1, 1.06, 0.98, 0.82, 0.9)


@lru_cache(maxsize=1)
def world() -> dict[str, Any]:
    """The file."""
    return tomllib.loads((Path(__file__).parent / "world.toml").read_text())


def weighted(dice: random.Random, rows: list[dict[str, Any]], weight: str = "weight") -> dict[str, Any]:
    """One of the rows."""
    return dice.choices(rows, [row[weight] for row in rows])[0]


def public(dice: random.Random) -> str:
    """Any public IPv4 address."""
    while True:
        address = IPv4Address(dice.getrandbits(32))
        if address.is_global and not address.is_multicast:
            return str(address)


def address_pools(dice: random.Random) -> dict[str, list[str]]:
    """Addresses by country; without geography any address stands for any country."""
    wanted = world()["countries"]
    pools: dict[str, list[str]] = {country: [] for country in wanted}
    for _ in range(DRAWS if places.available()["places"] else 0):
        address = public(dice)
        pool = pools.get(places.columns.__wrapped__(address).get("country", ""))
        if pool is not None and len(pool) < POOL:
            pool.append(address)
    return {country: pool or [public(dice) for _ in range(POOL)] for country, pool in pools.items()}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who visits, perhaps again: address, browser, cookie, and a name if they log in."""

    ip: str
    language: str
    user_agent: str
    screen: str
    cookie: str
    tags: dict[str, str]


NAMES = ("anna", "ben", "chloe", "david", "eva", "felix", "greta", "hugo", "ida", "jonas", "kaja", "leo", "mia", "noah")
EVERY = 14  # one of so many has an account


def people(dice: random.Random, count: int) -> list[Person]:
    """The demo's visitors; some have an account at the shop."""
    pools, data = address_pools(dice), world()
    countries, weights = list(data["countries"]), list(data["countries"].values())
    found = []
    for index in range(count):
        country = dice.choices(countries, weights)[0]
        agent = weighted(dice, data["agents"])
        tags = {}
        if index % EVERY == 0:
            name = f"{NAMES[index // EVERY % len(NAMES)]}{index // EVERY}"
            plan = dice.choice(("free", "monthly", "yearly"))
            tags = {"username": name, "email": f"{name}@mail.example", "plan": plan}
        found.append(
            Person(
                dice.choice(pools[country]),
                data["languages"][country],
                agent["user_agent"],
                dice.choice(agent["screens"]),
                str(dice.getrandbits(32)),
                tags,
            )
        )
    return found
