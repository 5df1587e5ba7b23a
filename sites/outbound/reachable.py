"""Validation of URLs when they are saved: whether this installation may request them at all."""

from __future__ import annotations

import asyncio

import httpx
from django.conf import settings

from sites.outbound.addresses import is_allowed_address
from sites.outbound.errors import OutboundError, OutboundForbidden
from sites.outbound.names import find_local_addresses, resolve

RESOLVE_SECONDS = 3.0


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
        addresses = asyncio.run(resolve(host, RESOLVE_SECONDS))
    except OutboundError:
        return
    if not any(map(is_allowed_address, addresses)):
        raise OutboundForbidden(host)
