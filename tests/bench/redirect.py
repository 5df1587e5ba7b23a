"""`make bench-redirect`: what a click costs with 100,000 links, compared with a server that only answers 302.

    python -m tests.bench.redirect [--links 100000] [--seconds 15] [--rate 2000] [--connections 32]

Measures at saturation (wrk) and at a fixed rate, then the same with the database taken away; prints a table and
writes bench-results/redirect.json. Clicks go through the whole pipeline into the spool and the store.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.serving import ROOT, Served, cpu_seconds, served, wait_for
from tests.values import extract

PORT, BARE_PORT = 9460, 9461
SCRIPT = Path(__file__).with_name("clicks.lua")
TARGETS = {"ratio": 0.3, "p50_ms": 2.0, "p99_ms": 10.0}
FILL = """
import sys, django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from accounts.models import Account
from links.public_urls import get_system_domain
from links.models import Datapoint, Group
account = Account.objects.create(name="Clicks")
group, domain = Group.objects.create(account=account, name="All"), get_system_domain()
rows = (
    Datapoint(account=account, group=group, domain=domain, alias=f"b{n}", redirect_type=307,
              url=f"https://shop{n % 500}.example/page/{n}?s=[s2sidentifier]")
    for n in range(int(sys.argv[1]))
)
Datapoint.objects.bulk_create(rows, batch_size=2000)
"""


def wrk(url: str, seconds: float, connections: int, links: int) -> dict[str, float]:
    """One run at saturation."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "-s", str(SCRIPT), url]
    env = {**os.environ, "BENCH_LINKS": str(links)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(extract(r"RESULT (.*)", done.stdout))
    found["per_second"] = found["requests"] / found["seconds"]
    return found


async def steady(port: int, rate: int, seconds: float, links: int, connections: int = 40) -> dict[str, float]:
    """A fixed rate: each click has its time, and its latency counts from the moment it is sent."""
    times: list[float] = []
    late = errors = 0
    begin = time.perf_counter() + 0.2

    async def client(number: int) -> None:
        nonlocal late, errors
        chance = random.Random(number)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for turn in range(int(rate * seconds / connections)):
            due = begin + (turn * connections + number) / rate
            wait = due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            elif wait < -1:
                late += 1
            address = f"82.{number}.{turn % 250}.7"
            writer.write(
                f"GET /l/b{chance.randrange(links)} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: {address}\r\n"
                "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
                "Accept-Language: en\r\n\r\n".encode()
            )
            sent = time.perf_counter()
            head = await reader.readuntil(b"\r\n\r\n")
            times.append(time.perf_counter() - sent)
            errors += not head.startswith(b"HTTP/1.1 307")
        writer.close()

    await asyncio.gather(*(client(number) for number in range(connections)))
    took = time.perf_counter() - begin
    times.sort()
    return {
        "per_second": len(times) / took, "p50_ms": times[len(times) // 2] * 1000,
        "p99_ms": times[int(len(times) * 0.99)] * 1000, "errors": errors, "late": late,
    }  # fmt: skip


def bare(seconds: float, connections: int, links: int) -> dict[str, float]:
    """The same clicks on a server that answers 302."""
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.baseline_redirect", str(BARE_PORT)], cwd=ROOT)
    try:
        wait_for(f"http://127.0.0.1:{BARE_PORT}/", process, 20)
        cpu = cpu_seconds(process.pid)
        found = wrk(f"http://127.0.0.1:{BARE_PORT}", seconds, connections, links)
        found["cpu_us"] = (cpu_seconds(process.pid) - cpu) / found["requests"] * 1e6
        return found
    finally:
        process.terminate()
        process.wait(10)


def saturated(server: Served, options: argparse.Namespace) -> dict[str, float]:
    """The same at `serve`, and what a click costs: of all threads, and of the one that answers."""
    cpu, loop = server.cpu_seconds, server.loop_seconds
    found = wrk(server.url, options.seconds, options.connections, options.links)
    found["cpu_us"] = (server.cpu_seconds - cpu) / found["requests"] * 1e6
    found["loop_us"] = (server.loop_seconds - loop) / found["requests"] * 1e6
    return found


def take_database_away(data_dir: Path) -> None:
    """Put the database's file out of reach and a directory in its place: whoever connects anew fails."""
    for path in data_dir.glob("*.sqlite3*"):
        path.rename(path.with_name(f"away-{path.name}"))
        path.mkdir()


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All of it."""
    found: dict[str, Any] = {"bare": bare(options.seconds, options.connections, options.links)}
    with tempfile.TemporaryDirectory(prefix="bench-redirect-") as folder:
        env = {**os.environ, "DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "config.settings"}
        subprocess.run([sys.executable, "-c", FILL, str(options.links)], env=env, cwd=ROOT, check=True)
        with served(Path(folder), PORT) as server:
            wrk(server.url, 3, options.connections, options.links)  # caches warm up
            found["saturated"] = saturated(server, options)
            found["steady"] = asyncio.run(steady(PORT, options.rate, options.seconds, options.links))
            take_database_away(Path(folder))
            time.sleep(2)
            found["without database"] = asyncio.run(steady(PORT, options.rate, options.seconds, options.links))
            found["saturated without database"] = saturated(server, options)
            found["rss_mb"] = server.rss_mb
    found["ratio"] = found["saturated"]["per_second"] / found["bare"]["per_second"]
    found["ratio_cpu"] = found["bare"]["cpu_us"] / found["saturated"]["cpu_us"]
    return found


def main() -> None:
    """Measure, print, write; exit code 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--links", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--connections", type=int, default=32)
    found = measure(parser.parse_args())
    for name in ("bare", "saturated", "saturated without database", "steady", "without database"):
        row = found[name]
        print(
            f"{name:28} {row['per_second']:9,.0f}/s  p50 {row['p50_ms']:7.2f} ms  p99 {row['p99_ms']:7.2f} ms"
            f"  errors {row['errors']}"
        )
    cost = found["saturated"]
    print(
        f"CPU a click: bare {found['bare']['cpu_us']:.0f} us, serve {cost['cpu_us']:.0f} us,"
        f" of it the thread that answers {cost['loop_us']:.0f} us; ratio by CPU {found['ratio_cpu']:.2f}"
    )
    print(f"ratio to bare {found['ratio']:.2f}, RSS {found['rss_mb']:.0f} MB")
    results = ROOT / "bench-results"
    results.mkdir(exist_ok=True)
    (results / "redirect.json").write_text(json.dumps(found, indent=1))
    missed = [
        name for name, fine in (
            ("ratio", found["ratio"] >= TARGETS["ratio"]),
            ("p50", found["steady"]["p50_ms"] <= TARGETS["p50_ms"]),
            ("p99", found["steady"]["p99_ms"] <= TARGETS["p99_ms"]),
        ) if not fine
    ]  # fmt: skip
    sys.exit(f"missed: {', '.join(missed)}" if missed else 0)


if __name__ == "__main__":
    main()
