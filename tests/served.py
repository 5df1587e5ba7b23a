"""What tests need that start servers in processes of their own: ports, and patience until these are so far."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress

import httpx

PATIENCE = 30.0  # seconds for what must come: over as soon as it is there, so long only where a machine is busy
PORTS = range(20_000, 30_000)  # below those from which the kernel takes one for every outgoing connection
_reserved: list[ExitStack] = []


def reserve_ports(number: int) -> int:
    """
    The first of so many ports in a row that nobody else is given as long as this process lives, whatever runs beside
    it: they stay bound here, which keeps others from reserving them, and lets a server bind them that allows reuse, as
    servers do.
    """
    begin = os.getpid() * 7 % len(PORTS)
    for first in [*PORTS[begin:], *PORTS[:begin]]:
        with suppress(OSError), ExitStack() as bound:
            for port in range(first, first + number):
                one = bound.enter_context(socket.socket())
                one.bind(("127.0.0.1", port))
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _reserved.append(bound.pop_all())
            return int(first)
    raise RuntimeError(f"no {number} ports in a row are free from {PORTS.start} to {PORTS.stop}")


def reserve_port() -> int:
    """A port that nobody else is given as long as this process lives."""
    return reserve_ports(1)


def wait_until(condition: Callable[[], object], what: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait for something that must come; `what` says what is there instead."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, what()
        time.sleep(0.02)


def wait_for_site(server: str, number: int) -> None:
    """Until a server knows a new site, asked by somebody who does not want to be tracked: nothing is kept of it."""
    query, unwanted = {"site_id": str(number), "type": "pageview"}, {"DNT": "1"}

    def knows() -> bool:
        reply = httpx.get(f"{server}/in.php", params=query, headers=unwanted, timeout=PATIENCE)
        return bool(reply.headers.get("X-Event-Dropped") != "unknown_site")

    wait_until(knows, lambda: f"{server} does not know site {number}")
