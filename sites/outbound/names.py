"""Lookups of host names: in the machine's hosts file, else by its name servers.

The name servers are queried directly and not through the C library, which blocks a thread for every name: a few hundred
names whose servers never answer would delay all other lookups.
"""

from __future__ import annotations

import asyncio
import time
from functools import lru_cache
from pathlib import Path

import dns.asyncresolver
import dns.exception
import dns.resolver

from sites.outbound.addresses import address_of
from sites.outbound.errors import OutboundError, OutboundNotMade

LOOK_UP_SECONDS = 5.0
PROBE_SECONDS = 2.0
PROBE_CACHE_SECONDS = 10.0
CONFIGURATION_CACHE_SECONDS = 30
HOSTS_FILE = Path("/etc/hosts")
LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})
_probe: tuple[float, bool] = (-PROBE_CACHE_SECONDS, True)


async def resolve(host: str, seconds: float = LOOK_UP_SECONDS) -> list[str]:
    """Look up all addresses of `host`, IPv4 first.

    Raises OutboundError if it has none or its name servers fail, OutboundNotMade if our name servers do not answer.
    """
    local = local_addresses(host)
    if local:
        return local
    try:
        found = await query_name_servers(host, seconds)
    except dns.resolver.NXDOMAIN as error:
        raise OutboundError(f"The name {host[:80]} could not be resolved: it does not exist.") from error
    except (dns.exception.DNSException, OSError, ValueError) as error:
        await check_name_servers()
        raise OutboundError(f"The name {host[:80]} could not be resolved.") from error
    if not found:
        raise OutboundError(f"The name {host[:80]} could not be resolved: it has no address.")
    return found


def local_addresses(host: str) -> list[str]:
    """The addresses that need no name server: an IP address itself, names of this machine and of the hosts file."""
    literal = address_of(host)
    if literal is not None:
        return [literal]
    name = host.lower().rstrip(".")
    if name in LOCAL_NAMES or name.endswith(".localhost"):
        return ["127.0.0.1", "::1"]
    try:
        return list(read_hosts_file(HOSTS_FILE, HOSTS_FILE.stat().st_mtime_ns).get(name, ()))
    except OSError:
        return []


@lru_cache(maxsize=2)
def read_hosts_file(path: Path, changed: int) -> dict[str, list[str]]:
    """Parse a hosts file: name -> addresses. `changed`, its time of change, is part of the cache key."""
    found: dict[str, list[str]] = {}
    for line in path.read_text(errors="replace").splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        for name in names:
            if address_of(address) is not None:
                found.setdefault(name.lower(), []).append(address)
    return found


async def query_name_servers(host: str, seconds: float) -> list[str]:
    """Query the A and AAAA records of `host` concurrently. Raises DNSException if both queries fail."""
    resolver = name_resolver(int(time.monotonic()) // CONFIGURATION_CACHE_SECONDS)
    asked = (
        resolver.resolve(host, kind, search=True, lifetime=seconds, raise_on_no_answer=False) for kind in ("A", "AAAA")
    )
    answers = await asyncio.gather(*asked, return_exceptions=True)
    found = [str(record.address) for answer in answers if not isinstance(answer, BaseException) for record in answer]
    failures = [answer for answer in answers if isinstance(answer, BaseException)]
    if not found and failures:
        raise failures[0]
    return found


@lru_cache(maxsize=1)
def name_resolver(period: int) -> dns.asyncresolver.Resolver:
    """A resolver with the machine's name servers, read again in every `period`."""
    return dns.asyncresolver.Resolver()


async def check_name_servers() -> None:
    """Raise OutboundNotMade unless this machine's name servers answer a query for the root zone."""
    global _probe
    asked, answered = _probe
    if time.monotonic() - asked >= PROBE_CACHE_SECONDS:
        answered = await name_servers_answer()
        _probe = (time.monotonic(), answered)
    if not answered:
        raise OutboundNotMade("The name servers of this installation do not answer.")


async def name_servers_answer() -> bool:
    try:
        resolver = name_resolver(int(time.monotonic()) // CONFIGURATION_CACHE_SECONDS)
        await resolver.resolve(".", "NS", lifetime=PROBE_SECONDS, raise_on_no_answer=False)
    except dns.resolver.NXDOMAIN:
        return True
    except (dns.exception.DNSException, OSError):
        return False
    return True
