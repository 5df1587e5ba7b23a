"""Requests to addresses that strangers chose: monitors, hooks, installation checks, destinations of links.

No request may reach into the network this product runs in, and no answer may cost more than it is allowed to. A name
is looked up once, every address it gives is judged, and the connection is made to the very address that was judged,
so a name that changes its answer gains nothing. Every redirect is a new request and is judged again. An operator can
allow networks (ALLOWED_OUTBOUND).
"""

from sites.outbound.addresses import allowed
from sites.outbound.client import Answer, fetch, fetch_async
from sites.outbound.errors import OutboundError, OutboundForbidden, OutboundNotMade
from sites.outbound.origins import origin_of
from sites.outbound.reachable import check_host, check_reachable

__all__ = [
    "Answer",
    "OutboundError",
    "OutboundForbidden",
    "OutboundNotMade",
    "allowed",
    "check_host",
    "check_reachable",
    "fetch",
    "fetch_async",
    "origin_of",
]
