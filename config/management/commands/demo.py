"""`manage.py demo`: an account with a site and 30 days of traffic, generated through the pipeline."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.core.management.base import CommandError, CommandParser

from accounts.management.installation_command import InstallationCommand
from config.demo.monitors import create_monitors
from config.demo.shop import ZONE, create_demo_site, pause_ended_links
from config.demo.traffic import CROWD_SIZE, estimate_visits, generate_starts, run_visit
from config.demo.world import create_people, load_world
from links.routing import link_cache
from reports.incident_costs.services import incident_costs_estimate
from sites import site_cache
from sites.models import Site
from tracking import spool

BAR_WIDTH = 40


class Command(InstallationCommand):
    help = "Create a demo account with 30 days of traffic. Prints the link to set a password where nobody has one yet."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=30)
        parser.add_argument("--seed", type=int, default=20)

    def handle(self, *, days: int, seed: int, **_: object) -> None:
        if Site.objects.filter(domain=load_world()["domain"], deleted=None).exists():
            raise CommandError("The demo site exists already.")
        began, now = time.monotonic(), datetime.now(UTC)
        site = create_demo_site(now)
        site_cache.refresh()
        link_cache.refresh()
        create_monitors(site, now, days, random.Random(seed))
        count = self.generate_traffic(site, now, days, random.Random(seed))
        pause_ended_links(site)
        incident_costs_estimate(now=datetime.now(UTC))
        self.stdout.write(f"Demo: {site.nickname} with {count} events in {time.monotonic() - began:.0f} s.")

    def generate_traffic(self, site: Site, now: datetime, days: int, dice: random.Random) -> int:
        """Simulate the visits of these days; returns the number of events sent."""
        site_config = site_cache.get_site(site.pk)
        if site_config is None:
            raise CommandError("The new site is not in the cache of sites.")
        crowd, estimate, sent = create_people(dice, CROWD_SIZE), estimate_visits(days), 0
        for number, start in enumerate(generate_starts(now, days, ZoneInfo(ZONE), dice)):
            sent += run_visit(site_config, crowd, start.astimezone(UTC), now, dice)
            if number % 200 == 0:
                self.write_progress(number / estimate)
        spool.flush()
        self.write_progress(1.0)
        if self.stdout.isatty():
            self.stdout.write("")
        return sent

    def write_progress(self, share: float) -> None:
        """Write a progress bar, if the output is a terminal."""
        share = min(share, 1.0)
        if self.stdout.isatty():
            self.stdout.write(f"\rDemo traffic [{'#' * int(BAR_WIDTH * share):<{BAR_WIDTH}}] {share:4.0%}", ending="")
            self.stdout.flush()
