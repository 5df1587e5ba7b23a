"""`make bench-pages`: how long it takes until the overview is shown, measured in Chromium.

    python -m tests.bench.pages [--events 10000000] [--rounds 7] [--port 9690] [--keep DIR] [--targets]

Loads events into an own store, starts `serve` on it, and opens the overview of 30 days. Every round queries other 30
days, so no result is cached. Printed and written to bench-results/pages.json: medians of the first
contentful paint, of click to all panels painted (a change of period, and a row pressed as a filter), layout shift,
and the weight of the first view as it comes over the wire.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

import django
from playwright.sync_api import Browser, CDPSession, Page, StorageState, ViewportSize, sync_playwright

from tests.bench.serving import EMAIL, PASSWORD, served
from tests.browser.shots import launch, log_in

TARGETS = {"first_paint_ms": 300.0, "all_panels_ms": 1000.0, "shift": 0.02, "weight_kb": 150.0}
DAYS = 30
SIZE: ViewportSize = {"width": 1440, "height": 900}
LOAD = """
import sys, django
django.setup()
from tests.bench.query import Bench
from tests.bench.serving import EMAIL, PASSWORD
from tests.bench.traffic import LARGE
Bench(int(sys.argv[1]), 1).prepare()
from accounts.models import Membership, Role, User
from sites.models import Site
user = User.objects.filter(email=EMAIL).first() or User.objects.create_user(EMAIL, PASSWORD)
account = Site.objects.get(pk=LARGE).account
Membership.objects.get_or_create(user=user, account=account, defaults={"role": Role.OWNER})
"""
# What the page notes while it lives: shifts, and when the last waiting panel was painted after a click
NOTE = """
window.shift = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });
// htmx lets new parts look like old ones for a moment, so what looks finished must still do so a little later
window.painted = (before) => new Promise((done) => {
  let since = 0;
  const look = () => {
    const sheet = document.querySelector("#report");
    const parsed = document.readyState !== "loading" && sheet && sheet !== before;
    if (!parsed || document.querySelector(".waiting, .htmx-request, .htmx-settling")) since = 0;
    else since ||= performance.now();
    if (since && performance.now() - since > 80) done(since);
    else requestAnimationFrame(look);
  };
  look();
});
"""
CLICK = """async (selector) => {
  const before = document.querySelector("#report"), began = performance.now();
  document.querySelector(selector).click();
  return (await window.painted(before)) - began;
}"""
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"


@dataclass
class Seen:
    """Milliseconds, shifts and bytes of all rounds, by name."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, **found: float) -> None:
        for name, value in found.items():
            self.values.setdefault(name, []).append(value)

    def medians(self) -> dict[str, float]:
        return {name: round(median(values), 4) for name, values in self.values.items()}


def period(number: int) -> str:
    """30 days that end `number` days before the events do."""
    from tests.bench.traffic import LAST

    last = LAST.date() - timedelta(days=1 + number)
    return f"{last - timedelta(days=DAYS - 1)}..{last}"


def weighed(page: Page) -> tuple[CDPSession, dict[str, float]]:
    """Counts what comes over the wire from now on, answers' headers included."""
    found = {"bytes": 0.0, "requests": 0.0}

    def arrived(event: dict[str, Any]) -> None:
        found["bytes"] += event["encodedDataLength"]
        found["requests"] += 1

    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.loadingFinished", arrived)
    return session, found


def one_round(browser: Browser, state: Any, site: str, number: int, seen: Seen) -> None:
    """One reader: the first view in a fresh browser, another period, and a row as a filter."""
    context = browser.new_context(viewport=SIZE, storage_state=state)
    context.add_init_script(NOTE)
    page = context.new_page()
    _, wire = weighed(page)
    page.goto(f"{site}?period={period(3 * number)}", wait_until="commit")
    whole = page.evaluate("window.painted(null)")
    page.wait_for_load_state("networkidle")
    seen.add(first_paint_ms=page.evaluate(FIRST_PAINT), first_view_ms=whole, weight_kb=wire["bytes"] / 1024,
             requests=wire["requests"])  # fmt: skip
    seen.add(all_panels_ms=page.evaluate(CLICK, '.period a[aria-label="The period before"]'))
    seen.add(filter_ms=page.evaluate(CLICK, "#panel-sources td.named a"))
    seen.add(shift=page.evaluate("window.shift"))
    context.close()


def measure(base: str, rounds: int) -> dict[str, float]:
    """Medians of the rounds of a reader of the largest site."""
    from tests.bench.traffic import LARGE

    return run_rounds(
        base,
        rounds,
        lambda browser, state, number, seen: one_round(browser, state, f"{base}/sites/{LARGE}/", number, seen),
    )


def run_rounds(
    base: str, rounds: int, one_round: Callable[[Browser, StorageState, int, Seen], None]
) -> dict[str, float]:
    """Medians over some rounds after one to warm up, each of a person who is logged in."""
    seen = Seen()
    with sync_playwright() as playwright:
        browser = launch(playwright)
        entry = browser.new_page()
        log_in(entry, base, EMAIL, PASSWORD)
        state = entry.context.storage_state()
        entry.close()
        for number in range(rounds + 1):
            one_round(browser, state, number, seen if number else Seen())
        browser.close()
    return seen.medians()


def misses(found: dict[str, float]) -> list[str]:
    return [f"{name}: {found[name]:.4g}, not {most:g}" for name, most in TARGETS.items() if found[name] > most]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--port", type=int, default=9690)
    parser.add_argument("--keep", default="", help="directory of the store, kept for the next run")
    parser.add_argument("--targets", action="store_true", help="end with an error when a target is missed")
    options = parser.parse_args()
    directory = Path(options.keep or tempfile.mkdtemp(prefix="bench-pages-")).absolute()
    directory.mkdir(exist_ok=True, parents=True)
    empty = {"DATA_DIR": str(directory), "EVENTS_URL": "", "DATABASE_URL": "", "REDIS_URL": ""}
    os.environ.update(empty, DJANGO_SETTINGS_MODULE="config.settings")
    django.setup()  # site and days are named in a module that imports the store
    subprocess.run([sys.executable, "-c", LOAD, str(options.events)], check=True)
    with served(directory, options.port, EVENTS_URL="", DATABASE_URL="", REDIS_URL="") as server:
        found = measure(server.url, options.rounds)
    print(f"{options.events:,} events of 90 days, overview of {DAYS} days, cache off, medians of {options.rounds}")
    for name, value in found.items():
        print(f"{name:16} {value:10.4g}{f'   (target {TARGETS[name]:g})' if name in TARGETS else ''}")
    missed = misses(found)
    for sentence in missed:
        print("missed:", sentence)
    results = Path("bench-results")
    results.mkdir(exist_ok=True)
    report = {"events": options.events, "rounds": options.rounds, "medians": found, "missed": missed}
    (results / "pages.json").write_text(json.dumps(report, indent=1))
    return 1 if options.targets and missed else 0


if __name__ == "__main__":
    sys.exit(main())
