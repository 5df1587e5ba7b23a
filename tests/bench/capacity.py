"""What the capacity table of the documentation is computed from: python -m tests.bench.capacity [EVENTS …]

For each number of events, in a store of its own: bytes on disk an event (by table), processor time of loading it and of
building its rollups, the dashboard of 30 days (processor time and wall-clock time), and memory of the process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.serving import ROOT

MB = 1_000_000


def read_rss() -> float:
    """Resident memory of this process in MB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024 / MB


def measure(events: int) -> None:
    """Measure one size in this process, and print a line for each figure."""
    import django

    django.setup()
    from tests.bench.query import Bench
    from tracking import store

    bench, busy = Bench(events, rounds=3), time.process_time()
    bench.prepare()
    print(f"{events:,} events: loaded and rolled up with {(time.process_time() - busy) / events * MB:.1f} µs an event")
    sizes = {name: size for name, size in store.size().items() if size / events >= 0.1}
    parts = ", ".join(f"{name} {size / events:.1f}" for name, size in sorted(sizes.items(), key=lambda one: -one[1]))
    print(f"{events:,} events: {sum(sizes.values()) / events:.1f} bytes on disk an event ({parts})")
    bench.whole_dashboard()
    print(f"{events:,} events: {read_rss():.0f} MB of memory", flush=True)
    store.close()


def main() -> None:
    if os.environ.get("CAPACITY_EVENTS"):
        measure(int(os.environ["CAPACITY_EVENTS"]))
        return
    for events in sys.argv[1:] or ["1000000", "10000000"]:
        with tempfile.TemporaryDirectory() as folder:
            env = {
                **os.environ, "DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "config.settings",
                "CAPACITY_EVENTS": str(int(events)),
            }  # fmt: skip
            subprocess.run([sys.executable, "-m", "tests.bench.capacity"], cwd=ROOT, env=env, check=True)


if __name__ == "__main__":
    main()
