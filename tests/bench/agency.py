"""How long it takes until the home of an agency is shown, measured in Chromium: the sites of all clients in one table.

    python -m tests.bench.agency [--sites 500] [--events 5000000] [--rounds 7] [--port 9691] [--keep DIR] [--targets]

Loads clients with sites, goals, monitors and alerts, and events of 90 days, into an own store, starts `serve` on it,
and opens Clients of 7 and of 30 days. Before every round somebody visits a site, so the results of the last round are
not valid any more. Printed and written to bench-results/agency.json: medians of the first contentful paint, of the time
until the figures are there, of another order of the table, whose figures are cached, and the weight of the page; and
beside them the first contentful paint of a small page.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, StorageState

from tests.bench.pages import FIRST_PAINT, SIZE, Seen, run_rounds, weighed
from tests.bench.serving import EMAIL, PASSWORD, served

TARGETS = {"first_paint_ms": 500.0, "complete_7d_ms": 2000.0, "complete_30d_ms": 2000.0}
SITES_OF_CLIENT, DAYS, BLOCK = 5, 90, 1_000_000
FIRST_SITE = 300_000_000
STORED_SECONDS = 3.0  # after which a visit is in the store
LOAD = (
    "import sys, django; django.setup(); from tests.bench.agency import load; load(int(sys.argv[1]), int(sys.argv[2]))"
)
# Until the table has its figures: the browser's clock, from the beginning of the navigation
COMPLETE = """() => new Promise((done) => {
  const look = () => {
    const table = document.querySelector("#client-sites");
    if (table && !table.hasAttribute("aria-busy")) requestAnimationFrame(() => done(performance.now()));
    else requestAnimationFrame(look);
  };
  look();
})"""


def load(sites: int, events: int) -> None:
    """Fill an empty installation; one that has its sites is kept as it is."""
    from django.core.management import call_command

    from reports.query.rollups import schedule
    from sites import site_cache
    from sites.models import Site
    from tracking import store

    call_command("migrate", verbosity=0)
    store.migrate()
    if Site.objects.exists():
        return
    create_rows(sites)
    site_cache.refresh()
    now = datetime.now(UTC)
    for begin in range(0, events, BLOCK):
        sql = write_block(begin, min(begin + BLOCK, events), events, sites, now)
        store.execute(sql, settings={"max_insert_block_size": BLOCK})
    for table in ("events", "visits", "firsts", "touched"):
        store.execute(f"OPTIMIZE TABLE {table} FINAL")
    schedule.MAX_ROUND_SECONDS = 3600
    schedule.build_outdated_days(now)


def create_rows(sites: int) -> None:
    """Create the agency, its clients with labels, and what is set up on their sites."""
    from django.utils import timezone

    from accounts.clients.models import ClientAccount
    from accounts.models import Account, Membership, Role, User
    from goals.models import Goal
    from sites.alerts.models import Alert
    from sites.models import Site
    from sites.uptime.models import Incident, Monitor, WatchedPeriod

    now, hour = timezone.now(), timedelta(hours=1)
    agency = Account.objects.create(name="Agency")
    Membership.objects.create(user=User.objects.create_user(EMAIL, PASSWORD), account=agency, role=Role.OWNER)
    accounts = [Account.objects.create(name=f"Client {n}") for n in range(-(-sites // SITES_OF_CLIENT))]
    ClientAccount.objects.bulk_create(
        ClientAccount(account=account, agency=agency, labels=["retail" if n % 3 else "public"])
        for n, account in enumerate(accounts)
    )
    made = Site.objects.bulk_create(
        Site(pk=FIRST_SITE + n, account=accounts[n // SITES_OF_CLIENT], domain=f"s{n}.example.com")
        for n in range(sites)
    )
    shared = [(f"Page {n}", f"/page/{n}") for n in range(1, 4)]  # as a template sets them up
    Goal.objects.bulk_create(
        Goal(site=site, name=name, pattern=pattern)
        for site in made
        for name, pattern in [*shared, ("Own", f"/page/{10 + site.pk % 20}")]
    )
    monitors = Monitor.objects.bulk_create(
        Monitor(site=site, url=f"https://{site.domain}/", next_due=now, enabled=False) for site in made
    )
    WatchedPeriod.objects.bulk_create(WatchedPeriod(monitor=row, start=now - 900 * hour, end=now) for row in monitors)
    Incident.objects.bulk_create(
        Incident(monitor=row, start=now - 20 * hour, end=now - 19 * hour) for row in monitors[::7]
    )
    Alert.objects.bulk_create(
        Alert(site=site, name="Traffic", condition="uptime", enabled=False, last_fired=now - hour) for site in made[::9]
    )


def write_block(begin: int, end: int, events: int, sites: int, now: datetime) -> str:
    """Write the INSERT of a part of the events: visits of three on sites by Zipf's law, in the order of time."""
    from tests.bench.traffic import chance, zipf

    start = int(now.timestamp()) - DAYS * 86400
    seconds = f"({start} + (visit / {events / 3}) * {DAYS * 86400 - 3600} + {chance(1)} * 3000)"
    return f"""
INSERT INTO events (site_id, ts, id, kind, device, visit, visit_start, view_id, host, path, source, channel, country,
    device_type, browser, os, name, revenue, currency)
SELECT
    {FIRST_SITE - 1} + {zipf(3, sites)} AS site_id,
    fromUnixTimestamp64Milli(toInt64(({seconds} + step * 25) * 1000), 'UTC') AS ts,
    number + 1 AS id,
    if(step = 2 AND {chance(4)} < 0.15, 'event', 'view') AS kind,
    1 + sipHash64(5, visit) % {max(1, events // 6)} AS device,
    1 + intDiv(number, 3) AS visit,
    fromUnixTimestamp64Milli(toInt64({seconds} * 1000), 'UTC') AS visit_start,
    if(kind = 'view', id, id - 1) AS view_id,
    concat('s', toString(site_id - {FIRST_SITE}), '.example.com') AS host,
    concat('/page/', toString({zipf(6, 2_000, "number")})) AS path,
    if({chance(8)} < 0.5, '', concat('Source ', toString({zipf(9, 40)}))) AS source,
    if(source = '', 'Direct', 'Organic Search') AS channel,
    ['DE', 'EE', 'US', 'IN'][1 + sipHash64(12, device) % 4] AS country,
    ['Desktop', 'Mobile'][1 + sipHash64(13, device) % 2] AS device_type,
    ['Chrome', 'Safari'][1 + sipHash64(14, device) % 2] AS browser,
    ['Windows', 'iOS'][1 + sipHash64(16, device) % 2] AS os,
    if(kind = 'event', 'Signup', '') AS name,
    if(name = 'Signup' AND {chance(20)} < 0.3, 49.9, 0) AS revenue,
    if(revenue > 0, ['EUR', 'USD'][1 + sipHash64(23, visit) % 2], '') AS currency
FROM (SELECT number, intDiv(number, 3) AS visit, number % 3 AS step FROM numbers({begin}, {end - begin}))"""


