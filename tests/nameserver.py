"""A real name server on loopback whose answers a test decides, also the lack of one."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from ipaddress import ip_address
from socketserver import BaseRequestHandler, ThreadingUDPServer
from typing import Any

import dns.asyncresolver
import dns.message
import dns.rcode
import dns.rrset
import pytest

from sites.outbound import names


class Answering(BaseRequestHandler):
    """Answers from `server.zone`: name -> addresses, or a function that gives them. SILENT never answers, names of no
    zone do not exist. `server.asked` has every question as (name, type)."""

    def handle(self) -> None:
        data, socket = self.request
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True), "AAAA" if question.rdtype == 28 else "A"
        server: Any = self.server
        server.asked.append((name, kind))
        if server.dead or server.zone.get(name) == "SILENT":
            return
        reply = dns.message.make_response(query)
        found = server.zone.get(name)
        if found is None and name not in (".", ""):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        addresses = found(kind) if callable(found) else found or []
        wanted = [text for text in addresses if (ip_address(text).version == 6) == (kind == "AAAA")]
        if wanted:
            reply.answer.append(dns.rrset.from_text(question.name, 0, "IN", kind, *wanted))
        socket.sendto(reply.to_wire(), self.client_address)


@contextlib.contextmanager
def answering(monkeypatch: pytest.MonkeyPatch, **zone: Any) -> Iterator[Any]:
    """The server, asked by this process instead of the machine's own. Names of the zone end in `.example`."""
    server: Any = ThreadingUDPServer(("127.0.0.1", 0), Answering)
    server.daemon_threads, server.asked, server.dead = True, [], False
    server.zone = {f"{name}.example": found for name, found in zone.items()}
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], server.server_address[1]
    monkeypatch.setattr(names, "name_resolver", lambda period: resolver)
    monkeypatch.setattr(names, "_probe", (-names.PROBE_KEPT_SECONDS, True))
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
