"""What beacons and clicks cost in two checkouts of this repository, measured in turns.

    python -m tests.bench.compare_hits CHECKOUT [--rounds 30] [--seconds 1]

Both checkouts serve at the same time, each from a store of its own. In every round each of them gets beacons from wrk,
then each gets clicks, so that they meet the same load: whole runs that follow each other differ by far more on a shared
machine. Printed are the medians of processor time in microseconds a request, of all threads of the process, here and
there, and the median of the ratios of the rounds. Compared with itself (`.`) a checkout shows how much is noise.
CHECKOUT needs an environment (or a link to one) in `.venv`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.bench import ingest, redirect
from tests.bench.serving import EMAIL, PASSWORD, wait_for
from tests.served import reserve_port

LINKS, CONNECTIONS, DOMAIN = 5000, 32, "bench.example"
FILL = "from tests.bench.redirect import FILL; exec(FILL)"  # as the checkout itself writes its links
WARM_UP = 3  # rounds that do not count
KINDS = ("beacon", "click")


class Server(NamedTuple):
    """A checkout that serves, and the id of its site."""

    pid: int
    url: str
    site: int

    def measure(self, kind: str, seconds: float, seed: int) -> float:
        """Send requests as fast as they are answered; return processor microseconds for each."""
        used = read_processor_seconds(self.pid)
        if kind == "beacon":
            found = ingest.wrk(self.url, seconds, CONNECTIONS, self.site, DOMAIN, seed)
        else:
            found = redirect.wrk(self.url, seconds, CONNECTIONS, LINKS)
        if found["errors"]:
            raise RuntimeError(f"{found['errors']:.0f} errors of {found['requests']:.0f} requests at {self.url}")
        return (read_processor_seconds(self.pid) - used) / found["requests"] * 1e6


def read_processor_seconds(pid: int) -> float:
    """Read the processor time of all threads of a process from its clock, which counts nanoseconds (Linux)."""
    return time.clock_gettime((~pid << 3) | 2)


@contextlib.contextmanager
def serve_checkout(checkout: Path) -> Iterator[Server]:
    """Serve from a checkout, with a site and links; the server ends with the block."""
    python, port = f"{checkout}/.venv/bin/python", reserve_port()
    with tempfile.TemporaryDirectory(prefix="bench-compare-hits-") as folder:
        empty = {"EVENTS_URL": "", "DATABASE_URL": "", "REDIS_URL": "", "DJANGO_SETTINGS_MODULE": "config.settings"}
        environment = {**os.environ, **empty, "DATA_DIR": folder, "TRUSTED_PROXIES": "127.0.0.1"}
        Path(folder, "geo").symlink_to(checkout / "var" / "geo")
        subprocess.run([python, "-c", FILL, str(LINKS)], env=environment, cwd=checkout, check=True)
        command = [python, "manage.py", "serve", "--no-demo", "--port", str(port)]
        process = subprocess.Popen(command, env=environment, cwd=checkout, stdout=subprocess.DEVNULL)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(f"{url}/healthz", process)
            told = ["--email", EMAIL, "--password", PASSWORD, "--account", "Bench", "--domain", DOMAIN, "--json"]
            provision = [python, "manage.py", "provision", *told]
            made = subprocess.run(provision, env=environment, cwd=checkout, check=True, capture_output=True)
            time.sleep(2.5)  # the server knows a new site within two seconds
            yield Server(process.pid, url, json.loads(made.stdout)["site"]["site_id"])
        finally:
            process.terminate()
            process.wait(30)


def compare(here: Server, there: Server, rounds: int, seconds: float) -> Iterator[str]:
    """Yield a line of medians for each kind of request."""
    found: dict[tuple[str, Server], list[float]] = {(kind, side): [] for kind in KINDS for side in (here, there)}
    for number in range(WARM_UP + rounds):
        for kind in KINDS:
            for side in (here, there) if number % 2 else (there, here):
                found[kind, side].append(side.measure(kind, seconds, number))
    for kind in KINDS:
        ours, theirs = found[kind, here][WARM_UP:], found[kind, there][WARM_UP:]
        ratio = median(one / other for one, other in zip(ours, theirs, strict=True))
        yield f"{kind:10} {median(ours):8.1f} {median(theirs):8.1f} {ratio:6.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="the directory of the other checkout")
    parser.add_argument("--rounds", type=int, default=30, help="rounds that count")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each kind of request in a round")
    options = parser.parse_args()
    with serve_checkout(Path().absolute()) as here, serve_checkout(options.checkout.absolute()) as there:
        print(f"{'':10} {'here':>8} {'there':>8} {'ratio':>6}   processor us a request")
        for line in compare(here, there, options.rounds, options.seconds):
            print(line)


if __name__ == "__main__":
    main()
