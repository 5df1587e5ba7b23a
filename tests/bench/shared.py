"""`make bench-shared`: what it costs a hit that its state lies elsewhere, and what a second process gains.

    python -m tests.bench.shared [--seconds 6] [--rounds 3] [--connections 32] [--links 2000] [--delay-ms 0.5]
                                 [--workers 1,2,3] [--only memory,Redis]

Beacons, then clicks, at saturation: one process with its state in memory, one to three with one Redis, one and two with
a Redis further away, behind a proxy that delays both directions, and `serve --workers`. The shapes take turns,
`--rounds` times; medians are printed and written to bench-results/shared.json. Each serving process has a core of its
own, Redis and wrk have the others; where none is left they take all, and the gain of the last process is understated.
Each process has its own SQLite and chDB, so that nothing but Redis is shared; workers share the store's process.

"CPU us" is the processor time of the processes that answer, for a hit; "state us" that of Redis, or of the store's
process, which also inserts the events into the store and lets nobody else do so.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Literal, NamedTuple

import redis

from tests.bench import ingest, redirect
from tests.bench.serving import ROOT, Served, cpu_seconds, find_parts, served
from tests.served import reserve_ports

CORES = os.cpu_count() or 1
Figures = dict[str, float]


class Ports(NamedTuple):
    """Where Redis, the proxy before it and the first process listen; further processes follow the first."""

    redis: int
    proxy: int
    first: int


class Shape(NamedTuple):
    """How many processes serve, and where their state lies."""

    name: str
    processes: int
    place: Literal["memory", "redis", "proxy"] = "memory"
    workers: int = 1  # of each process


SHAPES = (
    Shape("memory, 1 process", 1),
    Shape("Redis, 1 process", 1, "redis"),
    Shape("Redis, 2 processes", 2, "redis"),
    Shape("Redis, 3 processes", 3, "redis"),
    Shape("Redis further away, 1 process", 1, "proxy"),
    Shape("Redis further away, 2 processes", 2, "proxy"),
)


def reserve_all() -> Ports:
    """Reserve the ports of the largest shape."""
    redis_port = reserve_ports(2 + max(shape.processes for shape in SHAPES))
    return Ports(redis_port, redis_port + 1, redis_port + 2)


# -- what is measured with -----------------------------------------------------------------------------------------


@contextmanager
def running_redis(folder: Path, port: int) -> Iterator[int]:
    """A Redis that stores nothing; yields its process id."""
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield process.pid
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def running_proxy(delay_ms: float, ports: Ports) -> Iterator[int]:
    """The delaying proxy before Redis, as a process; yields its id."""
    numbers = (str(delay_ms), str(ports.proxy), str(ports.redis))
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.shared", "--proxy", *numbers], cwd=ROOT)
    try:
        wait_for_port(ports.proxy)
        yield process.pid
    finally:
        process.terminate()
        process.wait(20)


def wait_for_port(port: int) -> None:
    """Wait until something listens. Raises TimeoutError."""
    end = time.monotonic() + 20
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if time.monotonic() > end:
            raise TimeoutError(f"nothing listens on port {port}")
        time.sleep(0.05)


def forward(source: socket.socket, target: socket.socket, delay: float) -> None:
    """Forward what is received, each piece after the delay. Threads sleep more precisely than event loops."""
    pieces: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()

    def send() -> None:
        while True:
            due, piece = pieces.get()
            time.sleep(max(0.0, due - time.perf_counter()))
            target.sendall(piece)
            if not piece:
                return target.shutdown(socket.SHUT_WR)

    threading.Thread(target=send, daemon=True).start()
    while piece := source.recv(1 << 16):
        pieces.put((time.perf_counter() + delay, piece))
    pieces.put((0.0, b""))


def serve_proxy(delay_ms: float, port: int, redis_port: int) -> None:
    """Serve as the proxy, half of the delay in each direction, until the process is ended."""
    listener = socket.create_server(("127.0.0.1", port))
    while True:
        client = listener.accept()[0]
        server = socket.create_connection(("127.0.0.1", redis_port))
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for source, target in ((client, server), (server, client)):
            threading.Thread(target=forward, args=(source, target, delay_ms / 2000), daemon=True).start()


# -- one shape -----------------------------------------------------------------------------------------------------


@contextmanager
def serving(folder: Path, shape: Shape, links: int, ports: Ports) -> Iterator[list[Served]]:
    """The processes of a shape, each with a core of its own as far as there are enough."""
    with ExitStack() as stack:
        found = []
        for number in range(shape.processes):
            home = folder / f"{number}"
            home.mkdir()
            redis_port = {"memory": 0, "redis": ports.redis, "proxy": ports.proxy}[shape.place]
            url = f"redis://127.0.0.1:{redis_port}/0" if redis_port else ""
            env = {**os.environ, "DATA_DIR": str(home), "DJANGO_SETTINGS_MODULE": "config.settings", "REDIS_URL": ""}
            subprocess.run([sys.executable, "-c", redirect.FILL, str(links)], env=env, cwd=ROOT, check=True)
            more = ("--workers", str(shape.workers)) if shape.workers > 1 else ()
            one = stack.enter_context(served(home, ports.first + number, more, REDIS_URL=url))
            for place, pid in enumerate(one.answering):
                pin(pid, {(number + place) % CORES})
            found.append(one)
        yield found


def pin(pid: int, cores: set[int]) -> None:
    """Let all threads of a process run on these cores alone."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)


