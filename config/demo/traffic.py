"""Simulated visits of the demo site, sent to the pipeline as hits."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from config import process
from config.demo import clicks, heatmap_beacons
from config.demo.monitors import list_closures
from config.demo.world import (
    HOUR_WEIGHTS,
    REGULAR_INTERVAL,
    WEEKDAY_WEIGHTS,
    DemoPerson,
    WorldRow,
    choose_weighted,
    create_people,
    draw_public_address,
    load_world,
)
from sites import site_cache
from sites.site_config import SiteConfig
from tracking import ingestion
from tracking.event import Hit

VISITS_PER_DAY = 420
CROWD_SIZE = 6000
BOT_SHARE = 0.06
REGULAR_SHARE = 0.3  # of the visits: by people with an account, each a few times a week
BOT_CLICK_SHARE = 0.25  # of the bots
HEATMAP_SHARE = 0.25  # of the page views send a heatmap beacon
MENTION_DAYS = 9  # ago another site linked to the shop
MENTIONED_PAGE = {
    "path": "/journal/water-matters", "title": "Water matters more than you think",
    "referrer": "https://news.ycombinator.com/item?id=38200000",
}  # fmt: skip
CROWD_PERIOD = timedelta(days=30)  # in which all of the crowd visit: people come, and return ever more rarely


@dataclass(kw_only=True)
class DemoVisit:
    """A visit in progress: a clock that goes forward, and the number of hits that were sent."""

    site: SiteConfig
    person: DemoPerson
    clock: datetime
    now: datetime
    dice: random.Random
    sent: int = 0
    page: str = "/"
    view: str = ""
    cookies: str = ""  # cookies of the host of links
    link: WorldRow = field(default_factory=dict)  # the link that led here, a row of `world.toml`

    def send_hit(self, kind: str, **more: object) -> Hit | None:
        """Send a hit with the time of the visit's clock; returns None if that is in the future."""
        if self.clock > self.now:
            return None
        person = self.person
        hit = Hit(
            site_id=self.site.site_id, kind=kind, ip=person.ip, user_agent=person.user_agent, now=self.clock,
            at=self.clock, url=f"https://{self.site.domain}{self.page}", language=person.language,
            screen=person.screen, cookie=person.cookie, tags=person.tags, view_id=self.view, trusted=True,
        )  # fmt: skip
        for name, value in more.items():
            setattr(hit, name, value)
        ingestion.receive(hit, self.site, process.state)
        self.sent += 1
        return hit

    def view_page(self, path: str, title: str, referrer: str = "", query: str = "") -> None:
        """View a page: send a page view, pings and perhaps a heatmap beacon."""
        self.page, self.view = path, f"{self.dice.getrandbits(52):013x}"
        url = f"https://{self.site.domain}{path}{'?' + query if query else ''}"
        self.send_hit("view", title=title, url=url, referrer=referrer, split=self.get_variant())
        seconds = min(400.0, self.dice.lognormvariate(3.3, 1.0))
        scroll_depth = min(100, int(self.dice.betavariate(2, 1.6) * 105))
        for part in (0.4, 0.6) if seconds > 30 else (1.0,):
            self.clock += timedelta(seconds=seconds * part)
            self.send_hit("ping", engaged=seconds * part * 0.85, scroll=int(scroll_depth * (0.6 if part == 0.4 else 1)))
        if self.sent and self.clock <= self.now and self.dice.random() < HEATMAP_SHARE:
            heatmap_beacons.send_heatmap_beacon(
                self.site, self.person, path, self.view, max(scroll_depth, 20), self.clock, self.dice
            )

    def get_experiment(self) -> tuple[WorldRow, int] | None:
        """Return the running experiment and the index of this visitor's variant; None without one."""
        for experiment in load_world()["experiments"]:
            if self.clock > self.now - timedelta(days=experiment["days"]):
                return experiment, int(self.person.cookie or 0) // 7 % len(experiment["variants"])
        return None

    def get_variant(self) -> tuple[str, str] | None:
        """Return the names of experiment and variant if the current page has variants."""
        experiment, index = self.get_experiment() or ({}, 0)
        return (experiment["name"], experiment["variants"][index]) if experiment.get("page") == self.page else None

    @property
    def purchase_factor(self) -> float:
        """How much more often than usual this visitor buys, by their variant."""
        experiment, index = self.get_experiment() or ({"wins": [1.0]}, 0)
        return float(experiment["wins"][index])

    def report_purchase(self, name: str, price: float) -> None:
        """Report a purchase as a goal, and as a conversion if a link led here."""
        order = f"NW-{self.dice.randrange(10_000, 99_999)}"
        hit = self.send_hit("goal", name=name, revenue=round(price, 2), currency="EUR", props={"order": order})
        if hit is not None and name in self.link.get("conversions", ()):
            clicks.report_conversion(
                self.site.account_id, name, self.person, self.clock, cookies=self.cookies, value=price, order=order,
                percent=self.link.get("commission", 0),
            )  # fmt: skip


