"""Requests to URLs that users enter: monitors, hooks, installation checks, destinations of links.

No request may reach the network that this product runs in (SSRF), and time, bytes and redirects are limited. A name is
resolved once, its addresses are checked, and connections are made only to those that passed, so that DNS rebinding
does not work. Every redirect is checked again. An operator can allow networks (ALLOWED_OUTBOUND).
"""

from sites.outbound.addresses import OutboundError, OutboundForbidden, OutboundNotSent, is_allowed_address
from sites.outbound.host_lookup import check_host, check_reachable
from sites.outbound.http_client import OutboundResponse, fetch, fetch_async
from sites.outbound.redirects import extract_origin

__all__ = [
    "OutboundError",
    "OutboundForbidden",
    "OutboundNotSent",
    "OutboundResponse",
    "check_host",
    "check_reachable",
    "extract_origin",
    "fetch",
    "fetch_async",
    "is_allowed_address",
]
