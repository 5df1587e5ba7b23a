"""Outbound requests cannot reach private networks, and are limited in time and size."""

import contextlib
import dataclasses
import socket
import time
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from sites.outbound import OutboundError, OutboundForbidden, OutboundNotSent, fetch, host_lookup, is_allowed_address
from sites.outbound.networks import METADATA, SPECIAL_IPV4, SPECIAL_IPV6
from tests.support.dns_server import outbound_dns
from tests.support.misbehaving_server import MisbehavingServer, misbehaving, wrong_certificate

FORBIDDEN = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200",
    "0.0.0.0", "192.0.0.192", "198.18.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fd00:ec2::254",
    "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::", "ff02::1", "::127.0.0.1", "::10.0.0.1",
    "::ffff:8.8.8.8", "::ffff:0:10.0.0.1", "64:ff9b:1::a00:1", "2002:808:808::1",
    "2001:0:4136:e378:8000:63bf:f5ff:fffe", "2001:db8::1", "2001:2::1", "100::1", "3fff::1", "5f00::1", "fec0::1",
    "4000::1", "fe80::1%eth0", "fd20:ce::254", "168.63.129.16", "192.0.2.1", "198.51.100.7", "203.0.113.9",
    "192.88.99.1", "240.0.0.1", "169.254.170.2", "2606:4700:0:0:0:5efe:a00:1", "no address", "",
]  # fmt: skip


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every address a socket of this process really connects to."""
    hosts: list[str] = []
    real = socket.socket.connect

    def connect(self: socket.socket, to: tuple[Any, ...]) -> None:
        hosts.append(to[0])
        real(self, to)

    monkeypatch.setattr(socket.socket, "connect", connect)
    return hosts


@pytest.mark.parametrize("address", FORBIDDEN)
def test_a_private_address_is_rejected(address: str) -> None:
    assert not is_allowed_address(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111"])
def test_a_public_address_is_allowed(address: str) -> None:
    assert is_allowed_address(address)


@given(st.ip_addresses())
def test_no_address_outside_the_public_internet_is_allowed(address: IPv4Address | IPv6Address) -> None:
    if is_allowed_address(str(address)):
        assert address.is_global and not address.is_multicast
        assert all(is_allowed_address(str(inner)) for inner in embedded(address))


def embedded(address: Any) -> list[Any]:
    """The IPv4 addresses in an IPv6 address, as the standard library reads them, and in its last 32 bits for NAT64."""
    if address.version == 4:
        return []
    nat64 = [IPv4Address(int(address) & 0xFFFFFFFF)] if address in IPv6Network("64:ff9b::/96") else []
    return [inner for inner in (address.ipv4_mapped, address.sixtofour, *(address.teredo or ()), *nat64) if inner]


@given(st.sampled_from(sorted(SPECIAL_IPV4 | SPECIAL_IPV6 | METADATA)), st.data())
def test_no_address_of_a_special_network_is_allowed(network: Any, data: st.DataObject) -> None:
    address = data.draw(st.ip_addresses(network=network))
    assert not is_allowed_address(str(address))
    assert not is_allowed_address(f"{address}%eth0")


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_embedded_in_ipv6_is_judged_as_ipv4(address: str) -> None:
    inner = int(address)
    clothes = [inner, 0xFFFF << 32 | inner, 0xFFFF << 48 | inner, 0x64FF9B << 96 | inner, 0x2002 << 112 | inner << 80]
    assert [
        str(IPv6Address(form))
        for form in clothes
        if is_allowed_address(str(IPv6Address(form))) and not is_allowed_address(str(address))
    ] == []


@given(st.ip_addresses(v=4, network="10.0.0.0/8"))
def test_every_private_address_is_rejected_in_its_mapped_form_too(address: str) -> None:
    assert not is_allowed_address(f"::ffff:{address}")


def test_an_operator_can_allow_a_network(settings: Settings) -> None:
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("10.0.0.0/8",))
    assert is_allowed_address("10.1.1.1") and not is_allowed_address("192.168.1.1")


def test_a_response_is_returned(server: MisbehavingServer) -> None:
    answer = fetch(f"{server.base}/ok")
    assert (answer.status, answer.body) == (200, b"<html>Welcome</html>")


def test_a_redirect_to_the_metadata_service_is_not_followed(server: MisbehavingServer, connections: list[str]) -> None:
    with pytest.raises(OutboundForbidden):
        fetch(f"{server.base}/to/http:||169.254.169.254|latest")
    assert set(connections) <= {"127.0.0.1"}


def test_dns_rebinding_to_a_private_address_is_rejected(
    server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["93.184.216.34", "10.0.0.1"])
    reached = []

    async def connect(self: Any, host: str, port: int, *rest: Any) -> Any:
        reached.append(host)
        raise OSError("the wire is cut here")

    monkeypatch.setattr("httpcore.AnyIOBackend.connect_tcp", connect)
    zone = {"rebinding": lambda kind: [next(answers)] if kind == "A" else []}
    with outbound_dns(monkeypatch, **zone) as dns, pytest.raises(OutboundError):
        fetch("http://rebinding.example/")
    assert (dns.questions.count(("rebinding.example", "A")), reached) == (1, ["93.184.216.34"])


@pytest.mark.parametrize("inner", ["192.168.0.1", "::ffff:10.0.0.1", "fd00::1"])
def test_private_addresses_of_a_host_are_skipped_and_public_ones_used(
    server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch, connections: list[str], inner: str
) -> None:
    with outbound_dns(monkeypatch, both=[inner, "127.0.0.1"]):
        assert fetch(f"http://both.example:{server.server_port}/ok").status == 200
    assert set(connections) == {"127.0.0.1"}


def test_a_host_with_only_private_addresses_is_rejected(
    monkeypatch: pytest.MonkeyPatch, connections: list[str]
) -> None:
    with outbound_dns(monkeypatch, inner=["10.0.0.1", "fd00::1"]), pytest.raises(OutboundForbidden):
        fetch("http://inner.example/")
    assert connections == []


def test_after_a_refused_connection_the_hosts_other_addresses_are_tried(
    server: MisbehavingServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = server.server_port
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("127.0.0.0/30",))
    with outbound_dns(monkeypatch, two=["127.0.0.2", "127.0.0.1"]):
        assert fetch(f"http://two.example:{port}/ok").status == 200


@pytest.fixture
def silent_address(settings: Settings) -> Iterator[tuple[str, int]]:
    """An address of this machine that leaves connections without an answer: its queue of connections is full."""
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("127.0.0.0/24",))
    with contextlib.ExitStack() as opened:
        listener = opened.enter_context(socket.socket())
        listener.bind(("127.0.0.9", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()


def test_after_a_timeout_the_hosts_other_addresses_are_tried(
    silent_address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    silent, port = silent_address
    with misbehaving(port=port) as server, outbound_dns(monkeypatch, two=[silent, "127.0.0.1"]):
        started = time.monotonic()
        assert fetch(f"http://two.example:{port}/ok", timeout=20).status == 200
        assert fetch(f"http://two.example:{port}/ok", method="POST", content=b"{}", timeout=20).status == 200
    assert time.monotonic() - started < 20, "nobody waited for the address as long as for an answer"
    assert [method for method, _, _, _ in server.seen] == ["GET", "POST"]


def test_every_address_of_a_host_is_tried(
    server: MisbehavingServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("127.0.0.0/24",))
    dead = [f"127.0.0.{last}" for last in range(101, 110)]
    with outbound_dns(monkeypatch, many=[*dead, "127.0.0.1"]):
        assert fetch(f"http://many.example:{server.server_port}/ok").status == 200


def test_a_host_without_a_reachable_address_gives_one_error(
    server: MisbehavingServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("127.0.0.0/24",))
    with outbound_dns(monkeypatch, dead=["127.0.0.101", "127.0.0.102"]), pytest.raises(OutboundError, match="refused"):
        fetch(f"http://dead.example:{server.server_port}/ok")


def test_local_host_names_need_no_name_server(server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with outbound_dns(monkeypatch) as answers:
        assert fetch(f"http://localhost:{server.server_port}/ok").status == 200
        assert fetch(f"http://shop.localhost:{server.server_port}/ok").status == 200
    assert answers.asked == []


def test_a_local_server_that_listens_only_on_ipv6_is_reached(settings: Settings) -> None:
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("127.0.0.1/32", "::1/128"))
    with misbehaving(host="::1") as server:
        assert fetch(f"http://localhost:{server.server_port}/ok").status == 200


def test_an_unknown_host_and_an_unreachable_name_server_have_different_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_lookup, "PROBE_SECONDS", 0.2)
    with outbound_dns(monkeypatch) as answers:
        with pytest.raises(OutboundError, match="does not exist") as missing:
            fetch("http://missing.example/")
        assert not isinstance(missing.value, OutboundNotSent)
        answers.is_down = True
        with pytest.raises(OutboundNotSent, match="name servers of this installation"):
            fetch("http://missing.example/", timeout=0.3)


def test_silent_name_servers_of_a_domain_are_an_error_of_that_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    with outbound_dns(monkeypatch) as server, pytest.raises(OutboundError, match="in time") as error:
        server.silent.add("mute.example")
        fetch("http://mute.example/", timeout=0.3)
    assert not isinstance(error.value, OutboundNotSent)


@pytest.mark.parametrize(
    ("path", "sentence"), [("loop", "redirects"), ("reset", "broke"), ("half", "broke"), ("slow/5", "in time")]
)
def test_misbehaving_servers_are_reported_within_the_time_limit(
    server: MisbehavingServer, path: str, sentence: str
) -> None:
    started = time.monotonic()
    with pytest.raises(OutboundError, match=sentence):
        fetch(f"{server.base}/{path}", timeout=1)
    assert time.monotonic() - started < 5


def test_an_endless_body_is_truncated(server: MisbehavingServer) -> None:
    answer = fetch(f"{server.base}/endless", max_bytes=100_000)
    assert answer.truncated and len(answer.body) == 100_000


def test_a_wrong_certificate_is_reported(settings: Settings) -> None:
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("127.0.0.1/32",))
    with misbehaving(tls=wrong_certificate()) as server, pytest.raises(OutboundError, match="certificate"):
        fetch(server.base)


@pytest.mark.parametrize("url", ["ftp://example.com/", "file:///etc/passwd", "gopher://x/", "http://", "nonsense", ""])
def test_other_schemes_and_invalid_urls_are_rejected(url: str) -> None:
    with pytest.raises(OutboundError):
        fetch(url)
