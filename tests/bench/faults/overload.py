"""Page views at a rate that threads cannot send: python -m tests.bench.faults.overload PORTS SITE RATE SECONDS FIRST

A process with an event loop sends them to the ports (separated by commas) in turns, over CONNECTIONS connections that
stay open. Where the servers answer more slowly than the rate, it waits for them. Prints what became of them as JSON.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field

from tests.bench.faults.load import Load, describe_view
from tests.services.servers import ROOT

CONNECTIONS = 64
PATIENCE = 30.0  # seconds that a view waits for its answer


@dataclass(kw_only=True)
class Answers:
    """What became of the page views."""

    sent: int = 0
    answered: list[int] = field(default_factory=list)  # the numbers of those that were recorded
    reasons: dict[str, int] = field(default_factory=Counter[str])
    refused: int = 0  # connections that nobody accepted
    cut: int = 0  # connections that ended before an answer
    slowest: float = 0.0  # seconds

    def note(self, number: int, head: bytes, seconds: float) -> None:
        """Note the head of an answer."""
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        status = first.split(" ")[1]
        reason = headers.get("x-event-dropped", "") if status == "200" else f"status {status}"
        self.slowest = max(self.slowest, seconds)
        if reason:
            self.reasons[reason] = self.reasons.get(reason, 0) + 1
        else:
            self.answered.append(number)


def send_in_process(load: Load, rate: float, seconds: float, first: int) -> Answers:
    """Send page views by a process of its own, and wait for their answers."""
    ports = ",".join(map(str, load.ports))
    words = (ports, str(load.site), str(rate), str(seconds), str(first))
    command = [sys.executable, "-m", "tests.bench.faults.overload", *words]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return Answers(**json.loads(done.stdout))


@dataclass(kw_only=True)
class Flood:
    """Page views of all connections."""

    site: int
    rate: float  # a second
    seconds: float
    first: int
    answers: Answers = field(default_factory=Answers)

    async def send(self, ports: list[int]) -> Answers:
        """Send page views until the time is over."""
        self.began, self.numbers = time.monotonic(), itertools.count(self.first)
        await asyncio.gather(*(self.use_connection(ports[turn % len(ports)]) for turn in range(CONNECTIONS)))
        return self.answers

    async def use_connection(self, port: int) -> None:
        """Send one view after the other; a connection that ends is opened again."""
        while time.monotonic() < self.began + self.seconds:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                self.answers.refused += 1
                await asyncio.sleep(0.1)
                continue
            try:
                await self.send_views(reader, writer)
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                self.answers.cut += 1
            finally:
                writer.close()

    async def send_views(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send views over one connection until the time is over."""
        while (now := time.monotonic()) < self.began + self.seconds:
            number = next(self.numbers)
            await asyncio.sleep(max(0.0, self.began + (number - self.first) / self.rate - now))
            path, headers = describe_view(self.site, number)
            lines = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "bench.test", **headers}.items())
            self.answers.sent += 1
            sent = time.monotonic()
            writer.write(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
            async with asyncio.timeout(PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length or 0))
            self.answers.note(number, head, time.monotonic() - sent)


def main(words: list[str]) -> None:
    """Send, and print the answers."""
    ports, site, rate, seconds, first = words
    flood = Flood(site=int(site), rate=float(rate), seconds=float(seconds), first=int(first))
    print(json.dumps(asdict(asyncio.run(flood.send([int(port) for port in ports.split(",")])))))


if __name__ == "__main__":
    main(sys.argv[1:])
