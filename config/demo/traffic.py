"""Visits of the demo site: what people do there, page after page, sent as hits at once."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from config.demo import clicks, hands
from config.demo.watched import closed
from config.demo.world import EVERY, HOURS, WEEKDAYS, Person, people, public, weighted, world
from sites import known
from sites.facts import SiteFacts
from tracking import intake
from tracking.hit import Hit

PER_DAY = 420
CROWD = 6000
BOT_SHARE = 0.06
REGULARS = 0.3  # of the visits: by people with an account, each a few times a week
BOTS_ON_LINKS = 0.25  # of the bots
TOUCHED = 0.25  # of the views tell where people clicked
TALK_DAYS = 9  # ago somebody wrote about us
TALK = {
    "path": "/journal/water-matters", "title": "Water matters more than you think",
    "referrer": "https://news.ycombinator.com/item?id=38200000",
}  # fmt: skip
STAY = timedelta(days=30)  # in which the crowd walks past: people come, and come back ever more rarely


@dataclass
class Visitor:
    """One visit in the making: a clock that goes forward, and how many hits were sent."""

    facts: SiteFacts
    person: Person
    clock: datetime
    now: datetime
    dice: random.Random
    sent: int = 0
    page: str = "/"
    view: str = ""
    jar: str = ""  # cookies of the links' host
    link: dict[str, Any] = field(default_factory=dict)  # the link that led here, as the world has it

    def say(self, kind: str, **more: object) -> Hit | None:
        """One hit at this moment, unless the moment has not come yet."""
        if self.clock > self.now:
            return None
        person = self.person
        hit = Hit(
            site_id=self.facts.site_id, kind=kind, ip=person.ip, user_agent=person.user_agent, now=self.clock,
            at=self.clock, url=f"https://{self.facts.domain}{self.page}", language=person.language,
            screen=person.screen, cookie=person.cookie, tags=person.tags, view_id=self.view, trusted=True,
        )  # fmt: skip
        for name, value in more.items():
            setattr(hit, name, value)
        intake.receive(hit, self.facts)
        self.sent += 1
        return hit

    def read(self, path: str, title: str, referrer: str = "", query: str = "") -> None:
        """Look at a page: a view, then pings while it has attention."""
        self.page, self.view = path, f"{self.dice.getrandbits(52):013x}"
        url = f"https://{self.facts.domain}{path}{'?' + query if query else ''}"
        self.say("view", title=title, url=url, referrer=referrer, split=self.version())
        seconds = min(400.0, self.dice.lognormvariate(3.3, 1.0))
        reach = min(100, int(self.dice.betavariate(2, 1.6) * 105))
        for part in (0.4, 0.6) if seconds > 30 else (1.0,):
            self.clock += timedelta(seconds=seconds * part)
            self.say("ping", engaged=seconds * part * 0.85, scroll=int(reach * (0.6 if part == 0.4 else 1)))
        if self.sent and self.clock <= self.now and self.dice.random() < TOUCHED:
            hands.touch(self.facts, self.person, path, self.view, max(reach, 20), self.clock, self.dice)

    def test(self) -> tuple[dict[str, Any], int] | None:
        """The split test that is on, and which of its versions this visitor sees."""
        for test in world()["splits"]:
            if self.clock > self.now - timedelta(days=test["days"]):
                return test, int(self.person.cookie or 0) // 7 % len(test["arms"])
        return None

    def version(self) -> tuple[str, str] | None:
        """(test, version) of the page, where it has versions."""
        found = self.test()
        return (found[0]["name"], found[0]["arms"][found[1]]) if found and found[0]["page"] == self.page else None

    @property
    def keen(self) -> float:
        """How much more often than usual this visitor buys."""
        found = self.test()
        return float(found[0]["wins"][found[1]]) if found else 1.0

    def bought(self, name: str, price: float) -> None:
        """Tell the goal, and the conversion where a link led here."""
        order = f"NW-{self.dice.randrange(10_000, 99_999)}"
        hit = self.say("goal", name=name, revenue=round(price, 2), currency="EUR", props={"order": order})
        if hit is not None and name in self.link.get("conversions", ()):
            clicks.report(
                self.facts.account_id, name, self.person, self.clock, jar=self.jar, value=price, order=order,
                percent=self.link.get("commission", 0),
            )  # fmt: skip


def ordinary_visit(visitor: Visitor) -> None:
    """Arrive from somewhere, look at some pages, perhaps do something there."""
    dice, data = visitor.dice, world()
    source = weighted(dice, arrivals())
    page = weighted(dice, data["pages"], "landing")
    if "link" in source:
        arrive(visitor, source["link"])
    elif talked_about(visitor):
        visitor.read(TALK["path"], TALK["title"], TALK["referrer"])
    else:
        visitor.read(page["path"], page["title"], source["referrer"], source.get("query", ""))
    for _ in range(min(14, int(dice.expovariate(0.55))) if visitor.sent else 0):
        page = weighted(dice, data["pages"])
        visitor.read(page["path"], page["title"], f"https://{visitor.facts.domain}{visitor.page}")
        act(visitor)


@lru_cache(maxsize=1)
def arrivals() -> list[dict[str, Any]]:
    """Where visits begin: the sources, and the links with their share of the clicks."""
    return [*world()["sources"], *({"link": row, "weight": row["clicks"]} for row in world()["links"])]


def arrive(visitor: Visitor, link: dict[str, Any]) -> None:
    """Open the mail, click on the link, land where it leads."""
    person, account, referrer = visitor.person, visitor.facts.account_id, link.get("referrer", "")
    if link.get("phone"):
        person = visitor.person = on_the_go(person, visitor.dice)
    if "opened" in link:
        for _ in range(1 + int(visitor.dice.expovariate(0.9))):  # most who open a mail do not click
            other = replace(person, ip=public(visitor.dice))
            earlier = visitor.clock - timedelta(minutes=visitor.dice.uniform(1, 300))
            clicks.see(account, link["opened"], other, earlier)
        clicks.see(account, link["opened"], person, visitor.clock)
        visitor.clock += timedelta(seconds=visitor.dice.uniform(4, 40))
    if visitor.clock > visitor.now:
        return
    address, visitor.jar = clicks.follow(account, link["alias"], person, visitor.clock, referrer)
    parts = urlsplit(address)
    if not link.get("lands") or parts.hostname != visitor.facts.domain:
        return
    visitor.link = link
    visitor.clock += timedelta(seconds=visitor.dice.uniform(0.6, 4))
    title = next((page["title"] for page in world()["pages"] if page["path"] == parts.path), "")
    visitor.read(parts.path or "/", title, referrer, parts.query)
    act(visitor)


def on_the_go(person: Person, dice: random.Random) -> Person:
    """The person with a phone, as it is held over a code on paper."""
    agent = weighted(dice, [row for row in world()["agents"] if "Mobile" in row["user_agent"]])
    return replace(person, user_agent=agent["user_agent"], screen=dice.choice(agent["screens"]))


def talked_about(visitor: Visitor) -> bool:
    """Whether this visitor comes because everybody talks about us that day."""
    days = (visitor.now - visitor.clock) / timedelta(days=1)
    return TALK_DAYS - 1.3 < days < TALK_DAYS - 0.2 and visitor.dice.random() < 0.5


def act(visitor: Visitor) -> None:
    """What people do on a page, now and then."""
    dice, page = visitor.dice, visitor.page
    chance = dice.random()
    if page.startswith("/shop/") and chance < 0.16 * visitor.keen:
        product = page.rpartition("/")[2]
        visitor.say("event", name="Add to basket", props={"product": product})
        if dice.random() < 0.35:
            visitor.clock += timedelta(seconds=dice.uniform(30, 180))
            price = dice.choice((11.9, 12.9, 14.5, 27.0, 89.0)) * dice.choice((1, 1, 1, 2, 3))
            visitor.bought("Purchase", price)
    elif page == "/subscription" and chance < 0.14 * visitor.keen:
        visitor.bought("Subscription", dice.choice((14.0, 24.0)))
    elif page.startswith("/journal") and chance < 0.1:
        target = dice.choice(("https://www.youtube.com/watch?v=v60", "https://sca.coffee/research"))
        visitor.say("outbound", target=target, text="Watch the video" if "youtube" in target else "The study")
    elif page.startswith("/journal/") and chance < 0.17:
        visitor.say("download", target=f"https://{visitor.facts.domain}/files/brewing-card.pdf", text="Brewing card")
    elif chance > 0.985:
        visitor.say("form", name="Newsletter", props={"id": "newsletter"})
        visitor.say("goal", name="Newsletter sign-up")


def bot_visit(visitor: Visitor) -> None:
    """A crawler takes some pages, fast."""
    for page in visitor.dice.sample(world()["pages"], visitor.dice.randint(1, 5)):
        visitor.page = page["path"]
        visitor.say("view", title=page["title"])
        visitor.clock += timedelta(seconds=visitor.dice.uniform(0.5, 4))


def bot_click(visitor: Visitor) -> None:
    """A preview or a crawler follows a link."""
    bot = replace(visitor.person, user_agent=weighted(visitor.dice, world()["link_bots"])["user_agent"])
    link = weighted(visitor.dice, world()["links"], "clicks")
    clicks.follow(visitor.facts.account_id, link["alias"], bot, visitor.clock)


def visits_on(day: int, days: int, weekday: int, dice: random.Random) -> int:
    """How many come on a day: the week's shape, slow growth, chance, and one day everybody talks about us."""
    growth = 0.8 + 0.4 * day / days
    spike = 2.1 if day == days - TALK_DAYS else 1.25 if day == days - TALK_DAYS + 1 else 1.0
    return int(PER_DAY * WEEKDAYS[weekday] * growth * spike * dice.gauss(1, 0.06))


