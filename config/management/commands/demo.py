"""`manage.py demo`: an account with a site and 30 days of believable traffic, made through the pipeline."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import CommandError, CommandParser

from accounts.management.installation import InstallationCommand
from config.demo.shop import ZONE, demo_site, end_the_month
from config.demo.traffic import CROWD, expected, one_visit, starts
from config.demo.watched import watch
from config.demo.world import people, world
from links import known as known_links
from reports.prices.services import incidents_price
from sites import known
from sites.models import Site
from tracking import spool

BAR = 40


class Command(InstallationCommand):
    help = "Make a demo account with 30 days of traffic. Prints the link to set a password where nobody has one yet."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=30)
        parser.add_argument("--seed", type=int, default=20)

    def handle(self, *args: Any, **options: Any) -> None:
        if Site.objects.filter(domain=world()["domain"], deleted=None).exists():
            raise CommandError("The demo site is there already.")
        began, now = time.monotonic(), datetime.now(UTC)
        site = demo_site(now)
        known.refresh()
        known_links.refresh()
        watch(site, now, options["days"], random.Random(options["seed"]))
        count = self.fill(site, now, options["days"], random.Random(options["seed"]))
        end_the_month(site)
        incidents_price(now=datetime.now(UTC))
        self.stdout.write(f"Demo: {site.nickname} with {count} events in {time.monotonic() - began:.0f} s.")

    def fill(self, site: Site, now: datetime, days: int, dice: random.Random) -> int:
        """Live through the days; the number of events sent."""
        facts = known.site(site.pk)
        if facts is None:
            raise CommandError("The new site is not known yet.")
        crowd, whole, sent = people(dice, CROWD), expected(days), 0
        for number, start in enumerate(starts(now, days, ZoneInfo(ZONE), dice)):
            sent += one_visit(facts, crowd, start.astimezone(UTC), now, dice)
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
