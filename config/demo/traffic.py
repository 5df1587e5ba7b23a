"""Visits of the demo site: what people do there, page after page, as hits."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from config.demo.world import EVERY, HOURS, WEEKDAYS, Person, people, weighted, world
from sites import known
from sites.facts import SiteFacts
from tracking import intake
from tracking.hit import Hit

PER_DAY = 420
CROWD = 6000
BOT_SHARE = 0.06
REGULARS = 0.3  # of the visits: by people with an account, each a few times a week
STAY = timedelta(days=30)  # in which the crowd walks past: people come, and come back ever more rarely


@dataclass
class Visitor:
    """One visit in the making: a clock that goes forward, and the hits so far."""

    facts: SiteFacts
    person: Person
    clock: datetime
    now: datetime
    dice: random.Random
    hits: list[Hit] = field(default_factory=list)
    page: str = "/"
    view: str = ""

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
        self.hits.append(hit)
        return hit

    def read(self, path: str, title: str, referrer: str = "", query: str = "") -> None:
        """Look at a page: a view, then pings while it has attention."""
        self.page, self.view = path, f"{self.dice.getrandbits(52):013x}"
        url = f"https://{self.facts.domain}{path}{'?' + query if query else ''}"
        self.say("view", title=title, url=url, referrer=referrer)
        seconds = min(400.0, self.dice.lognormvariate(3.3, 1.0))
        reach = min(100, int(self.dice.betavariate(2, 1.6) * 105))
        for part in (0.4, 0.6) if seconds > 30 else (1.0,):
            self.clock += timedelta(seconds=seconds * part)
            self.say("ping", engaged=seconds * part * 0.85, scroll=int(reach * (0.6 if part == 0.4 else 1)))


def ordinary_visit(visitor: Visitor) -> None:
    """Arrive from somewhere, look at some pages, perhaps do something there."""
    dice, data = visitor.dice, world()
    source = weighted(dice, data["sources"])
    page = weighted(dice, data["pages"], "landing")
    visitor.read(page["path"], page["title"], source["referrer"], source.get("query", ""))
    for _ in range(min(14, int(dice.expovariate(0.55)))):
        page = weighted(dice, data["pages"])
        visitor.read(page["path"], page["title"], f"https://{visitor.facts.domain}{visitor.page}")
        act(visitor)


def act(visitor: Visitor) -> None:
    """What people do on a page, now and then."""
    dice, page = visitor.dice, visitor.page
    chance = dice.random()
    if page.startswith("/shop/") and chance < 0.16:
        product = page.rpartition("/")[2]
        visitor.say("event", name="Add to basket", props={"product": product})
        if dice.random() < 0.35:
            visitor.clock += timedelta(seconds=dice.uniform(30, 180))
            price = dice.choice((11.9, 12.9, 14.5, 27.0, 89.0)) * dice.choice((1, 1, 1, 2, 3))
            visitor.say("goal", name="Purchase", revenue=round(price, 2), currency="EUR", props={"product": product})
    elif page == "/subscription" and chance < 0.14:
        visitor.say("goal", name="Subscription", revenue=dice.choice((14.0, 24.0)), currency="EUR")
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


def visits_on(day: int, days: int, weekday: int, dice: random.Random) -> int:
    """How many come on a day: the week's shape, slow growth, chance, and one day everybody talks about us."""
    growth = 0.8 + 0.4 * day / days
    spike = 2.1 if day == days - 9 else 1.25 if day == days - 8 else 1.0
    return int(PER_DAY * WEEKDAYS[weekday] * growth * spike * dice.gauss(1, 0.06))


def starts(now: datetime, days: int, zone: ZoneInfo, dice: random.Random) -> Iterator[datetime]:
    """When visits begin, oldest first, up to now."""
    today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    for day in range(days + 1):
        midnight = today - timedelta(days=days - day)
        count = visits_on(day, days, midnight.weekday(), dice)
        hours = dice.choices(range(24), HOURS, k=count)
        moments = sorted(midnight + timedelta(hours=hour, seconds=dice.uniform(0, 3600)) for hour in hours)
        yield from (moment for moment in moments if moment < now)


def somebody(crowd: list[Person], passed: float, dice: random.Random) -> Person:
    """Who comes when this share of the days has passed: one of the regulars, or one of those who came lately."""
    if dice.random() < REGULARS:
        regulars = range(0, len(crowd), EVERY)
        return crowd[regulars[int(len(regulars) * dice.random() ** 1.05)]]
    memory = dice.choice((0.02, 0.02, 0.25)) * len(crowd)
    newest = (0.25 + 0.75 * passed) * (len(crowd) - 1)
    return crowd[int(newest - dice.expovariate(1 / memory)) % len(crowd)]


def one_visit(facts: SiteFacts, crowd: list[Person], start: datetime, now: datetime, dice: random.Random) -> list[Hit]:
    """The hits of one visit."""
    person = somebody(crowd, min(1.0, max(0.0, 1 - (now - start) / STAY)), dice)
    visitor = Visitor(facts, person, start, now, dice)
    if dice.random() < BOT_SHARE:
        bot = weighted(dice, world()["bots"])["user_agent"]
        visitor.person = Person(person.ip, "", bot, "", "", {})
        bot_visit(visitor)
    else:
        ordinary_visit(visitor)
    return visitor.hits


def expected(days: int) -> int:
    """About how many visits that will be, for the progress bar."""
    return math.ceil(PER_DAY * (days + 0.5) * 1.03)


@lru_cache(maxsize=1)
def _crowd() -> list[Person]:
    return people(random.Random(7), CROWD)


def one_visit_now(now: datetime) -> None:
    """Somebody visits the demo site at this moment: the trickle that makes an empty evening look alive."""
    facts = known.site_by_host(world()["domain"])
    if facts is not None:
        for hit in one_visit(facts, _crowd(), now - timedelta(minutes=4), now, random.Random()):
            intake.receive(hit, facts)
