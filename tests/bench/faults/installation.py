"""An installation of several processes: PostgreSQL, Redis, two shards of ClickHouse, two servers, worker and beat."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from tests.bench.faults.services import Service
from tests.served import reserve_ports
from tests.services import servers

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
ALL_SERVING = ("serve1", "serve2")
PROVISION = ("--email", "bench@example.com", "--password", "a bench needs no secret", "--account", "Bench")
SMALL_DISKS = {"serve1/spool": "160m", "node2": "1500m"}  # file systems that a fault can fill
LINK = """
import django, sys; django.setup()
from accounts.models import Account
from links.services.links import datapoint_create
account = Account.objects.get(pk=int(sys.argv[1]))
datapoint_create(account=account, alias="capped", url="https://in.example/", expiration_clicks=int(sys.argv[2]),
                 url_after_clicks="https://out.example/")
"""


class Installation:
    """The services by name, in the order in which they start."""

    def __init__(self, home: Path, code: Path) -> None:
        self.home, self.code = home, home / "code"  # a link, as deployments switch it
        self.code.symlink_to(code)
        ports = reserve_ports(8)
        self.http, self.tcp = (ports, ports + 2), (ports + 1, ports + 3)
        self.postgres_port, self.redis_port = ports + 4, ports + 5
        self.ports = {"serve1": ports + 6, "serve2": ports + 7}
        self.mounted = [home / name for name, size in SMALL_DISKS.items() if mount(home / name, size)]
        self.clocks = {name: home / f"{name}.clock" for name in ALL_SERVING}
        self.site: dict[str, Any] = {}
        self.services = {service.name: service for service in self.build_services()}
        self.ending = threading.Event()

    def build_services(self) -> list[Service]:
        """Describe every process."""
        command, who = servers.prepare_postgres(self.home / "postgres", self.postgres_port)
        redis = [servers.program("redis-server", "redis-server"), "--port", str(self.redis_port), "--save", ""]
        self.write_shards()
        return [
            Service(
                name="postgres", command=command, log=self.home / "postgres.log", more=who,
                is_ready=lambda: (
                    servers.ready(self.home / "postgres") and servers.listens(self.postgres_port)
                ),
            ),
            Service(
                name="redis", command=[*redis, "--dir", str(self.home)], log=self.home / "redis.log",
                is_ready=partial(servers.listens, self.redis_port),
            ),
            *(self.build_node(number) for number in (1, 2)),
            *(self.build_server(name) for name in ALL_SERVING),
            self.build_celery("worker", "-c", "2"),
            self.build_celery("beat", "-s", str(self.home / "schedule"), "--pidfile="),
        ]  # fmt: skip

    def write_shards(self) -> None:
        """Write the configuration of the nodes."""
        shards = "".join(servers.SHARD.format(port=port) for port in self.tcp)
        (self.home / "config.xml").write_text(servers.CONFIG.format(cluster=servers.CLUSTER, shards=shards))

    def build_node(self, number: int) -> Service:
        """Describe a node of ClickHouse."""
        http, tcp = self.http[number - 1], self.tcp[number - 1]
        command = [
            sys.executable, "-m", "tests.services.node", str(servers.library()), str(self.home / f"node{number}"),
            str(self.home / "config.xml"), str(http), str(tcp),
        ]  # fmt: skip
        return Service(
            name=f"node{number}", command=command, log=self.home / f"node{number}.log",
            is_ready=partial(servers.is_up, http),
        )  # fmt: skip

    def build_server(self, name: str) -> Service:
        """Describe a server whose socket is held over restarts."""
        data, port = self.home / name, self.ports[name]
        data.mkdir(exist_ok=True)
        link_geography(data)
        self.clocks[name].write_text("+0")
        command = [sys.executable, str(self.code / "manage.py"), "serve", "--no-demo", "--hold-socket"]
        return Service(
            name=name, command=[*command, "--port", str(port)], log=self.home / f"{name}.log",
            env=self.environment(name), is_ready=partial(is_serving, port), more={"cwd": self.home},
        )  # fmt: skip

    def build_celery(self, name: str, *words: str) -> Service:
        """Describe Celery's worker or beat."""
        (self.home / name).mkdir()
        command = [sys.executable, "-m", "celery", "-A", "config", "--workdir", str(self.code), name, *words]
        return Service(
            name=name, command=command, log=self.home / f"{name}.log", env=self.environment(name),
            more={"cwd": self.home},
        )  # fmt: skip

    def environment(self, name: str) -> dict[str, str]:
        """Build the environment of a process of the product."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.http)
        return {
            "DATA_DIR": str(self.home / name), "SECRET_KEY": "s" * 60, "TRUSTED_PROXIES": "127.0.0.1",
            "DATABASE_URL": f"postgres://footfall@127.0.0.1:{self.postgres_port}/postgres",
            "REDIS_URL": f"redis://127.0.0.1:{self.redis_port}/0", "BASE_URL": "http://bench.test",
            "EVENTS_URL": f"clickhouse://{hosts}/people?cluster={servers.CLUSTER}",
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }  # fmt: skip

    def start(self) -> None:
        """Start everything, with a site."""
        for service in self.services.values():
            service.start()
        threading.Thread(target=self.supervise, daemon=True).start()
        made = self.manage("provision", *PROVISION, "--domain", "bench.example", "--json")
        self.site = json.loads(made)
        time.sleep(2.5)  # every process knows a new site within two seconds

    def supervise(self) -> None:
        """Start what has ended by itself, as systemd does: a node may crash when another one is killed."""
        while not self.ending.wait(0.5):
            for service in self.services.values():
                service.supervise()

    def count_crashes(self) -> Counter[str]:
        """Return how often services have ended by themselves so far."""
        return Counter({service.name: service.crashes for service in self.services.values() if service.crashes})

    def manage(self, *words: str) -> str:
        """Run a command of manage.py beside the first server."""
        command = [sys.executable, str(self.code / "manage.py"), *words]
        return self.run(command)

    def create_capped_link(self, clicks: int) -> None:
        """Create `/l/capped`, which goes elsewhere after so many clicks."""
        self.run([sys.executable, "-c", LINK, str(self.site["account"]["id"]), str(clicks)])
        time.sleep(2.5)

    def run(self, command: list[str]) -> str:
        """Run a program of the product; returns its output."""
        env = {**os.environ, **self.environment("worker")}
        done = subprocess.run(command, env=env, cwd=self.code, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        return done.stdout

    def restart_with_clocks(self) -> None:
        """Start the servers anew so that their clocks can be set."""
        for name in ALL_SERVING:
            service = self.services[name]
            service.end()
            service.env |= {
                "LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(self.clocks[name]),
                "FAKETIME_CACHE_DURATION": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }  # fmt: skip
            service.start()

    def restart_with_right_clocks(self) -> None:
        """Start the servers anew with the clock of the machine."""
        for name in ALL_SERVING:
            service = self.services[name]
            service.end()
            service.env.pop("LD_PRELOAD", None)
            service.start()

    def count_waiting(self) -> int:
        """Return how many rows wait in the spools of the servers."""
        return sum(int(read_health(port)["spool"]["depth"]) for port in self.ports.values())

    def count_stored(self, first: int) -> Counter[int]:
        """Return how often each page view from a number on is stored, on all nodes."""
        condition = f"toUInt64OrZero(substring(path, 2)) >= {first} AND kind = 'view'"
        sql = f"SELECT substring(path, 2) FROM people.events_local WHERE {condition}"
        return Counter(int(word) for port in self.http for word in servers.ask(port, sql).split())

    def close(self) -> None:
        """Stop everything."""
        self.ending.set()
        for service in reversed(self.services.values()):
            service.kill()
        for path in self.mounted:
            subprocess.run(["umount", "-l", str(path)], check=False)


def mount(path: Path, size: str) -> bool:
    """Mount a small file system in memory; returns False where that is not allowed."""
    path.mkdir(parents=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "bench", str(path)], capture_output=True)
    return done.returncode == 0


def link_geography(data: Path) -> None:
    """Let a server use the databases of places that `make setup` has fetched."""
    found = servers.ROOT / "var" / "geo"
    if found.exists():
        (data / "geo").symlink_to(found.resolve())


def copy_code(target: Path, revision: str = "") -> Path:
    """Copy the tracked files of a revision, or those of the working tree."""
    git = ["git", "-C", str(servers.ROOT)]
    if revision:
        packed = subprocess.run([*git, "archive", revision], check=True, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(target, filter="data")
        return target
    listed = subprocess.run([*git, "ls-files", "-co", "--exclude-standard"], check=True, capture_output=True, text=True)
    for name in listed.stdout.splitlines():
        if (servers.ROOT / name).is_file() and not (servers.ROOT / name).is_symlink():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(servers.ROOT / name, target / name)
    return target


def read_health(port: int, seconds: float = 10) -> dict[str, Any]:
    """Return what a server says of itself. Raises httpx.HTTPError."""
    found: dict[str, Any] = httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=seconds).json()
    return found


def is_serving(port: int) -> bool:
    """Return whether a server answers."""
    try:
        return bool(read_health(port, 10))
    except httpx.HTTPError:
        return False