def simulate_visit(visit: DemoVisit) -> None:
    """Simulate a person's visit: a landing page or a click on a link, further pages, and actions there."""
    dice, data = visit.dice, load_world()
    source = choose_weighted(dice, list_arrivals())
    page = choose_weighted(dice, data["pages"], "landing")
    if "link" in source:
        arrive_by_link(visit, source["link"])
    elif comes_from_mention(visit):
        visit.view_page(MENTIONED_PAGE["path"], MENTIONED_PAGE["title"], MENTIONED_PAGE["referrer"])
    else:
        visit.view_page(page["path"], page["title"], source["referrer"], source.get("query", ""))
    for _ in range(min(14, int(dice.expovariate(0.55))) if visit.sent else 0):
        page = choose_weighted(dice, data["pages"])
        visit.view_page(page["path"], page["title"], f"https://{visit.site.domain}{visit.page}")
        act_on_page(visit)


@lru_cache(maxsize=1)
def list_arrivals() -> list[WorldRow]:
    """List where visits come from: the sources, and the links with their share of the clicks."""
    return [*load_world()["sources"], *({"link": row, "weight": row["clicks"]} for row in load_world()["links"])]


def arrive_by_link(visit: DemoVisit, link: WorldRow) -> None:
    """Simulate the opening of a mail, the click on its link, and the landing page."""
    person, account, referrer = visit.person, visit.site.account_id, link.get("referrer", "")
    if link.get("phone"):
        person = visit.person = switch_to_phone(person, visit.dice)
    if "opened" in link:
        for _ in range(1 + int(visit.dice.expovariate(0.9))):  # most who open a mail do not click
            other = replace(person, ip=draw_public_address(visit.dice))
            earlier = visit.clock - timedelta(minutes=visit.dice.uniform(1, 300))
            clicks.view_pixel(account, link["opened"], other, earlier)
        clicks.view_pixel(account, link["opened"], person, visit.clock)
        visit.clock += timedelta(seconds=visit.dice.uniform(4, 40))
    if visit.clock > visit.now:
        return
    address, visit.cookies = clicks.follow_link(account, link["alias"], person, visit.clock, referrer)
    parts = urlsplit(address)
    if not link.get("lands") or parts.hostname != visit.site.domain:
        return
    visit.link = link
    visit.clock += timedelta(seconds=visit.dice.uniform(0.6, 4))
    title = next((page["title"] for page in load_world()["pages"] if page["path"] == parts.path), "")
    visit.view_page(parts.path or "/", title, referrer, parts.query)
    act_on_page(visit)


def switch_to_phone(person: DemoPerson, dice: random.Random) -> DemoPerson:
    """Return the person with a phone instead of their device, as after scanning a QR code."""
    agent = choose_weighted(dice, [row for row in load_world()["agents"] if "Mobile" in row["user_agent"]])
    return replace(person, user_agent=agent["user_agent"], screen=dice.choice(agent["screens"]))


def comes_from_mention(visit: DemoVisit) -> bool:
    """Whether this visitor comes by MENTIONED_PAGE, on the days when it was discussed elsewhere."""
    days = (visit.now - visit.clock) / timedelta(days=1)
    return MENTION_DAYS - 1.3 < days < MENTION_DAYS - 0.2 and visit.dice.random() < 0.5


def act_on_page(visit: DemoVisit) -> None:
    """Simulate, with some probability, an action on the current page."""
    dice, page = visit.dice, visit.page
    chance = dice.random()
    if page.startswith("/shop/") and chance < 0.16 * visit.purchase_factor:
        product = page.rpartition("/")[2]
        visit.send_hit("event", name="Add to basket", props={"product": product})
        if dice.random() < 0.35:
            visit.clock += timedelta(seconds=dice.uniform(30, 180))
            price = dice.choice((11.9, 12.9, 14.5, 27.0, 89.0)) * dice.choice((1, 1, 1, 2, 3))
            visit.report_purchase("Purchase", price)
    elif page == "/subscription" and chance < 0.14 * visit.purchase_factor:
        visit.report_purchase("Subscription", dice.choice((14.0, 24.0)))
    elif page.startswith("/journal") and chance < 0.1:
        target = dice.choice(("https://www.youtube.com/watch?v=v60", "https://sca.coffee/research"))
        visit.send_hit("outbound", target=target, text="Watch the video" if "youtube" in target else "The study")
    elif page.startswith("/journal/") and chance < 0.17:
        visit.send_hit("download", target=f"https://{visit.site.domain}/files/brewing-card.pdf", text="Brewing card")
    elif chance > 0.985:
        visit.send_hit("form", name="Newsletter", props={"id": "newsletter"})
        visit.send_hit("goal", name="Newsletter sign-up")


