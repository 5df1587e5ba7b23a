"""`make bench-query`: what does an answer cost, beside the best query written by hand, in the same run?

    python -m tests.bench.query [--events 1000000] [--rounds 7] [--keep DIR] [--targets]

Loads events straight into an own store (1, 10 or 100 million), then measures, with the cache off: the 20 questions
from events beside their hand-written twins; sums, top pages and estimates from rollups beside events; the whole
dashboard of 30 days. Prints tables and writes bench-results/query-<events>.json. `--keep DIR` uses the store of an
earlier run again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

TARGETS = {"raw": 1.3, "rolled": 10.0, "top_pages": 2.0}
DASHBOARD_MS = {1_000_000: 200.0, 10_000_000: 600.0}
NEVER, ALWAYS = 10**15, 1


def measured(rounds: int, act: Callable[[], Any]) -> tuple[dict[str, float], Any]:
    """Median and p95 in milliseconds over some rounds after one to warm up, and the last result."""
    result, times = act(), []
    for _ in range(rounds):
        began = time.perf_counter()
        result = act()
        times.append((time.perf_counter() - began) * 1000)
    times.sort()
    return {"median": median(times), "p95": times[min(len(times) - 1, round(0.95 * (len(times) - 1)))]}, result


class Bench:
    """One store of one size."""

    def __init__(self, events: int, rounds: int) -> None:
        self.events, self.rounds = events, rounds

    def prepare(self) -> None:
        """Tables, the large site, events, rollups; what is there already is kept."""
        from django.core.management import call_command

        from accounts.models import Account
        from sites import known
        from sites.models import Site
        from tests.bench import traffic
        from tracking import store

        call_command("migrate", verbosity=0)
        store.migrate()
        if not Site.objects.filter(pk=traffic.LARGE).exists():
            account = Account.objects.create(name="Bench")
            Site.objects.create(pk=traffic.LARGE, account=account, domain="example.com")
        known.refresh()
        found = store.query("SELECT count() FROM events").rows[0][0]
        if found != self.events:
            store.truncate()
            timed("events loaded", lambda: traffic.load(self.events))
            for table in ("events", "visits", "firsts", "touched"):
                timed(f"{table} merged", lambda table=table: store.execute(f"OPTIMIZE TABLE {table} FINAL"))
        timed("rollups built", self.roll)

    def roll(self) -> None:
        from reports import rollups
        from tests.bench.traffic import LAST

        rollups.BUDGET = 3600
        rollups.catch_up(LAST + timedelta(hours=1))

    def ask(self, query: Any, rolled: int = NEVER, estimates: int = NEVER) -> Any:
        from django.conf import settings

        from reports.engine import ask
        from reports.engine.lookup import FromMappings
        from tests.bench.questions import GOALS, NOW

        settings.ROLLUPS_ABOVE_ROWS, settings.ESTIMATES_ABOVE_ROWS = rolled, estimates
        return ask(query, now=NOW, source=FromMappings(GOALS, {}), cache=False)

    def beside_hand(self) -> list[dict[str, Any]]:
        """Every question from events, and by hand."""
        from tests.bench.questions import questions
        from tracking import store

        rows = []
        for question in questions():
            ours, result = measured(self.rounds, lambda: self.ask(question.query))  # noqa: B023
            hand, _ = measured(self.rounds, lambda: [store.query(sql) for sql in question.sql])  # noqa: B023
            with_rollups, _ = measured(self.rounds, lambda: self.ask(question.query, ALWAYS))  # noqa: B023
            rows.append(
                {
                    "question": question.name, "median": ours["median"], "p95": ours["p95"], "by_hand": hand["median"],
                    "ratio": ours["median"] / hand["median"], "rolled": with_rollups["median"],
                    "rows_read": result.meta.rows_read, "bytes_read": result.meta.bytes_read,
                }
            )  # fmt: skip
            print(
                f"{question.name:26} {ours['median']:8.1f} {ours['p95']:8.1f} {hand['median']:8.1f} "
                f"{rows[-1]['ratio']:6.2f} {with_rollups['median']:8.1f} {result.meta.rows_read:12,} "
                f"{result.meta.bytes_read:14,}"
            )
        return rows

    def from_rollups(self) -> dict[str, Any]:
        """Sums, estimates and top pages: rollups beside events."""
        from reports.engine import Query
        from tests.bench.questions import days
        from tests.bench.traffic import LARGE

        closed = days(90).__class__.days(days(90).first_day, days(90).last_day, "UTC")
        sums = ("views", "visits", "actions", "bounce_rate", "avg_duration")
        cases = {
            "sums of 89 closed days": (Query((LARGE,), closed, sums), NEVER),
            "sums by day": (Query((LARGE,), closed, sums, ("day",)), NEVER),
            "views by country": (Query((LARGE,), closed, ("views",), ("country",)), NEVER),
            "visitors, estimated": (Query((LARGE,), closed, ("visitors",)), ALWAYS),
            "top pages of 30 days, exact": (Query((LARGE,), days(30), ("visitors",), ("page",), limit=10), NEVER),
            "top pages of 90 days, exact": (Query((LARGE,), days(90), ("visitors",), ("page",), limit=10), NEVER),
        }
        found = {}
        for name, (query, estimates) in cases.items():
            raw, _ = measured(self.rounds, lambda: self.ask(query))  # noqa: B023
            rolled, result = measured(self.rounds, lambda: self.ask(query, ALWAYS, estimates))  # noqa: B023
            assert "rollups" in result.meta.source, (name, result.meta)
            found[name] = {
                "raw": raw["median"], "rolled": rolled["median"], "faster": raw["median"] / rolled["median"],
                "rows_read": result.meta.rows_read, "exact": result.meta.exact,
            }  # fmt: skip
            print(f"{name:30} {raw['median']:8.1f} {rolled['median']:8.1f} {found[name]['faster']:7.1f}x")
        return found

    def whole_dashboard(self) -> dict[str, float]:
        """All questions of the dashboard of 30 days, one after the other, as installed."""
        from reports.engine import ask
        from reports.engine.lookup import FromMappings
        from tests.bench.questions import GOALS, NOW, dashboard

        source = FromMappings(GOALS, {})
        queries = dashboard()
        cold, _ = measured(self.rounds, lambda: [self.ask(query, 100_000, 20_000_000) for query in queries])
        warm, _ = measured(self.rounds, lambda: [ask(query, now=NOW, source=source) for query in queries])
        print(f"dashboard of 30 days, {len(queries)} questions: {cold['median']:.0f} ms, warm {warm['median']:.0f} ms")
        return {
            "questions": len(queries),
            "cache_off_ms": cold["median"],
            "p95": cold["p95"],
            "warm_ms": warm["median"],
        }


def timed(what: str, act: Callable[[], Any]) -> None:
    began = time.perf_counter()
    act()
    print(f"{what}: {time.perf_counter() - began:.1f} s", file=sys.stderr)


def misses(report: dict[str, Any]) -> list[str]:
    """The targets that were missed, as sentences. Ratios of answers below 5 ms are the cost of asking at all."""
    found = [
        f"{row['question']}: {row['ratio']:.2f} times the query by hand"
        for row in report["questions"]
        if row["ratio"] > TARGETS["raw"] and row["median"] - row["by_hand"] > 5
    ]
    if report["events"] >= 10_000_000:
        for name, row in report["rollups"].items():
            wanted = TARGETS["top_pages"] if name.startswith("top") else TARGETS["rolled"]
            if row["faster"] < wanted:
                found.append(f"{name}: {row['faster']:.1f} times faster from rollups, not {wanted}")
    most = DASHBOARD_MS.get(report["events"])
    if most and report["dashboard"]["cache_off_ms"] > most:
        found.append(f"dashboard: {report['dashboard']['cache_off_ms']:.0f} ms, not {most:.0f}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--keep", default="", help="directory of the store, kept for the next run")
    parser.add_argument("--targets", action="store_true", help="end with an error when a target is missed")
    options = parser.parse_args()
    directory = options.keep or tempfile.mkdtemp(prefix="bench-query-")
    os.environ.update(DATA_DIR=str(Path(directory).absolute()), EVENTS_URL="", DATABASE_URL="")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    bench = Bench(options.events, options.rounds)
    bench.prepare()
    print(f"{options.events:,} events of 90 days, cache off, milliseconds")
    print(
        f"{'question':26} {'median':>8} {'p95':>8} {'by hand':>8} {'ratio':>6} {'rolled':>8} "
        f"{'rows read':>12} {'bytes read':>14}"
    )
    report: dict[str, Any] = {"events": options.events, "questions": bench.beside_hand()}
    print(f"\n{'':30} {'events':>8} {'rollups':>8} {'faster':>8}")
    report["rollups"] = bench.from_rollups()
    report["dashboard"] = bench.whole_dashboard()
    report["missed"] = misses(report)
    for sentence in report["missed"]:
        print("missed:", sentence)
    results = Path("bench-results")
    results.mkdir(exist_ok=True)
    (results / f"query-{options.events}.json").write_text(json.dumps(report, indent=1))
    return 1 if options.targets and report["missed"] else 0


if __name__ == "__main__":
    sys.exit(main())
