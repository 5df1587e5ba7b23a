"""What queries cost in two checkouts of this repository, measured call by call in turns.

    python -m tests.bench.compare CHECKOUT [--events 100000] [--rounds 9] [--only online]

Each checkout has a process of its own, with a store of the same events. Both make a call, one after the other, then the
next, so that they meet the same load: whole runs of `bench-query` that follow each other differ by a fifth on a shared
machine, even with the same code. The calls are those of `bench-query`. Printed are the medians of processor time in
milliseconds, here and there, and the ratio. Compared with itself (`.`) a checkout shows how much of that is noise.
CHECKOUT needs this module, and an environment or a link to one in `.venv`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import geometric_mean, median
from typing import IO

from tests.bench.query import ALWAYS, AS_INSTALLED, NEVER, Bench

WARM_UP = 3  # calls that do not count: ClickHouse compiles an expression when it comes for the third time
Call = Callable[[], object]


class Checkout:
    """A checkout, whose process makes one call at a time."""

    def __init__(self, directory: Path, events: int) -> None:
        command = [f"{directory}/.venv/bin/python", "-m", "tests.bench.compare", "--answer", "--events", str(events)]
        self.process = subprocess.Popen(
            command, cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdin and self.process.stdout
        self.requests: IO[str] = self.process.stdin
        self.answers: IO[str] = self.process.stdout

    def read_names(self) -> list[str]:
        """Return the names of the calls, once the store is filled."""
        names: list[str] = json.loads(self.answers.readline())
        return names

    def measure(self, name: str) -> float:
        """Make a call and return the processor time of its process, in milliseconds."""
        print(name, file=self.requests, flush=True)
        return float(self.answers.readline())

    def close(self) -> None:
        self.requests.close()
        self.process.wait()


def compare(here: Checkout, there: Checkout, only: str, rounds: int) -> Iterator[tuple[str, float, float]]:
    """Yield name and median milliseconds here and there, of every call that both have."""
    known = set(there.read_names())
    for name in here.read_names():
        if name in known and only in name:
            times: dict[Checkout, list[float]] = {here: [], there: []}
            for index in range(WARM_UP + rounds):
                for checkout in (here, there) if index % 2 else (there, here):
                    times[checkout].append(checkout.measure(name))
            yield name, median(times[here][WARM_UP:]), median(times[there][WARM_UP:])


# -- the process of a checkout ----------------------------------------------------------------------------------------


def answer_requests(events: int) -> None:
    """Fill a store, write the names of the calls, and make each call whose name is read."""
    answers, sys.stdout = sys.stdout, sys.stderr
    with tempfile.TemporaryDirectory(prefix="bench-compare-") as directory:
        os.environ.update(DATA_DIR=directory, EVENTS_URL="", DATABASE_URL="", REDIS_URL="")
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        import django

        django.setup()
        bench = Bench(events, rounds=1)
        bench.prepare()
        calls = list_calls(bench)
        print(json.dumps(list(calls)), file=answers, flush=True)
        for line in sys.stdin:
            call = calls[line.strip()]
            started = time.process_time()
            call()
            print((time.process_time() - started) * 1000, file=answers, flush=True)


def list_calls(bench: Bench) -> dict[str, Call]:
    """Return the calls by their names, without a result cached."""
    from tests.bench import clicky
    from tests.bench.questions import dashboard, questions, rolled_up

    calls: dict[str, Call] = {}
    for name, query, estimates in rolled_up():
        calls[f"{name}, from events"] = partial(bench.ask, query)
        calls[f"{name}, from rollups"] = partial(bench.ask, query, ALWAYS, ALWAYS if estimates else NEVER)
    calls["dashboard"] = ask_dashboard
    for query in dashboard():
        name = "+".join((*query.metrics, "by", *query.dimensions))
        calls[f"dashboard: {name}"] = partial(bench.ask, query, *AS_INSTALLED)
    for name, (params, _) in clicky.calls().items():
        calls[f"Stats API: {name}"] = partial(call_stats_api, params)
    for question in questions():
        calls[f"{question.name}, from events"] = partial(bench.ask, question.query)
        calls[f"{question.name}, from rollups"] = partial(bench.ask, question.query, ALWAYS)
    return calls


def use_tables_as_installed() -> None:
    from django.conf import settings

    settings.ROLLUPS_ABOVE_ROWS, settings.ESTIMATES_ABOVE_ROWS = AS_INSTALLED


def ask_dashboard() -> None:
    """Ask all questions of the dashboard of 30 days together, as its page does."""
    from reports.query import ask_many
    from tests.bench.questions import GOALS, NOW, dashboard
    from tests.support.mapped_goals import MappedGoals

    use_tables_as_installed()
    ask_many(dashboard(), now=NOW, source=MappedGoals(GOALS, {}), cache=False)


def call_stats_api(params: dict[str, str]) -> None:
    from tests.bench import clicky

    use_tables_as_installed()
    clicky.call(params)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", nargs="?", type=Path, default=Path(), help="the directory of the other checkout")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=9, help="calls that count, of each")
    parser.add_argument("--only", default="", help="calls whose name contains this")
    parser.add_argument("--answer", action="store_true", help="be the process of a checkout")
    options = parser.parse_args()
    if options.answer:
        answer_requests(options.events)
        return
    here, there = Checkout(Path().absolute(), options.events), Checkout(options.checkout.absolute(), options.events)
    try:
        print(f"{'':56} {'here':>8} {'there':>8} {'ratio':>6}")
        ratios = []
        for name, ours, theirs in compare(here, there, options.only, options.rounds):
            print(f"{name[:56]:56} {ours:8.2f} {theirs:8.2f} {ours / theirs:6.2f}", flush=True)
            ratios.append(ours / theirs)
        print(f"{len(ratios)} calls, geometric mean of the ratios {geometric_mean(ratios):.3f}")
    finally:
        here.close()
        there.close()


if __name__ == "__main__":
    main()
