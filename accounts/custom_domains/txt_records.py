"""Which accounts does a host's TXT record name? Asked of the resolvers in DNS_SERVERS, or of the system's."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any

import dns.exception
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
from django.conf import settings

TIMEOUT = 1.5  # seconds for one question
LIFETIME = 3.0  # seconds for an answer altogether, whatever number of servers is asked
MAX_RECORDS = 50
MAX_RECORD_BYTES = 2_000
MAX_ADDRESSES = 20
BETWEEN_WORDS = re.compile(r"[\s;,\"']+")
NAMED_ACCOUNT = re.compile(r"account=([1-9][0-9]{0,17})\Z")


class DnsUnavailable(Exception):
    """DNS could not be asked at the moment; the answer is unknown. Carries a sentence."""


def parse_dns_server(text: str) -> tuple[str, int]:
    """(address, port) of `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:5353`. Raises ValueError."""
    address, port = text, "53"
    if text.startswith("["):
        address, _, rest = text[1:].partition("]")
        if rest and not rest.startswith(":"):
            raise ValueError(f"{text!r} is no address of a DNS server.")
        port = rest[1:] or ("53" if not rest else "")
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"{text!r} has no port from 1 to 65535.")
    return str(ip_address(address)), int(port)


def accounts_named_for(host: str) -> frozenset[int]:
    """Numbers of the accounts that the TXT records at `_footfall.<host>` name; empty when there is no record.

    Raises DnsUnavailable when no server could be asked or none gave an answer.
    """
    named = set()
    for text in _texts(f"_footfall.{host}"):
        for word in BETWEEN_WORDS.split(text):
            if found := NAMED_ACCOUNT.match(word):
                named.add(int(found[1]))
    return frozenset(named)


def addresses_of(host: str) -> frozenset[str]:
    """The IP addresses of a host name; an address is its own. Empty when it has none. Raises DnsUnavailable."""
    try:
        return frozenset({str(ip_address(host))})
    except ValueError:
        pass
    found = [str(record) for kind in ("A", "AAAA") for record in _records(host, kind)[:MAX_ADDRESSES]]
    return frozenset(found)


def _texts(name: str) -> list[str]:
    """Every TXT record of a name, its strings joined."""
    records = _records(name, "TXT")[:MAX_RECORDS]
    return [b"".join(record.strings)[:MAX_RECORD_BYTES].decode("ascii", "replace") for record in records]


def _records(name: str, kind: str) -> list[Any]:
    try:
        answer = _resolver().resolve(dns.name.from_text(f"{name}."), kind, search=False, lifetime=LIFETIME)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError, ValueError) as error:
        raise DnsUnavailable(f"DNS did not answer for {name}. It is asked again later.") from error
    return list(answer)


def _resolver() -> dns.resolver.Resolver:
    if not settings.DNS_SERVERS:
        resolver = dns.resolver.Resolver()
    else:
        resolver = dns.resolver.Resolver(configure=False)
        servers = [parse_dns_server(text) for text in settings.DNS_SERVERS]
        resolver.nameservers = [dns.nameserver.Do53Nameserver(address, port) for address, port in servers]
    resolver.timeout, resolver.lifetime = TIMEOUT, LIFETIME
    return resolver
