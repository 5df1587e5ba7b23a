"""`make bench-ingest`: how many events a second `serve` records, compared with a server that does nothing.

    python -m tests.bench.ingest [--seconds 15] [--connections 32] [--events 1000000] [--quick]

wrk replays beacons of 10,000 visitors, 500 pages, 50 user agents, 40 referrers and thousands of addresses. Prints
events a second, the ratio to a bare 204 application on the same server, latencies, CPU, memory, rows stored, and how
long a beacon takes to Spy; writes the same to bench-results/ingest.json.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx

from tests.bench.serving import EMAIL, PASSWORD, ROOT, Served, cpu_seconds, served, wait_for
from tests.values import extract

PORT, BARE_PORT = 9260, 9261
SCRIPT = Path(__file__).with_name("beacons.lua")
TARGETS = {"ratio": 0.3, "p99_ms": 15.0, "spy_p95_ms": 1000.0, "rss_mb": 700.0}
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
)


def wrk(url: str, seconds: float, connections: int, site: int, host: str, seed: int = 7) -> dict[str, float]:
    """One run; requests, seconds, errors, p50_ms, p99_ms, max_ms."""
    env = {**os.environ, "BENCH_SITE": str(site), "BENCH_HOST": host, "BENCH_SEED": str(seed)}
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "-s", str(SCRIPT), url]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(extract(r"RESULT (.*)", done.stdout))
    found["per_second"] = found["requests"] / found["seconds"]
    return found


def bare(seconds: float, connections: int, port: int = BARE_PORT) -> dict[str, float]:
    """The same requests to a server that answers 204."""
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.baseline_server", str(port)], cwd=ROOT)
    try:
        wait_for(f"http://127.0.0.1:{port}/", process, 20)
        cpu = cpu_seconds(process.pid)
        found = wrk(f"http://127.0.0.1:{port}", seconds, connections, 1, "bench.example")
        found["cpu_us"] = (cpu_seconds(process.pid) - cpu) / found["requests"] * 1e6
        return found
    finally:
        process.terminate()
        process.wait(10)


def stored(server: Served) -> int:
    """Views, through the API, once the spool is empty."""
    for _ in range(120):
        if server.health()["spool"]["depth"] == 0:
            break
        time.sleep(0.5)
    return int(server.health()["spool"]["inserted"])


def log_in(server: Served) -> httpx.Client:
    """A browser that is logged in."""
    client = httpx.Client(base_url=server.url, follow_redirects=True, timeout=20)
    page = client.get("/login")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    form = {"email": EMAIL, "username": EMAIL, "password": PASSWORD, "csrfmiddlewaretoken": token[1] if token else ""}
    answer = client.post("/login", data=form, headers={"referer": f"{server.url}/login"})
    if "sessionid" not in client.cookies:
        raise RuntimeError(f"logging in failed: {answer.status_code} at {answer.url}")
    return client


def spy_delays(server: Served, count: int = 30, domain: str = "bench.example") -> list[float]:
    """Milliseconds from sending a beacon to reading it in Spy's stream. Raises RuntimeError when there is none."""
    site, client = server.made["site"]["site_id"], log_in(server)
    sent: dict[str, float] = {}
    delays: list[float] = []
    refused: list[str] = []

    def send() -> None:
        time.sleep(1.0)
        for number in range(count):
            path = f"/spy-{number}-{time.monotonic_ns()}"
            sent[path] = time.monotonic()
            query = {"site_id": site, "type": "pageview", "href": path, "host": domain}
            headers = {"user-agent": CHROME, "accept-language": "en", "x-forwarded-for": f"81.2.69.{number}"}
            answer = httpx.get(f"{server.url}/in.php", params=query, headers=headers)
            if answer.status_code != 200 or "x-event-dropped" in answer.headers:
                refused.append(f"{answer.status_code} {answer.headers.get('x-event-dropped', '')}")
            time.sleep(0.15)

    sender = threading.Thread(target=send, daemon=True)
    end = time.monotonic() + 20
    with client.stream("GET", f"/sites/{site}/spy/stream", headers={"accept": "text/event-stream"}) as stream:
        if stream.status_code != 200 or "text/event-stream" not in stream.headers.get("content-type", ""):
            raise RuntimeError(f"no stream: {stream.status_code} {stream.headers.get('content-type')}")
        sender.start()
        for text in stream.iter_lines():
            now = time.monotonic()
            delays += [1000 * (now - sent.pop(path)) for path in list(sent) if path in text]
            if len(delays) >= count or now > end:
                break
    if refused or len(delays) < count:
        raise RuntimeError(f"{len(delays)} of {count} beacons reached the stream; refused: {refused}")
    return delays


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All figures."""
    folder = Path(tempfile.mkdtemp(prefix="bench-ingest-"))
    results: dict[str, Any] = {"connections": options.connections}
    try:
        with served(folder, options.port) as server:
            site = server.made["site"]["site_id"]
            wrk(server.url, options.warm, options.connections, site, "bench.example")  # caches fill
            results["bare"] = bare(options.seconds, options.connections, options.port + 1)
            before, cpu, began = server.health()["spool"]["inserted"], server.cpu_seconds, time.monotonic()
            loop = server.loop_seconds
            results["serve"] = wrk(server.url, options.seconds, options.connections, site, "bench.example", seed=8)
            results["cpu_share"] = (server.cpu_seconds - cpu) / (time.monotonic() - began)
            results["serve"]["cpu_us"] = (server.cpu_seconds - cpu) / results["serve"]["requests"] * 1e6
            results["serve"]["loop_us"] = (server.loop_seconds - loop) / results["serve"]["requests"] * 1e6
            results["ratio_cpu"] = results["bare"]["cpu_us"] / results["serve"]["cpu_us"]
            results["ratio"] = results["serve"]["per_second"] / results["bare"]["per_second"]
            results["rows_stored"] = stored(server) - before
            delays = spy_delays(server)
            results["spy_p95_ms"] = quantiles(delays, n=20)[18]
            while not options.quick and server.health()["spool"]["inserted"] < options.events:
                wrk(server.url, 10, options.connections, site, "bench.example", seed=9)
            stored(server)
            results["events_at_end"] = server.health()["spool"]["inserted"]
            results["rss_mb"] = server.rss_mb
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return results


def table(results: dict[str, Any]) -> str:
    """For people."""
    serve, empty = results["serve"], results["bare"]
    spy = results["spy_p95_ms"]
    rows = [
        ("bare 204, requests/s", f"{empty['per_second']:,.0f}", ""),
        ("serve, beacons/s", f"{serve['per_second']:,.0f}", ""),
        ("ratio", f"{results['ratio']:.2f}", f">= {TARGETS['ratio']}"),
        ("p50 / p99, ms", f"{serve['p50_ms']:.1f} / {serve['p99_ms']:.1f}", f"p99 <= {TARGETS['p99_ms']:.0f}"),
        ("errors", f"{serve['errors']:.0f}", "0"),
        ("CPU a request, us, bare / serve", f"{empty['cpu_us']:.0f} / {serve['cpu_us']:.0f}", ""),
        ("of it the thread that answers, us", f"{serve['loop_us']:.0f}", ""),
        ("ratio by CPU", f"{results['ratio_cpu']:.2f}", ""),
        ("CPU, cores", f"{results['cpu_share']:.2f}", ""),
        ("rows stored", f"{results['rows_stored']:,}", ""),
        ("beacon to Spy p95, ms", f"{spy:.0f}", f"<= {TARGETS['spy_p95_ms']:.0f}"),
        (f"RSS after {results['events_at_end']:,} rows, MB", f"{results['rss_mb']:.0f}", f"<= {TARGETS['rss_mb']:.0f}"),
    ]
    return "\n".join(f"{name:<34}{value:>16}   {target}" for name, value, target in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--port", type=int, default=PORT, help="the bare application takes the next one")
    parser.add_argument("--warm", type=float, default=5, help="seconds of beacons before anything is measured")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--events", type=int, default=1_000_000, help="rows before memory is read")
    parser.add_argument("--quick", action="store_true", help="without the million")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed: apt-get install wrk")
    results = measure(options)
    print(table(results))
    folder = Path("bench-results")
    folder.mkdir(exist_ok=True)
    (folder / "ingest.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
