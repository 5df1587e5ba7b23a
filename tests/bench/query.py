"""`make bench-query`: what a query costs, compared with the best SQL written by hand, in the same run.

    python -m tests.bench.query [--events 1000000] [--rounds 7] [--minutes 30] [--keep DIR] [--targets]

Loads events straight into an own store (1, 10 or 100 million), then measures, with the cache off: sums, top pages and
estimates from rollups beside events; the whole dashboard of 30 days, asked together as its page does; tallies and the
list of visitors through the Stats API's own functions; the 20 questions from events beside their hand-written SQL.
What is compared runs alternately, A B A B, so that both meet the same load. Prints tables and writes
bench-results/query-<events>.json after each section. `--keep DIR` uses the store of an earlier run again; `--minutes`
bounds the measuring: from then on, two rounds each.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

TARGETS = {"raw": 1.3, "rolled": 10.0, "top_pages": 2.0}
DASHBOARD_MS = {1_000_000: 200.0, 10_000_000: 600.0}
WARM_MS = 100.0
NEVER, ALWAYS = 10**15, 1
ROLLUPS = ("rollup_quarters", "rollup_days", "rollup_devices", "rollup_seen", "rollup_visitors")
MERGED = {"optimize_skip_merged_partitions": 1}  # as they are after some hours
AS_INSTALLED = (100_000, 20_000_000)


def cost(times: list[tuple[float, float]]) -> dict[str, float]:
    """Median and p95, and the median of the processor's time (all cores; it hardly depends on who else is at work)."""
    walls = sorted(wall for wall, _ in times)
    p95 = walls[min(len(walls) - 1, round(0.95 * (len(walls) - 1)))]
    return {"median": median(walls), "p95": p95, "cpu": median(cpu for _, cpu in times)}


def in_turns(rounds: int, *acts: Callable[[], Any]) -> tuple[list[dict[str, float]], list[Any]]:
    """What each act costs, and its last result: one round to warm up, then A B A B."""
    results = [act() for act in acts]
    times: list[list[tuple[float, float]]] = [[] for _ in acts]
    for _ in range(rounds):
        for index, act in enumerate(acts):
            began, busy = time.perf_counter(), time.process_time()
            results[index] = act()
            times[index].append(((time.perf_counter() - began) * 1000, (time.process_time() - busy) * 1000))
    return [cost(each) for each in times], results


