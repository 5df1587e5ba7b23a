"""Resolution of host names: by the machine's hosts file, else by its name servers.

The name servers are queried directly and not through the C library, which blocks a thread for every name: a few hundred
names whose servers never answer would delay all other lookups. When a URL is saved, its host is checked: whether this
installation may request it at all.
"""

from __future__ import annotations

import asyncio
import time
from functools import lru_cache
from pathlib import Path

import dns.asyncresolver
import dns.exception
import dns.resolver
import httpx
from django.conf import settings

from sites.outbound.addresses import (
    OutboundError,
    OutboundForbidden,
    OutboundNotSent,
    is_allowed_address,
    parse_ip_host,
)

RESOLVE_SECONDS = 5.0
PROBE_SECONDS = 2.0
PROBE_CACHE_SECONDS = 10.0
CONFIGURATION_CACHE_SECONDS = 30
HOSTS_FILE = Path("/etc/hosts")
LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})
_probe: tuple[float, bool] = (-PROBE_CACHE_SECONDS, True)  # (monotonic time, whether they answered)
CHECK_SECONDS = 3.0  # when a URL is saved


async def resolve(host: str, seconds: float = RESOLVE_SECONDS) -> list[str]:
    """Resolve `host` to all of its addresses, IPv4 first.

    Raises OutboundError if it has none or its name servers fail, OutboundNotSent if our name servers do not answer.
    """
    local = find_local_addresses(host)
    if local:
        return local
    try:
        addresses = await query_name_servers(host, seconds)
    except dns.resolver.NXDOMAIN as error:
        raise OutboundError(f"The name {host[:80]} could not be resolved: it does not exist.") from error
    except (dns.exception.DNSException, OSError, ValueError) as error:
        await check_name_servers()
        raise OutboundError(f"The name {host[:80]} could not be resolved.") from error
    if not addresses:
        raise OutboundError(f"The name {host[:80]} could not be resolved: it has no address.")
    return addresses


def find_local_addresses(host: str) -> list[str]:
    """Find addresses without a name server: of an IP address, a name of this machine, or a name in the hosts file."""
    literal = parse_ip_host(host)
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
    """Parse a hosts file into name -> addresses. `changed`, its time of change, is only there as a cache key."""
    addresses_by_name: dict[str, list[str]] = {}
    for line in path.read_text(errors="replace").splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        for name in names:
            if parse_ip_host(address) is not None:
                addresses_by_name.setdefault(name.lower(), []).append(address)
    return addresses_by_name


async def query_name_servers(host: str, seconds: float) -> list[str]:
    """Query the A and AAAA records of `host` concurrently. Raises DNSException if both queries fail."""
    resolver = build_resolver(int(time.monotonic()) // CONFIGURATION_CACHE_SECONDS)
    queries = (
        resolver.resolve(host, kind, search=True, lifetime=seconds, raise_on_no_answer=False) for kind in ("A", "AAAA")
    )
    responses = await asyncio.gather(*queries, return_exceptions=True)
    failures = [response for response in responses if isinstance(response, BaseException)]
    records = (record for response in responses if not isinstance(response, BaseException) for record in response)
    addresses = [str(record.address) for record in records]
    if not addresses and failures:
        raise failures[0]
    return addresses


@lru_cache(maxsize=1)
def build_resolver(period: int) -> dns.asyncresolver.Resolver:
    """Create a resolver with the machine's name servers; they are read again in every `period`."""
    return dns.asyncresolver.Resolver()


async def check_name_servers() -> None:
    """Raise OutboundNotSent unless this machine's name servers answer a query for the root zone."""
    global _probe
    probed_at, are_answering = _probe
    if time.monotonic() - probed_at >= PROBE_CACHE_SECONDS:
        are_answering = await probe_name_servers()
        _probe = (time.monotonic(), are_answering)
    if not are_answering:
        raise OutboundNotSent("The name servers of this installation do not answer.")


async def probe_name_servers() -> bool:
    try:
        resolver = build_resolver(int(time.monotonic()) // CONFIGURATION_CACHE_SECONDS)
        await resolver.resolve(".", "NS", lifetime=PROBE_SECONDS, raise_on_no_answer=False)
    except dns.resolver.NXDOMAIN:
        return True
    except (dns.exception.DNSException, OSError):
        return False
    return True


def check_host(url: str) -> str:
    """Check a URL as far as possible without a DNS lookup; returns its host.

    Raises OutboundForbidden for an IP address or a local name that may not be reached, and for a name without a dot
    (`intranet`) unless the operator allows a private network, since only those have such names; OutboundError for text
    that is not an http(s) URL.
    """
    try:
        parsed = httpx.URL(url)
        host, is_http = parsed.raw_host.decode("ascii"), parsed.scheme in {"http", "https"}
    except Exception as error:  # the parser raises more than it documents
        raise OutboundError(
            "This is not an address that can be requested. Write it as https://example.com/."
        ) from error
    if not host or not is_http:
        raise OutboundError("Only http:// and https:// addresses can be requested.")
    local = find_local_addresses(host)
    is_private_name = not local and "." not in host.rstrip(".")
    if (local and not any(map(is_allowed_address, local))) or (is_private_name and not settings.ENV.allowed_outbound):
        raise OutboundForbidden(host)
    return host


def check_reachable(url: str) -> None:
    """Check a URL with a DNS lookup of its host. A name that cannot be resolved is accepted: it may exist later.

    Raises OutboundError with a sentence.
    """
    host = check_host(url)
    try:
        addresses = asyncio.run(resolve(host, CHECK_SECONDS))
    except OutboundError:
        return
    if not any(map(is_allowed_address, addresses)):
        raise OutboundForbidden(host)
