"""The check when somebody saves an address: may it be asked at all?"""

from __future__ import annotations

import asyncio

import httpx

from sites.outbound.addresses import allowed
from sites.outbound.errors import OutboundError, OutboundForbidden
from sites.outbound.names import known_addresses, resolve

LOOK_UP_SECONDS = 3.0


def check_host(url: str) -> str:
    """The host of `url`, unless it may not be asked as far as can be said without a look-up.

    Raises OutboundForbidden for an address or a name of this machine, OutboundError for what is no address on the web.
    """
    try:
        parsed = httpx.URL(url)
        host, web = parsed.raw_host.decode("ascii"), parsed.scheme in {"http", "https"}
    except Exception as error:  # the parser raises more than it documents
        raise OutboundError("This is not an address that can be asked. Write it as https://example.com/.") from error
    if not host or not web:
        raise OutboundError("Only http:// and https:// addresses can be asked.")
    if not all(allowed(address) for address in known_addresses(host)):
        raise OutboundForbidden(host)
    return host


def check_reachable(url: str) -> None:
    """Refuse an address that would never be asked, looking its name up. A name without an address is accepted: it may
    get one later. Raises OutboundError with a sentence."""
    host = check_host(url)
    try:
        addresses = asyncio.run(resolve(host, LOOK_UP_SECONDS))
    except OutboundError:
        return
    if not all(allowed(address) for address in addresses):
        raise OutboundForbidden(host)
