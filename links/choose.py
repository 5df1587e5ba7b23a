"""Which way does this click go? A pure answer from a link's facts and what is known of who clicks.

Read from the top: what stops a click (status, time, cap), what comes before the mode (schedule, device, first
click), the mode, and nesting: a destination that is itself one of our links is followed here, to a bounded depth.
The answer is never empty and never unsafe: what fails every check falls back on the main address, else it stops.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from links.destination import dynamic, safe, split
from links.facts import LinkFacts
from links.models import Mode, Status

DEEPEST = 5


@dataclass(slots=True)
class Asker:
    """Who clicks. The four functions look at or change what is remembered between clicks; a spider's never do."""

    now: datetime
    languages: tuple[str, ...] = ()  # lower case, in order of preference
    country: str = ""
    device: str = ""
    email_client: bool = False
    spider: bool = False
    ddu: str = ""
    unique: Callable[[LinkFacts], bool] = lambda link: True
    turn: Callable[[LinkFacts], int] = lambda link: 1  # this click's number on the link, from 1
    step: Callable[[LinkFacts], int] = lambda link: 0  # how many clicks this visitor made on the link before
    allowed: Callable[[LinkFacts], frozenset[str]] = lambda link: frozenset()
    chance: random.Random = field(default_factory=random.Random)


@dataclass(slots=True)
class Choice:
    """Where it goes: the links on the way with the address each chose, or the word for why it stops."""

    way: list[tuple[LinkFacts, str]] = field(default_factory=list)
    stop: str = ""  # "", "paused", "blocked", "expired", "nowhere"

    @property
    def url(self) -> str:
        return self.way[-1][1] if self.way and not self.stop else ""


Find = Callable[[str, str], LinkFacts | None]


def choose(link: LinkFacts, asker: Asker, find: Find) -> Choice:
    """Follow the link, and the links it leads to. `find(host, path)` knows our own links."""
    choice = Choice()
    current: LinkFacts | None = link
    seen: set[int] = set()
    while current is not None:
        if current.link_id in seen or len(choice.way) >= DEEPEST:
            choice.stop = "nowhere"
            return choice
        seen.add(current.link_id)
        stop, url = one(current, asker)
        if stop:
            choice.stop = stop
            return choice
        choice.way.append((current, url))
        parts = split(url)
        current = find(parts.hostname or "", parts.path)
        if current is not None and (current.kind or current.password):
            current = None  # a pixel leads nowhere, and a link with a password asks for it at its own address
    return choice


def one(link: LinkFacts, asker: Asker) -> tuple[str, str]:
    """(why it stops, "") or ("", safe address) of one link."""
    if link.plain:
        return ("", link.url) if safe(link.url) else ("nowhere", "")
    stop, url = stopped(link, asker)
    if stop or url:
        return _sure(stop, url, link)
    return _sure("", early(link, asker) or MODES[link.mode](link, asker) or link.url, link)


def _sure(stop: str, url: str, link: LinkFacts) -> tuple[str, str]:
    if stop:
        return stop, ""
    for candidate in (url, link.url):
        if candidate and safe(candidate):
            return "", candidate
    return "nowhere", ""


def stopped(link: LinkFacts, asker: Asker) -> tuple[str, str]:
    """What ends before the rules begin: a word, or the address for afterwards."""
    if link.status == Status.PAUSED or (link.starts and asker.now < link.starts):
        return "paused", ""
    if link.status != Status.ACTIVE:
        return "blocked", ""
    if link.expiration_date and asker.now >= link.expiration_date:
        return after_end(link.pause_after_date, link.url_after_date)
    if link.expiration_clicks and asker.turn(link) > link.expiration_clicks:
        return after_end(link.pause_after_clicks, link.url_after_clicks)
    return "", ""


def after_end(pause: bool, url: str) -> tuple[str, str]:
    """The (state, url) of a link after its last day or click: paused, a redirect to `url`, or expired."""
    if pause:
        return "paused", ""
    return ("", url) if url else ("expired", "")


def early(link: LinkFacts, asker: Asker) -> str:
    """Rules that come before the mode."""
    for row in link.rules.get("schedule", ()):
        if in_time(row, asker.now, link.rules.get("zone", "UTC")):
            return str(row["url"])
    for device, url in link.rules.get("devices", ()):
        if device == asker.device:
            return str(url)
    if link.first_url and not asker.spider and asker.unique(link):
        return link.first_url
    return ""


def in_time(row: dict[str, object], now: datetime, zone: str) -> bool:
    """Whether a row of the schedule holds now; a time that ends before it begins runs over midnight."""
    local = now.astimezone(ZoneInfo(zone))
    clock, begin, end = local.strftime("%H:%M"), str(row["from"]), str(row["until"])
    days: list[int] = row["days"]  # type: ignore[assignment]
    today = local.isoweekday()
    if begin <= end:
        return today in days and begin <= clock <= end
    yesterday = 7 if today == 1 else today - 1
    return (today in days and clock >= begin) or (yesterday in days and clock <= end)


def simple(link: LinkFacts, asker: Asker) -> str:
    return link.url


def at_random(link: LinkFacts, asker: Asker) -> str:
    items = link.rules.get("random")
    return str(asker.chance.choice(items)) if items else ""


def in_turn(link: LinkFacts, asker: Asker) -> str:
    items = link.rules.get("sequential")
    return str(items[(asker.turn(link) - 1) % len(items)]) if items else ""


def spillover(link: LinkFacts, asker: Asker) -> str:
    items = link.rules.get("spillover")
    return str(items[min(asker.step(link), len(items) - 1)]) if items else ""


def by_weight(link: LinkFacts, asker: Asker) -> str:
    items = link.rules.get("weighted") or ()
    point = asker.chance.random() * sum(weight for _, weight in items)
    for url, weight in items:
        point -= weight
        if point < 0:
            return str(url)
    return ""


def by_language(link: LinkFacts, asker: Asker) -> str:
    table = dict(link.rules.get("languages", ()))
    for language in asker.languages:
        found = table.get(language) or table.get(language.partition("-")[0])
        if found:
            return str(found)
    return ""


def by_nation(link: LinkFacts, asker: Asker) -> str:
    return str(dict(link.rules.get("nations", ())).get(asker.country, ""))


def by_browser(link: LinkFacts, asker: Asker) -> str:
    table = link.rules.get("browser", {})
    if asker.email_client:  # before robots: mail programs fetch ahead what people are going to open
        return str(table.get("email", ""))
    if asker.spider:
        return str(table.get("spiders", ""))
    return str(table.get("mobile", "")) if asker.device in ("Mobile", "Tablet") else ""


def first_elsewhere(link: LinkFacts, asker: Asker) -> str:
    first = link.rules.get("first", "")
    return str(first) if first and not asker.spider and asker.unique(link) else ""


def by_visitor(link: LinkFacts, asker: Asker) -> str:
    return dynamic(asker.ddu, asker.allowed(link)) if asker.ddu else ""


MODES: dict[int, Callable[[LinkFacts, Asker], str]] = {
    Mode.SIMPLE: simple,
    Mode.RANDOM: at_random,
    Mode.LANGUAGE: by_language,
    Mode.SPILLOVER: spillover,
    Mode.DYNAMIC: by_visitor,
    Mode.BROWSER: by_browser,
    Mode.NATION: by_nation,
    Mode.UNIQUE: first_elsewhere,
    Mode.SEQUENTIAL: in_turn,
    Mode.WEIGHTED: by_weight,
}