def starts(now: datetime, days: int, zone: ZoneInfo, dice: random.Random) -> Iterator[datetime]:
    """When visits begin, oldest first, up to now."""
    today, gone = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0), closed(now)
    for day in range(1, days + 1):
        midnight = today - timedelta(days=days - day)
        count = visits_on(day, days, midnight.weekday(), dice)
        hours = dice.choices(range(24), HOURS, k=count)
        moments = sorted(midnight + timedelta(hours=hour, seconds=dice.uniform(0, 3600)) for hour in hours)
        yield from (moment for moment in moments if moment < now and not any(a <= moment < b for a, b, _ in gone))


def somebody(crowd: list[Person], passed: float, dice: random.Random) -> Person:
    """Who comes when this share of the days has passed: one of the regulars, or one of those who came lately."""
    if dice.random() < REGULARS:
        regulars = range(0, len(crowd), EVERY)
        return crowd[regulars[int(len(regulars) * dice.random() ** 1.05)]]
    memory = dice.choice((0.02, 0.02, 0.25)) * len(crowd)
    newest = (0.25 + 0.75 * passed) * (len(crowd) - 1)
    return crowd[int(newest - dice.expovariate(1 / memory)) % len(crowd)]


def one_visit(facts: SiteFacts, crowd: list[Person], start: datetime, now: datetime, dice: random.Random) -> int:
    """Live through one visit; the number of hits sent."""
    person = somebody(crowd, min(1.0, max(0.0, 1 - (now - start) / STAY)), dice)
    visitor = Visitor(facts, person, start, now, dice)
    if dice.random() < BOT_SHARE:
        bot = weighted(dice, world()["bots"])["user_agent"]
        visitor.person = Person(person.ip, "", bot, "", "", {})
        (bot_click if dice.random() < BOTS_ON_LINKS else bot_visit)(visitor)
    else:
        ordinary_visit(visitor)
    return visitor.sent


def expected(days: int) -> int:
    """About how many visits that will be, for the progress bar."""
    return math.ceil(PER_DAY * (days - 0.4) * 1.03)


@lru_cache(maxsize=1)
def _crowd() -> list[Person]:
    return people(random.Random(7), CROWD)


def one_visit_now(now: datetime) -> None:
    """Somebody visits the demo site at this moment: the trickle that makes an empty evening look alive."""
    facts = known.site_by_host(world()["domain"])
    if facts is not None:
        one_visit(facts, _crowd(), now - timedelta(minutes=4), now, random.Random())