def simulate_crawler(visit: DemoVisit) -> None:
    """Simulate a crawler that requests some pages."""
    for page in visit.dice.sample(load_world()["pages"], visit.dice.randint(1, 5)):
        visit.page = page["path"]
        visit.send_hit("view", title=page["title"])
        visit.clock += timedelta(seconds=visit.dice.uniform(0.5, 4))


def simulate_bot_click(visit: DemoVisit) -> None:
    """Simulate a click of a crawler or a link preview."""
    bot = replace(visit.person, user_agent=choose_weighted(visit.dice, load_world()["link_bots"])["user_agent"])
    link = choose_weighted(visit.dice, load_world()["links"], "clicks")
    clicks.follow_link(visit.site.account_id, link["alias"], bot, visit.clock)


def count_visits(day: int, days: int, weekday: int, dice: random.Random) -> int:
    """Draw the number of visits on a day: by weekday, slow growth, chance, and the peak after MENTION_DAYS."""
    growth = 0.8 + 0.4 * day / days
    spike = 2.1 if day == days - MENTION_DAYS else 1.25 if day == days - MENTION_DAYS + 1 else 1.0
    return int(VISITS_PER_DAY * WEEKDAY_WEIGHTS[weekday] * growth * spike * dice.gauss(1, 0.06))


def generate_starts(now: datetime, days: int, zone: ZoneInfo, dice: random.Random) -> Iterator[datetime]:
    """Yield when visits begin, oldest first, up to now."""
    today, closures = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0), list_closures(now)
    for day in range(1, days + 1):
        midnight = today - timedelta(days=days - day)
        count = count_visits(day, days, midnight.weekday(), dice)
        hours = dice.choices(range(24), HOUR_WEIGHTS, k=count)
        moments = sorted(midnight + timedelta(hours=hour, seconds=dice.uniform(0, 3600)) for hour in hours)
        yield from (moment for moment in moments if moment < now and not any(a <= moment < b for a, b, _ in closures))


def choose_person(crowd: list[DemoPerson], passed: float, dice: random.Random) -> DemoPerson:
    """Choose who visits when this share of the days has passed: a regular, or one of the latest newcomers."""
    if dice.random() < REGULAR_SHARE:
        regulars = range(0, len(crowd), REGULAR_INTERVAL)
        return crowd[regulars[int(len(regulars) * dice.random() ** 1.05)]]
    memory = dice.choice((0.02, 0.02, 0.25)) * len(crowd)
    newest = (0.25 + 0.75 * passed) * (len(crowd) - 1)
    return crowd[int(newest - dice.expovariate(1 / memory)) % len(crowd)]


def run_visit(site: SiteConfig, crowd: list[DemoPerson], start: datetime, now: datetime, dice: random.Random) -> int:
    """Simulate one visit; returns the number of hits sent."""
    person = choose_person(crowd, min(1.0, max(0.0, 1 - (now - start) / CROWD_PERIOD)), dice)
    visit = DemoVisit(site=site, person=person, clock=start, now=now, dice=dice)
    if dice.random() < BOT_SHARE:
        bot = choose_weighted(dice, load_world()["bots"])["user_agent"]
        visit.person = DemoPerson(ip=person.ip, language="", user_agent=bot, screen="", cookie="", tags={})
        (simulate_bot_click if dice.random() < BOT_CLICK_SHARE else simulate_crawler)(visit)
    else:
        simulate_visit(visit)
    return visit.sent


def estimate_visits(days: int) -> int:
    """Estimate the number of visits, for the progress bar."""
    return math.ceil(VISITS_PER_DAY * (days - 0.4) * 1.03)


@lru_cache(maxsize=1)
def _build_crowd() -> list[DemoPerson]:
    return create_people(random.Random(7), CROWD_SIZE)


def run_visit_now(now: datetime) -> None:
    """Simulate one visit to the demo site now."""
    site = site_cache.find_site_by_host(load_world()["domain"])
    if site is not None:
        run_visit(site, _build_crowd(), now - timedelta(minutes=4), now, random.Random())
