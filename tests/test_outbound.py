"""No way in: what a stranger typed may not reach the network this runs in, and may cost only so much."""

import dataclasses
import socket
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sites import outbound
from sites.outbound import OutboundError, OutboundForbidden, allowed, fetch
from tests.badserver import misbehaving, wrong_certificate

FORBIDDEN = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200",
    "0.0.0.0", "192.0.0.192", "198.18.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fd00:ec2::254",
    "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::", "ff02::1",
]  # fmt: skip


@pytest.fixture
def server(settings):
    """The misbehaving server, with only its own address allowed."""
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("127.0.0.1/32",))
    with misbehaving() as running:
        yield running


@pytest.fixture
def connections(monkeypatch):
    """Every address a socket of this process really connects to."""
    seen = []
    real = socket.socket.connect
    monkeypatch.setattr(socket.socket, "connect", lambda self, to: (seen.append(to[0]), real(self, to))[1])
    return seen


@pytest.mark.parametrize("address", FORBIDDEN)
def test_an_inner_address_is_refused(address):
    assert not allowed(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111"])
def test_a_public_address_is_allowed(address):
    assert allowed(address)


@given(st.ip_addresses(v=4, network="10.0.0.0/8"))
def test_every_private_address_is_refused_in_its_mapped_form_too(address):
    assert not allowed(f"::ffff:{address}")


def test_an_operator_can_allow_a_network(settings):
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("10.0.0.0/8",))
    assert allowed("10.1.1.1") and not allowed("192.168.1.1")


def test_an_answer_is_given_back(server):
    answer = fetch(f"{server.base}/ok")
    assert (answer.status, answer.body) == (200, b"<html>Welcome</html>")


def test_a_redirect_into_the_metadata_network_is_not_followed(server, connections):
    with pytest.raises(OutboundForbidden):
        fetch(f"{server.base}/to/http:||169.254.169.254|latest")
    assert set(connections) <= {"127.0.0.1"}


def test_a_name_that_turns_private_after_the_first_look_gains_nothing(server, monkeypatch):
    answers = iter([["93.184.216.34"], ["10.0.0.1"]])
    asked = []

    async def resolve(host, port):
        asked.append(host)
        return next(answers)

    monkeypatch.setattr(outbound, "resolve", resolve)
    reached = []

    async def connect(self, host, port, *rest):
        reached.append(host)
        raise OSError("the wire is cut here")

    monkeypatch.setattr(outbound.httpcore.AnyIOBackend, "connect_tcp", connect)
    with pytest.raises(OutboundError):
        fetch("http://rebinding.example/")
    assert (asked, reached) == (["rebinding.example"], ["93.184.216.34"])


def test_one_private_address_among_public_ones_is_enough_to_refuse(server, monkeypatch):
    async def resolve(host, port):
        return ["93.184.216.34", "192.168.0.1"]

    monkeypatch.setattr(outbound, "resolve", resolve)
    with pytest.raises(OutboundForbidden):
        fetch("http://both.example/")


@pytest.mark.parametrize(
    ("path", "said"), [("loop", "redirects"), ("reset", "broke"), ("half", "broke"), ("slow/5", "in time")]
)
def test_bad_manners_are_told_in_a_sentence_within_the_time_limit(server, path, said):
    started = time.monotonic()
    with pytest.raises(OutboundError, match=said):
        fetch(f"{server.base}/{path}", timeout=1)
    assert time.monotonic() - started < 3


def test_an_endless_body_is_cut(server):
    answer = fetch(f"{server.base}/endless", most_bytes=100_000)
    assert answer.truncated and len(answer.body) == 100_000


def test_a_wrong_certificate_is_told(settings):
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("127.0.0.1/32",))
    with misbehaving(tls=wrong_certificate()) as server, pytest.raises(OutboundError, match="certificate"):
        fetch(server.base)


@pytest.mark.parametrize("url", ["ftp://example.com/", "file:///etc/passwd", "gopher://x/", "http://", "nonsense", ""])
def test_other_schemes_and_nonsense_are_refused(url):
    with pytest.raises(OutboundError):
        fetch(url)
