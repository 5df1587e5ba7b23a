"""Starts what the services tests need, each in its own directory and on its own port, and stops what it started."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = "@chdb/lib-linux-x64-gnu"
VERSION = "26.7.3-stable.1"
CLUSTER = "two_shards"
FIRST_PORT = int(os.environ.get("SERVICES_PORT", "9150"))
HTTP, TCP = (FIRST_PORT + 1, FIRST_PORT + 3), (FIRST_PORT + 2, FIRST_PORT + 4)
POSTGRES, REDIS = FIRST_PORT + 10, FIRST_PORT + 11
EVENTS_URL = f"clickhouse://127.0.0.1:{HTTP[0]},127.0.0.1:{HTTP[1]}/DATABASE?cluster={CLUSTER}"
CONFIG = """<clickhouse>
  <remote_servers><{cluster}>{shards}</{cluster}></remote_servers>
  <mark_cache_size>67108864</mark_cache_size>
  <logger><level>warning</level><console>1</console></logger>
</clickhouse>
"""
SHARD = "<shard><replica><host>127.0.0.1</host><port>{port}</port></replica></shard>"


def library() -> Path:
    """chDB's library, fetched by npm into var/ when it is not there."""
    home = ROOT / "var" / "services"
    found = home / "node_modules" / PACKAGE / "libchdb.so"
    if not found.exists():
        home.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(home)]
        subprocess.run([*command, f"{PACKAGE}@{VERSION}"], check=True)
    return found


def program(name: str, package: str) -> str:
    """The path of a program, installed by apt when it is missing."""
    places = [*Path("/usr/lib/postgresql").glob(f"*/bin/{name}")]
    found = shutil.which(name) or (str(max(places)) if places else "")
    if not found:
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", package], check=True, stdout=subprocess.DEVNULL)
        return program(name, package)
    return found


@contextlib.contextmanager
def clickhouse(home: Path) -> Iterator[str]:
    """Two nodes, one shard each; yields EVENTS_URL with DATABASE to be replaced."""
    shards = "".join(SHARD.format(port=port) for port in TCP)
    (home / "config.xml").write_text(CONFIG.format(cluster=CLUSTER, shards=shards))
    with contextlib.ExitStack() as stack:
        for number in (0, 1):
            command = [
                sys.executable, "-m", "tests.services.node", str(library()), str(home / f"node{number}"),
                str(home / "config.xml"), str(HTTP[number]), str(TCP[number]),
            ]  # fmt: skip
            stack.enter_context(running(command, HTTP[number], home / f"node{number}.log"))
        for port in HTTP:
            until(partial(is_up, port), f"ClickHouse on {port}")
        yield EVENTS_URL


def prepare_postgres(data: Path, port: int) -> tuple[list[str], dict[str, Any]]:
    """Create a PostgreSQL cluster; returns the command that serves it, and how its process is to be started."""
    initdb, server = program("initdb", "postgresql"), program("postgres", "postgresql")
    who: dict[str, Any] = {"cwd": "/"}
    if os.geteuid() == 0:  # it refuses to run as root
        import pwd

        account = pwd.getpwnam("postgres")
        data.mkdir()
        os.chown(data, account.pw_uid, account.pw_gid)
        data.parent.chmod(0o755)
        who |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    subprocess.run(
        [initdb, "-D", str(data), "-U", "footfall", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True, stdout=subprocess.DEVNULL, **who,
    )  # fmt: skip
    command = [
        server, "-D", str(data), "-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off",
        "-c", f"unix_socket_directories={data}", "-c", "max_connections=200",
    ]  # fmt: skip
    return command, who


@contextlib.contextmanager
def postgres(home: Path) -> Iterator[str]:
    """A PostgreSQL cluster; yields DATABASE_URL."""
    data = home / "postgres"
    command, who = prepare_postgres(data, POSTGRES)
    with running(command, POSTGRES, home / "postgres.log", stop=signal.SIGINT, **who):
        until(lambda: ready(data), "PostgreSQL")
        yield f"postgres://footfall@127.0.0.1:{POSTGRES}/postgres"


@contextlib.contextmanager
def redis(home: Path) -> Iterator[str]:
    """A Redis that keeps nothing; yields REDIS_URL."""
    server = program("redis-server", "redis-server")
    command = [server, "--port", str(REDIS), "--bind", "127.0.0.1", "--save", "", "--dir", str(home)]
    with running(command, REDIS, home / "redis.log"):
        yield f"redis://127.0.0.1:{REDIS}/0"


@contextlib.contextmanager
def running(
    command: list[str], port: int, log: Path, stop: signal.Signals = signal.SIGTERM, **more: Any
) -> Iterator[None]:
    """A process that listens on a port, until the block ends. Raises RuntimeError when the port is taken."""
    if listens(port):
        raise RuntimeError(f"port {port} is taken; set SERVICES_PORT to the first of 14 free ports")
    more.setdefault("cwd", ROOT)
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **more)
    try:
        until(lambda: listens(port) or process.poll() is not None, command[0])
        if process.poll() is not None:
            raise RuntimeError(f"{command[0]} ended: {log.read_text()[-2000:]}")
        yield
    finally:
        process.send_signal(stop)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def is_up(port: int) -> bool:
    return ask(port, "SELECT 1") == "1"


def ask(port: int, sql: str) -> str:
    """A question to one node over HTTP; "" while it does not answer."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", data=sql.encode())
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(answer.read().decode().strip())
    except OSError:
        return ""


def ready(data: Path) -> bool:
    pid = data / "postmaster.pid"
    return pid.exists() and "ready" in pid.read_text()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait for something. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not start")
        time.sleep(0.1)