def visit_site(base: str, number: int) -> None:
    """Somebody visits a site; return when the visit is stored."""
    seen: dict[str, str | int] = {
        "site_id": FIRST_SITE + number,
        "type": "pageview",
        "href": "/now",
        "jsuid": number + 1,
    }
    httpx.get(f"{base}/in.php", params=seen, headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/140"})
    time.sleep(STORED_SECONDS)


def paint_small_page(browser: Browser, state: Any, address: str) -> float:
    """Milliseconds until a page without a table is painted in a fresh browser: what this machine takes anyway."""
    context = browser.new_context(viewport=SIZE, storage_state=state)
    page = context.new_page()
    page.goto(address, wait_until="networkidle")
    found: float = page.evaluate(FIRST_PAINT)
    context.close()
    return found


def one_round(browser: Browser, state: Any, base: str, seen: Seen) -> None:
    """One reader: 7 days in a fresh browser, then 30 days, then another order of the same table."""
    home = f"{base}/clients"
    seen.add(small_page_ms=paint_small_page(browser, state, f"{base}/notices"))
    context = browser.new_context(viewport=SIZE, storage_state=state)
    page = context.new_page()
    _, wire = weighed(page)
    page.goto(home, wait_until="commit")
    seen.add(complete_7d_ms=page.evaluate(COMPLETE))
    page.wait_for_load_state("networkidle")
    seen.add(first_paint_ms=page.evaluate(FIRST_PAINT), weight_kb=wire["bytes"] / 1024)
    page.goto(f"{home}?period=30d", wait_until="commit")
    seen.add(complete_30d_ms=page.evaluate(COMPLETE))
    page.goto(f"{home}?period=30d&sort=-conversions", wait_until="commit")
    seen.add(other_order_ms=page.evaluate(COMPLETE))
    context.close()


def measure(base: str, rounds: int) -> dict[str, float]:
    """Medians of the rounds, before each of which somebody visits a site."""

    def visit_and_read(browser: Browser, state: StorageState, number: int, seen: Seen) -> None:
        visit_site(base, number)
        one_round(browser, state, base, seen)

    return run_rounds(base, rounds, visit_and_read)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", type=int, default=500)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--port", type=int, default=9691)
    parser.add_argument("--keep", default="", help="directory of the store, kept for the next run")
    parser.add_argument("--targets", action="store_true", help="end with an error when a target is missed")
    options = parser.parse_args()
    directory = Path(options.keep or tempfile.mkdtemp(prefix="bench-agency-")).absolute()
    directory.mkdir(exist_ok=True, parents=True)
    empty = {"EVENTS_URL": "", "DATABASE_URL": "", "REDIS_URL": ""}
    os.environ.update(empty, DATA_DIR=str(directory), DJANGO_SETTINGS_MODULE="config.settings")
    subprocess.run([sys.executable, "-c", LOAD, str(options.sites), str(options.events)], check=True)
    with served(directory, options.port, **empty) as server:
        found = measure(server.url, options.rounds)
    print(f"{options.sites} sites, {options.events:,} events of {DAYS} days, medians of {options.rounds}")
    for name, value in found.items():
        print(f"{name:16} {value:10.4g}{f'   (target {TARGETS[name]:g})' if name in TARGETS else ''}")
    missed = [f"{name}: {found[name]:.4g}, not {most:g}" for name, most in TARGETS.items() if found[name] > most]
    for sentence in missed:
        print("missed:", sentence)
    results = Path("bench-results")
    results.mkdir(exist_ok=True)
    report = {"sites": options.sites, "events": options.events, "medians": found, "missed": missed}
    (results / "agency.json").write_text(json.dumps(report, indent=1))
    return 1 if options.targets and missed else 0


if __name__ == "__main__":
    sys.exit(main())