class Bench:
    """One store of one size."""

    def __init__(self, events: int, rounds: int, minutes: float = 30) -> None:
        self.events, self.most, self.until = events, rounds, time.monotonic() + minutes * 60

    @property
    def rounds(self) -> int:
        return self.most if time.monotonic() < self.until else 2

    def prepare(self) -> None:
        """Tables, the large site, events, rollups; what is there already is kept."""
        from django.core.management import call_command

        from accounts.models import Account
        from sites import site_cache
        from sites.models import Site
        from tests.bench import traffic
        from tracking import store

        call_command("migrate", verbosity=0)
        store.migrate()
        if not Site.objects.filter(pk=traffic.LARGE).exists():
            account = Account.objects.create(name="Bench")
            Site.objects.create(pk=traffic.LARGE, account=account, domain="example.com")
        site_cache.refresh()
        found = store.query("SELECT count() FROM events").rows[0][0]
        if found != self.events:
            store.truncate()
            timed("events loaded", lambda: traffic.load(self.events))
            for table in ("events", "visits", "firsts", "touched"):
                timed(f"{table} merged", partial(store.execute, f"OPTIMIZE TABLE {table} FINAL"))
        timed("rollups built", self.roll)
        timed("rollups merged", self.merge_rollups)

    def merge_rollups(self) -> None:
        from tracking import store

        for table in ROLLUPS:
            store.execute(f"OPTIMIZE TABLE {table} FINAL", settings=MERGED)

    def roll(self) -> None:
        from reports.query.rollups import schedule
        from tests.bench.questions import NOW

        schedule.MAX_ROUND_SECONDS = 3600
        schedule.build_outdated_days(NOW)  # today is not over: what of it is asked comes from events

    def ask(self, query: Any, rolled: int = NEVER, estimates: int = NEVER) -> Any:
        from django.conf import settings

        from reports.query import ask
        from tests.bench.questions import GOALS, NOW
        from tests.support.mapped_goals import MappedGoals

        settings.ROLLUPS_ABOVE_ROWS, settings.ESTIMATES_ABOVE_ROWS = rolled, estimates
        return ask(query, now=NOW, source=MappedGoals(GOALS, {}), cache=False)

    def beside_hand(self) -> Iterator[dict[str, Any]]:
        """Every question from events, by hand, and with rollups."""
        from tests.bench.questions import questions
        from tracking import store

        for question in questions():
            (ours, hand, rolled), (result, *_) = in_turns(
                self.rounds,
                lambda: self.ask(question.query),  # noqa: B023
                lambda: [store.query(sql) for sql in question.sql],  # noqa: B023
                lambda: self.ask(question.query, ALWAYS),  # noqa: B023
            )
            row = {
                "question": question.name, **ours, "by_hand": hand["median"], "by_hand_cpu": hand["cpu"],
                "ratio": ours["median"] / hand["median"], "cpu_ratio": ours["cpu"] / hand["cpu"],
                "rolled": rolled["median"], "rolled_cpu": rolled["cpu"],
                "rows_read": result.meta.rows_read, "bytes_read": result.meta.bytes_read,
            }  # fmt: skip
            print(
                f"{question.name:26} {row['median']:8.1f} {row['p95']:8.1f} {row['by_hand']:8.1f} {row['ratio']:6.2f} "
                f"{row['cpu']:8.1f} {row['by_hand_cpu']:8.1f} {row['cpu_ratio']:6.2f} {row['rolled']:8.1f} "
                f"{row['rows_read']:12,} {row['bytes_read']:14,}",
                flush=True,
            )
            yield row

    def from_rollups(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Sums, estimates and top pages: rollups beside events."""
        from tests.bench.questions import rolled_up

        for name, query, estimates in rolled_up():
            (raw, rolled), (_, result) = in_turns(
                self.rounds,
                lambda: self.ask(query),  # noqa: B023
                lambda: self.ask(query, ALWAYS, ALWAYS if estimates else NEVER),  # noqa: B023
            )
            row = {
                "raw": raw["median"], "rolled": rolled["median"], "faster": raw["median"] / rolled["median"],
                "raw_cpu": raw["cpu"], "rolled_cpu": rolled["cpu"], "cpu_faster": raw["cpu"] / rolled["cpu"],
                "rows_read": result.meta.rows_read, "exact": result.meta.exact, "source": result.meta.source,
            }  # fmt: skip
            print(
                f"{name:30} {row['raw']:8.1f} {row['rolled']:8.1f} {row['faster']:7.1f}x {row['raw_cpu']:8.1f} "
                f"{row['rolled_cpu']:8.1f} {row['cpu_faster']:7.1f}x  {row['source']}",
                flush=True,
            )
            yield name, row

    def whole_dashboard(self) -> dict[str, Any]:
        """All questions of the dashboard of 30 days, together as its page asks them, and each alone, as installed."""
        from django.conf import settings

        from reports.query import ask_many
        from tests.bench.questions import GOALS, NOW, dashboard
        from tests.support.mapped_goals import MappedGoals

        settings.ROLLUPS_ABOVE_ROWS, settings.ESTIMATES_ABOVE_ROWS = AS_INSTALLED
        source = MappedGoals(GOALS, {})
        queries = dashboard()
        (cold, alone, warm, *each), _ = in_turns(
            self.rounds,
            lambda: ask_many(queries, now=NOW, source=source, cache=False),
            lambda: [self.ask(query, *AS_INSTALLED) for query in queries],
            lambda: ask_many(queries, now=NOW, source=source),
            *(lambda query=query: self.ask(query, *AS_INSTALLED) for query in queries),
        )
        print(
            f"dashboard of 30 days, {len(queries)} questions: "
            f"{cold['median']:.0f} ms ({cold['cpu']:.0f} cpu), one after the other {alone['median']:.0f} "
            f"({alone['cpu']:.0f} cpu), warm {warm['median']:.1f}"
        )
        names = ["+".join((*query.metrics, "by", *query.dimensions)) for query in queries]
        return {
            "questions": len(queries), "cache_off_ms": cold["median"], "p95": cold["p95"], "cpu": cold["cpu"],
            "one_by_one_ms": alone["median"], "one_by_one_cpu": alone["cpu"], "warm_ms": warm["median"],
            "each": {name: [one["median"], one["cpu"]] for name, one in zip(names, each, strict=True)},
        }  # fmt: skip


def stats_api(bench: Bench) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every tally of 30 days and the longest list of visitors, from parameters to the written answer."""
    from django.conf import settings

    from tests.bench import clicky

    settings.ROLLUPS_ABOVE_ROWS, settings.ESTIMATES_ABOVE_ROWS = AS_INSTALLED
    for name, (given, most) in clicky.calls().items():
        (row,), _ = in_turns(bench.rounds, lambda: clicky.call(given))  # noqa: B023
        print(f"{name:32} {row['median']:8.1f} {row['p95']:8.1f} {row['cpu']:8.1f}", flush=True)
        yield name, {**row, "most": most}


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
    most, dashboard = DASHBOARD_MS.get(report["events"]), report.get("dashboard")
    if most and dashboard and dashboard["cache_off_ms"] > most:
        found.append(f"dashboard: {dashboard['cache_off_ms']:.0f} ms, not {most:.0f}")
    if dashboard and dashboard["warm_ms"] > WARM_MS:
        found.append(f"dashboard, warm: {dashboard['warm_ms']:.0f} ms, not {WARM_MS:.0f}")
    for name, row in report["stats_api"].items():
        if report["events"] <= 10_000_000 and row["median"] > row["most"]:
            found.append(f"Stats API, {name}: {row['median']:.0f} ms, not {row['most']:.0f}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--minutes", type=float, default=30, help="of measuring; from then on two rounds each")
    parser.add_argument("--keep", default="", help="directory of the store, kept for the next run")
    parser.add_argument("--targets", action="store_true", help="end with an error when a target is missed")
    options = parser.parse_args()
    directory = options.keep or tempfile.mkdtemp(prefix="bench-query-")
    os.environ.update(DATA_DIR=str(Path(directory).absolute()), EVENTS_URL="", DATABASE_URL="")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    bench = Bench(options.events, options.rounds, options.minutes)
    bench.prepare()
    bench.until = time.monotonic() + options.minutes * 60
    report: dict[str, Any] = {
        "events": options.events,
        "rounds": options.rounds,
        "rollups": {},
        "stats_api": {},
        "questions": [],
    }
    try:
        measure(bench, report)
    finally:
        write(report)
    for sentence in report["missed"]:
        print("missed:", sentence)
    return 1 if options.targets and report["missed"] else 0


def measure(bench: Bench, report: dict[str, Any]) -> None:
    """Everything, into the report as it comes."""
    print(f"{bench.events:,} events of 90 days, cache off, milliseconds")
    print(f"{'':30} {'events':>8} {'rollups':>8} {'faster':>8} {'cpu':>8} {'cpu':>8} {'faster':>8}")
    report["rollups"].update(bench.from_rollups())
    write(report)
    report["dashboard"] = bench.whole_dashboard()
    write(report)
    print(f"{'Stats API':32} {'median':>8} {'p95':>8} {'cpu':>8}")
    report["stats_api"].update(stats_api(bench))
    write(report)
    print(
        f"{'question':26} {'median':>8} {'p95':>8} {'by hand':>8} {'ratio':>6} {'cpu':>8} {'hand cpu':>8} {'ratio':>6} "
        f"{'rolled':>8} "
        f"{'rows read':>12} {'bytes read':>14}"
    )
    for row in bench.beside_hand():
        report["questions"].append(row)


def write(report: dict[str, Any]) -> None:
    report["missed"] = misses(report)
    results = Path("bench-results")
    results.mkdir(exist_ok=True)
    (results / f"query-{report['events']}.json").write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    sys.exit(main())