def load(kind: str, one: Served, options: argparse.Namespace, seconds: float, seed: int) -> Figures:
    """Beacons or clicks at one process, at saturation."""
    if kind == "clicks":
        return redirect.wrk(one.url, seconds, options.connections * len(one.answering), options.links)
    site = one.made["site"]["site_id"]
    return ingest.wrk(one.url, seconds, options.connections * len(one.answering), site, "bench.example", seed)


def load_all(kind: str, all_served: list[Served], options: argparse.Namespace, seconds: float) -> list[Figures]:
    """The same at all processes at the same time."""
    with ThreadPoolExecutor(len(all_served)) as threads:
        runs = [threads.submit(load, kind, one, options, seconds, 7 + n) for n, one in enumerate(all_served)]
        return [run.result() for run in runs]


def count_calls(client: redis.Redis) -> int:
    """How many commands clients sent since Redis began: of those in scripts only the call of the script."""
    stats = client.info("commandstats")
    return sum(stats.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("evalsha", "eval"))


def measure_kind(
    kind: str, all_served: list[Served], redis_pid: int, options: argparse.Namespace, ports: Ports
) -> Figures:
    """Hits a second, processor time of a hit, round trips of a hit."""
    load_all(kind, all_served, options, options.warm)
    redis_pid = next(iter(find_parts(all_served[0].process.pid, "store")), redis_pid)
    client = redis.Redis(port=ports.redis)
    calls, redis_cpu = count_calls(client), cpu_seconds(redis_pid)
    cpu, loop = sum(one.cpu_seconds for one in all_served), sum(one.loop_seconds for one in all_served)
    runs = load_all(kind, all_served, options, options.seconds)
    hits = sum(run["requests"] for run in runs)
    return {
        "per_second": sum(run["per_second"] for run in runs),
        "cpu_us": (sum(one.cpu_seconds for one in all_served) - cpu) / hits * 1e6,
        "loop_us": (sum(one.loop_seconds for one in all_served) - loop) / hits * 1e6,
        "state_us": (cpu_seconds(redis_pid) - redis_cpu) / hits * 1e6,
        "trips": (count_calls(client) - calls) / hits,
        "p50_ms": median(run["p50_ms"] for run in runs),
        "p99_ms": max(run["p99_ms"] for run in runs),
        "errors": sum(run["errors"] for run in runs),
    }


def measure_shape(shape: Shape, options: argparse.Namespace, ports: Ports) -> dict[str, Figures]:
    """Both kinds of hits in one shape, with a Redis that knows nothing."""
    folder = Path(tempfile.mkdtemp(prefix="bench-shared-"))
    try:
        with (
            running_redis(folder, ports.redis) as pid,
            running_proxy(options.delay_ms, ports) as proxy,
            serving(folder, shape, options.links, ports) as all_served,
        ):
            for other in (pid, proxy, os.getpid()):  # wrk runs where the bench does
                pin(other, set(range(shape.processes, CORES)) or set(range(CORES)))
            return {kind: measure_kind(kind, all_served, pid, options, ports) for kind in ("beacons", "clicks")}
    finally:
        pin(os.getpid(), set(range(CORES)))
        shutil.rmtree(folder, ignore_errors=True)


def summarize(rounds: list[dict[str, Figures]]) -> dict[str, Figures]:
    """The medians of the rounds."""
    return {kind: {name: median(one[kind][name] for one in rounds) for name in rounds[0][kind]} for kind in rounds[0]}


def print_table(results: dict[str, dict[str, Figures]]) -> None:
    """For people."""
    for kind in ("beacons", "clicks"):
        heads = ("/s", "CPU us", "loop us", "state us", "trips", "p50 ms", "p99 ms", "errors")
        print(f"{kind:34}" + "".join(f"{head:>9}" for head in heads))
        for shape, found in results.items():
            row = found[kind]
            print(
                f"{shape:34}{row['per_second']:9,.0f}{row['cpu_us']:9.0f}{row['loop_us']:9.0f}{row['state_us']:9.1f}"
                f"{row['trips']:9.3f}{row['p50_ms']:9.1f}{row['p99_ms']:9.1f}{row['errors']:9.0f}"
            )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--warm", type=float, default=3, help="seconds before each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32, help="of each process")
    parser.add_argument("--links", type=int, default=2000)
    parser.add_argument("--delay-ms", type=float, default=0.5, help="of a round trip to the Redis further away")
    parser.add_argument("--workers", default="1,2,3", help="numbers of workers; 1 is the single process")
    parser.add_argument("--only", default="", help="shapes whose names begin with one of these words")
    parser.add_argument("--proxy", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.proxy is not None:
        delay_ms, port, redis_port = options.proxy
        serve_proxy(float(delay_ms), int(port), int(redis_port))
    for program in ("wrk", "redis-server"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is not installed: apt-get install wrk redis-server")
    workers = [Shape(f"workers, {number}", 1, workers=number) for number in map(int, options.workers.split(","))]
    shapes = [shape for shape in (*SHAPES, *workers) if shape.name.startswith(tuple(options.only.split(",")))]
    ports = reserve_all()
    rounds = [{shape.name: measure_shape(shape, options, ports) for shape in shapes} for _ in range(options.rounds)]
    results = {shape.name: summarize([found[shape.name] for found in rounds]) for shape in shapes}
    print_table(results)
    folder = ROOT / "bench-results"
    folder.mkdir(exist_ok=True)
    (folder / "shared.json").write_text(json.dumps({"medians": results, "rounds": rounds}, indent=1))


if __name__ == "__main__":
    main()
