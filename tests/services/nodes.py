"""Nodes of ClickHouse that a test starts, kills and puts into another list of shards."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.served import reserve_ports
from tests.services import servers


class Nodes:
    """Nodes numbered from 0; `arrange` says which of them are shards, and which are replicas of one shard."""

    def __init__(self, home: Path, number: int) -> None:
        self.home = home
        first = reserve_ports(2 * number)
        self.http = list(range(first, first + 2 * number, 2))
        self.tcp = [port + 1 for port in self.http]
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self.shards: Sequence[Sequence[int]] = ()

    def list_differently(self, number: int, *shards: Sequence[int]) -> None:
        """Start one node anew with a list of shards of its own."""
        self.stop(number)
        config = self.home / f"config{number}.xml"
        config.write_text(self.write_config(shards))
        self.start(number, config)

    def arrange(self, *shards: Sequence[int]) -> str:
        """Write the list of shards, each of some nodes, and start all of these anew; returns EVENTS_URL."""
        self.shards = shards
        (self.home / "config.xml").write_text(self.write_config(shards))
        for number in [*self.processes]:
            self.stop(number)
        for number in sorted(number for replicas in shards for number in replicas):
            self.start(number)
        return self.url(*(number for replicas in shards for number in replicas))

    def write_config(self, shards: Sequence[Sequence[int]]) -> str:
        """Write a node's configuration with this list of shards."""
        texts = []
        for replicas in shards:
            addresses = (
                f"<replica><host>127.0.0.1</host><port>{self.tcp[number]}</port></replica>" for number in replicas
            )
            texts.append(f"<shard>{''.join(addresses)}</shard>")
        return servers.CONFIG.format(cluster=servers.CLUSTER, shards="".join(texts))

    def url(self, *numbers: int) -> str:
        """EVENTS_URL of the cluster by these nodes."""
        hosts = ",".join(f"127.0.0.1:{self.http[number]}" for number in numbers)
        return f"clickhouse://{hosts}/people?cluster={servers.CLUSTER}"

    def start(self, number: int, config: Path | None = None) -> None:
        command = [
            sys.executable, "-m", "tests.services.node", str(servers.library()), str(self.home / f"node{number}"),
            str(config or self.home / "config.xml"), str(self.http[number]), str(self.tcp[number]),
        ]  # fmt: skip
        with (self.home / f"node{number}.log").open("ab") as log:
            self.processes[number] = subprocess.Popen(command, cwd=servers.ROOT, stdout=log, stderr=log)
        servers.until(partial(servers.is_up, self.http[number]), f"node {number}")

    def stop(self, number: int, *, kill: bool = False) -> None:
        process = self.processes.pop(number)
        process.kill() if kill else process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def exchange(self, number: int, other: int) -> None:
        """Let the address of each of two nodes lead to the rows of the other one."""
        for one in (number, other):
            self.stop(one)
        home, other_home, between = (self.home / name for name in (f"node{number}", f"node{other}", "between"))
        home.rename(between)
        other_home.rename(home)
        between.rename(other_home)
        for one in (number, other):
            self.start(one)

    def ask(self, number: int, sql: str) -> str:
        """A question to one node; "" while it does not answer."""
        return servers.ask(self.http[number], sql)


@contextmanager
def open_nodes(home: Path, number: int) -> Iterator[Nodes]:
    """So many nodes, none of which runs yet; what runs at the end is stopped."""
    nodes = Nodes(home, number)
    try:
        yield nodes
    finally:
        for each in [*nodes.processes]:
            nodes.stop(each, kill=True)
