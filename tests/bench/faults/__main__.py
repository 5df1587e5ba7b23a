"""What faults cost, as a table: python -m tests.bench.faults [--rate 200] [--seconds 6] [--times 10] [NAME …]

Starts an installation of several processes (`installation.py`), sends page views at a steady rate to both servers in
turns, causes a fault (`fault_cases.py`) and waits until everything is stored. A tenth of the hits is sent again to the
other server with its id. Each row: hits sent, answered as recorded, refused with a reason, connections refused and cut,
stored, lost (answered but not stored), doubled, and what /healthz said after how many seconds. It ends with 1 if a row
has losses, doubles or refused connections that it must not have, or if /healthz was silent.

`--from REVISION` is the release that `upgrade` begins with; the next one is the working tree with one more migration.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import httpx

from tests.bench.faults.fault_cases import FAULTS, NUMBERS, Fault, Run
from tests.bench.faults.installation import Installation, copy_code, read_health
from tests.bench.faults.load import Load
from tests.served import wait_until

AROUND = 3.0  # seconds of hits before and after a fault
HEADS = (
    "fault", "sent", "answered", "refused", "connections refused", "cut", "stored", "lost", "doubled", "slowest",
    "/healthz", "remark",
)  # fmt: skip
MIGRATION = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "{last}")]
    operations = [migrations.RunSQL("ALTER TABLE accounts_account ADD COLUMN of_the_next_release integer NULL")]
"""


class HealthWatch:
    """Asks every server's /healthz each second; notes each sentence with the second in which it first came."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.ports, self.said = ports, dict[str, float]()
        self.ending = threading.Event()

    def __enter__(self) -> HealthWatch:
        self.began = time.monotonic()
        self.threads = [threading.Thread(target=self.run, args=(port,)) for port in self.ports]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def run(self, port: int) -> None:
        """Ask one server."""
        while not self.ending.wait(1):
            try:
                sentences: list[str] = read_health(port, 8)["warnings"]
            except httpx.TimeoutException:
                sentences = ["no answer within 8 seconds"]
            except (httpx.HTTPError, ValueError):
                sentences = ["no answer"]
            for sentence in sentences:
                self.said.setdefault(sentence.partition(". ")[0][:90], time.monotonic() - self.began)

    def describe(self) -> str:
        """Return the sentences; "ok" if there were none."""
        return "; ".join(f"after {seconds:.0f} s: {text}" for text, seconds in self.said.items()) or "ok"


def run_fault(fault: Fault, installation: Installation, options: argparse.Namespace, first: int) -> bool:
    """Cause a fault during the load and print its row; returns whether it is as it must be."""
    load = Load(
        ports=tuple(installation.ports.values()),
        site=installation.site["site"]["site_id"],
        rate=options.rate,
        first=first,
    )
    run = Run(
        installation=installation,
        load=load,
        seconds=max(options.seconds or fault.seconds, fault.least_seconds),
        times=options.times,
    )
    fault.prepare(run)
    crashes = installation.count_crashes()
    with load:
        time.sleep(AROUND)
        with HealthWatch(list(installation.ports.values())) as watch:
            fault.cause(run)
        time.sleep(AROUND)
    wait_until(lambda: not installation.count_waiting(), installation.count_waiting, 180)
    time.sleep(1)
    stored = installation.count_stored(first)
    fault.restore(run)
    lost, doubled = len(load.answered - set(stored)), stored.total() - len(stored)
    print_row((
        fault.name, load.sent, len(load.answered),
        "; ".join(f"{number} {reason}" for reason, number in load.reasons.items()) or 0, load.refused, load.cut,
        len(stored), lost, f"{doubled} of {len(load.repeated)} repeated", f"{load.slowest * 1000:.0f} ms",
        watch.describe(), describe_remarks(run.remark, installation.count_crashes() - crashes),
    ))  # fmt: skip
    told = fault.is_hidden or bool(watch.said)
    refused = load.refused and not fault.may_refuse_connections
    return not lost and (fault.may_double or not doubled) and told and not refused


def describe_remarks(remark: str, crashes: Counter[str]) -> str:
    """Return the remark of a row, and which services ended by themselves."""
    ended = (f"{name} crashed {number} times and was started again" for name, number in crashes.items())
    return "; ".join([*([remark] if remark else []), *ended])


def print_row(cells: Sequence[object]) -> None:
    """Print a row of a table in Markdown."""
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def prepare_upgrade(home: Path, revision: str) -> Path:
    """Copy the code of two releases that follow each other; returns the first one."""
    following = copy_code(home / "next-release")
    migrations = following / "accounts" / "migrations"
    last = max(path.stem for path in migrations.glob("0*.py"))
    (migrations / "9999_next_release.py").write_text(MIGRATION.format(last=last))
    return copy_code(home / "release", revision)


def run_faults(faults: Sequence[Fault], options: argparse.Namespace) -> bool:
    """Run faults in one installation; returns whether all rows are as they must be."""
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        upgrades = any(fault.name == "upgrade" for fault in faults)
        code = prepare_upgrade(home, options.revision) if upgrades else Path(__file__).resolve().parents[3]
        installation = Installation(home, code)
        try:
            installation.start()
            good = True
            for position, fault in enumerate(faults):
                if reason := fault.why_not(installation):
                    print(f"{fault.name}: left out, {reason}", flush=True)
                else:
                    good &= run_fault(fault, installation, options, NUMBERS * (position + 1))
            return good
        finally:
            if options.logs:
                keep_logs(home, options.logs)
            installation.close()


def keep_logs(home: Path, target: Path) -> None:
    """Copy the logs of the services."""
    target.mkdir(parents=True, exist_ok=True)
    for path in home.glob("*.log"):
        (target / path.name).write_bytes(path.read_bytes())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=", ".join(fault.name for fault in FAULTS))
    parser.add_argument("--rate", type=float, default=200, help="page views a second")
    parser.add_argument("--seconds", type=float, help="how long each fault lasts, in place of its own time")
    parser.add_argument("--times", type=int, default=10, help="how often a process is killed")
    parser.add_argument("--from", dest="revision", default="HEAD", help="the release that is upgraded")
    parser.add_argument("--logs", type=Path, help="a directory for the logs of the services")
    options = parser.parse_args()
    by_name = {fault.name: fault for fault in FAULTS}
    if unknown := set(options.names) - by_name.keys():
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    faults = [by_name[name] for name in options.names or by_name]
    print_row(HEADS)
    print_row(["---"] * len(HEADS))
    together = [fault for fault in faults if fault.name != "upgrade"]
    alone = [fault for fault in faults if fault.name == "upgrade"]  # with releases of its own
    found = [run_faults(part, options) for part in (together, alone) if part]
    return 0 if all(found) else 1


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    sys.exit(main())
