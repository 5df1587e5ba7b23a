"""A DNS server in this process, over UDP, which the product queries instead of real ones."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

import dns.asyncresolver
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from sites.outbound import host_lookup


class DnsServer:
    """Answers from `texts` (name to TXT records, each a tuple of its strings), `aliases` (what CNAMEs lead to) and
    `addresses` (name to IP addresses, or a function of "A" or "AAAA" that returns them).

    A name in `broken` is answered with SERVFAIL, one in `silent` with nothing at all; a server that `is_down` answers
    nothing. `asked` has the names, `questions` also the kinds of records.
    """

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.texts: dict[str, list[tuple[str, ...]]] = {}
        self.addresses: dict[str, list[str] | Callable[[str], list[str]]] = {}
        self.aliases: dict[str, str] = {}
        self.broken: set[str] = set()
        self.silent: set[str] = set()
        self.asked: list[str] = []
        self.questions: list[tuple[str, str]] = []
        self.is_down = False
        self.ending = threading.Event()

    @property
    def address(self) -> str:
        """As DNS_SERVERS names it."""
        return f"127.0.0.1:{self.socket.getsockname()[1]}"

    def name_accounts(self, host: str, *account_ids: int) -> None:
        """Let the host's record name these accounts; without any there is no record."""
        name = f"_analytics-host.{host}"
        self.texts.pop(name, None)
        if account_ids:
            self.texts[name] = [(f"account={account_id}",) for account_id in account_ids]

    def serve(self) -> None:
        """Until `ending` is set."""
        self.socket.settimeout(0.05)
        while not self.ending.is_set():
            try:
                data, peer = self.socket.recvfrom(4096)
            except TimeoutError:
                continue
            if (answer := self.answer(dns.message.from_wire(data))) is not None:
                self.socket.sendto(answer.to_wire(), peer)

    def answer(self, query: dns.message.Message) -> dns.message.Message | None:
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        self.asked.append(name)
        self.questions.append((name, dns.rdatatype.to_text(question.rdtype)))
        if self.is_down or name in self.silent:
            return None
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if name in self.broken:
            answer.set_rcode(dns.rcode.SERVFAIL)
            return answer
        if alias := self.aliases.get(name):
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", "CNAME", f"{alias}."))
            name = alias
        found = self.records(name, question.rdtype)
        if found:
            owner = dns.name.from_text(name) if alias else question.name
            answer.answer.append(dns.rrset.from_text_list(owner, 60, "IN", question.rdtype, found))
        elif name and not any(name in known for known in (self.texts, self.addresses, self.aliases.values())):
            answer.set_rcode(dns.rcode.NXDOMAIN)  # but the root of all names is there
        return answer

    def records(self, name: str, kind: dns.rdatatype.RdataType) -> list[str]:
        if kind == dns.rdatatype.TXT:
            return [" ".join(f'"{text}"' for text in strings) for strings in self.texts.get(name, ())]
        if kind not in (dns.rdatatype.A, dns.rdatatype.AAAA):
            return []
        given = self.addresses.get(name, [])
        addresses = given(dns.rdatatype.to_text(kind)) if callable(given) else given
        version = 6 if kind == dns.rdatatype.AAAA else 4
        return [text for text in addresses if ip_address(text).version == version]


@contextmanager
def dns_server() -> Iterator[DnsServer]:
    """A server that runs until the block ends."""
    server = DnsServer()
    thread = threading.Thread(target=server.serve, name="dns server", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ending.set()
        thread.join(timeout=5)
        server.socket.close()


@contextmanager
def outbound_dns(monkeypatch: pytest.MonkeyPatch, **addresses: Any) -> Iterator[DnsServer]:
    """A server that outbound requests ask instead of the machine's own. `addresses` are those of `<name>.example`."""
    with dns_server() as server:
        server.addresses = {f"{name}.example": found for name, found in addresses.items()}
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], server.socket.getsockname()[1]
        monkeypatch.setattr(host_lookup, "build_resolver", lambda period: resolver)
        monkeypatch.setattr(host_lookup, "_probe", (-host_lookup.PROBE_CACHE_SECONDS, True))
        yield server
