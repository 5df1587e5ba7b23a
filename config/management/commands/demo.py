"""`manage.py demo`: an account with a site and 30 days of believable traffic, made through the pipeline."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from accounts.services import account_create
from config.demo.traffic import CROWD, expected, one_visit, starts
from config.demo.world import people, world
from goals.models import GoalKind
from goals.services import goal_create
from sites import known
from sites.models import Site
from sites.services import site_create, site_update
from tracking import intake, spool

ZONE = "Europe/Berlin"
GOALS: tuple[tuple[str, str, str], ...] = (
    ("Purchase", GoalKind.MANUAL, ""),
    ("Subscription", GoalKind.MANUAL, ""),
    ("Newsletter sign-up", GoalKind.MANUAL, ""),
    ("Basket", GoalKind.EVENT, "Add to basket"),
    ("Brewing card", GoalKind.DOWNLOAD, "*brewing-card.pdf"),
)
BAR = 40


class Command(BaseCommand):
    help = "Make a demo account with 30 days of traffic. Prints the link to set a password where nobody has one yet."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=30)
        parser.add_argument("--seed", type=int, default=20)

    def handle(self, *args: Any, **options: Any) -> None:
        if Site.objects.filter(domain=world()["domain"], deleted=None).exists():
            raise CommandError("The demo site is there already.")
        began = time.monotonic()
        site = demo_site()
        known.refresh()
        count = self.fill(site, datetime.now(UTC), options["days"], random.Random(options["seed"]))
        self.stdout.write(f"Demo: {site.nickname} with {count} events in {time.monotonic() - began:.0f} s.")

    def fill(self, site: Site, now: datetime, days: int, dice: random.Random) -> int:
        """Live through the days; the number of events sent."""
        facts = known.site(site.pk)
        if facts is None:
            raise CommandError("The new site is not known yet.")
        crowd, whole, sent = people(dice, CROWD), expected(days), 0
        for number, start in enumerate(starts(now, days, ZoneInfo(ZONE), dice)):
            for hit in one_visit(facts, crowd, start.astimezone(UTC), now, dice):
                intake.receive(hit, facts)
                sent += 1
            if number % 200 == 0:
                self.progress(number / whole)
        spool.flush()
        self.progress(1.0)
        if self.stdout.isatty():
            self.stdout.write("")
        return sent

    def progress(self, share: float) -> None:
        """A bar that fills; nothing where no terminal looks."""
        share = min(share, 1.0)
        if self.stdout.isatty():
            self.stdout.write(f"\rDemo traffic [{'#' * int(BAR * share):<{BAR}}] {share:4.0%}", ending="")
            self.stdout.flush()


@transaction.atomic
def demo_site() -> Site:
    """The account (its first user will own it), the site and its goals."""
    data = world()
    account = account_create(name=data["nickname"], timezone=ZONE)
    site = site_create(account=account, domain=data["domain"], timezone=ZONE, nickname=data["nickname"])
    site_update(site=site, cookies="on")
    for name, kind, pattern in GOALS:
        kinds = {"pattern_kind": "wildcard"} if "*" in pattern else {}
        goal_create(site=site, name=name, kind=kind, pattern=pattern, **kinds)
    return site
