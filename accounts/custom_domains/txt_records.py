"""DNS lookups: the accounts that a host's TXT records name, and where names lead; by the resolvers in DNS_SERVERS or
the system's own.
"""

from __future__ import annotations

import re
from ipaddress import ip_address

import dns.exception
import dns.name
import dns.nameserver
import dns.rdata
import dns.rdatatype
import dns.resolver
from django.conf import settings
from dns.rdtypes.ANY.TXT import TXT

from accounts.models.host_claims import FORMER_RECORD_LABEL, RECORD_LABEL

QUERY_TIMEOUT = 1.5  # seconds for one query to one server
LOOKUP_TIMEOUT = 3.0  # seconds for a lookup, however many servers are queried
MAX_RECORDS = 50
MAX_RECORD_BYTES = 2_000
MAX_ADDRESSES = 20
SEPARATORS = re.compile(r"[\s;,\"']+")
ACCOUNT_PATTERN = re.compile(r"account=([1-9][0-9]{0,17})\Z")


class DnsUnavailable(Exception):
    """DNS did not answer. The message is shown to the user."""


def parse_dns_server(text: str) -> tuple[str, int]:
    """Parse the address and port of `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:5353`.

    Raises ValueError.
    """
    address, port = text, "53"
    if text.startswith("["):
        address, _, rest = text[1:].partition("]")
        if rest and not rest.startswith(":"):
            raise ValueError(f"{text!r} is not an address of a DNS server.")
        port = rest[1:] or ("53" if not rest else "")
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"{text!r} has no port from 1 to 65535.")
    return str(ip_address(address)), int(port)


def look_up_named_accounts(host: str, *labels: str) -> frozenset[int]:
    """Look up the ids of the accounts that the TXT records at `<label>.<host>` name, for the first label at which any
    are named, by default of the labels of host claims; empty without a record. Raises DnsUnavailable when no server
    answers.
    """
    found = (_read_named_accounts(f"{label}.{host}") for label in labels or (RECORD_LABEL, FORMER_RECORD_LABEL))
    return next(filter(None, found), frozenset())


def _read_named_accounts(name: str) -> frozenset[int]:
    words = (word for text in look_up_texts(name) for word in SEPARATORS.split(text))
    return frozenset(int(match[1]) for word in words if (match := ACCOUNT_PATTERN.match(word)))


def look_up_addresses(host: str) -> frozenset[str]:
    """Look up the IP addresses of a host name; an IP address is returned as it is. Raises DnsUnavailable."""
    try:
        return frozenset({str(ip_address(host))})
    except ValueError:
        pass
    addresses = [str(record) for kind in ("A", "AAAA") for record in _look_up(host, kind)[:MAX_ADDRESSES]]
    return frozenset(addresses)


def look_up_alias(host: str) -> str:
    """Look up the name that the CNAME record of a host leads to; "" without one. Raises DnsUnavailable."""
    records = _look_up(host, "CNAME")
    return str(records[0]).rstrip(".").lower() if records else ""


def look_up_texts(name: str) -> list[str]:
    """Look up the TXT records of a name, each with its strings joined. Raises DnsUnavailable."""
    records = _look_up(name, "TXT")[:MAX_RECORDS]
    return [
        b"".join(record.strings)[:MAX_RECORD_BYTES].decode("ascii", "replace")
        for record in records
        if isinstance(record, TXT)
    ]


def _look_up(name: str, kind: str) -> list[dns.rdata.Rdata]:
    try:
        answer = _build_resolver().resolve(dns.name.from_text(f"{name}."), kind, search=False, lifetime=LOOKUP_TIMEOUT)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError, ValueError) as error:
        raise DnsUnavailable(f"DNS did not answer for {name}. We try again later.") from error
    return list(answer)


def _build_resolver() -> dns.resolver.Resolver:
    if not settings.DNS_SERVERS:
        resolver = dns.resolver.Resolver()
    else:
        resolver = dns.resolver.Resolver(configure=False)
        servers = [parse_dns_server(text) for text in settings.DNS_SERVERS]
        resolver.nameservers = [dns.nameserver.Do53Nameserver(address, port) for address, port in servers]
    resolver.timeout, resolver.lifetime = QUERY_TIMEOUT, LOOKUP_TIMEOUT
    return resolver
