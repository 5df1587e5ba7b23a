"""Hostile servers and URLs cause only an OutboundError, and cost little memory."""

import contextlib
import gzip
import socket
import struct
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import brotli
import httpcore
import pytest
from backports import zstd
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sites.outbound import OutboundError, OutboundForbidden, OutboundNotSent, OutboundResponse, check_host, fetch
from sites.outbound.http_client import describe_error
from tests.support.misbehaving_server import MisbehavingServer, misbehaving

GIB = 1 << 30
Result = TypeVar("Result")
SHARED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@dataclass
class Raw:
    """A server that answers every connection with the bytes of `say`, as often as `times`."""

    base: str
    say: bytes = b""
    times: int = 1


@contextlib.contextmanager
def raw_server() -> Iterator[Raw]:
    listener = socket.create_server(("127.0.0.1", 0))
    raw = Raw(f"http://127.0.0.1:{listener.getsockname()[1]}")

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with contextlib.suppress(OSError), connection:
                    connection.recv(65536)
                    for _ in range(raw.times):
                        connection.sendall(raw.say)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield raw
    finally:
        listener.close()


@pytest.fixture(scope="module")
def raw() -> Iterator[Raw]:
    with raw_server() as running:
        yield running


def repeated(compressor: Any, flush: int, block: bytes = bytes(1 << 24)) -> bytes:
    """The body of a deflate stream of 1 GiB of zeros: after a full flush every piece is the same."""
    first = compressor.compress(block) + compressor.flush(flush)
    result: bytes = first + (compressor.compress(block) + compressor.flush(flush)) * (GIB // len(block) - 1)
    return result


@pytest.fixture(scope="module")
def packed() -> dict[str, bytes]:
    """1 GiB of zeros (brotli: a quarter of it) as each encoding has it, a megabyte or less on the wire."""
    return {
        "gzip": repeated(zlib.compressobj(1, wbits=31), zlib.Z_FULL_FLUSH),
        "deflate": repeated(zlib.compressobj(1, wbits=-15), zlib.Z_FULL_FLUSH),
        "br": brotli.compress(bytes(GIB // 4), quality=1),
        "zstd": zstd.compress(bytes(1 << 24)) * 64,
        "gzip, gzip": gzip.compress(repeated(zlib.compressobj(1, wbits=31), zlib.Z_FULL_FLUSH)),
    }


def peak_of(call: Callable[[], Result]) -> tuple[Result, float]:
    """What `call` gives, and the most memory it had at once, in MB."""
    tracemalloc.start()
    try:
        return call(), tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
def test_a_decompression_bomb_costs_only_a_few_megabytes(
    server: MisbehavingServer, raw: Raw, packed: dict[str, bytes], encoding: str
) -> None:
    body = packed[encoding]
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n"
    raw.say, raw.times = head.encode() + body, 1
    answer, megabytes = peak_of(lambda: fetch(raw.base, max_bytes=1_000_000))
    assert isinstance(answer, OutboundResponse) and answer.status == 200
    assert megabytes < 12
    read = encoding in ("gzip", "deflate")
    assert (answer.truncated, len(answer.body), answer.encoding) == (
        (True, 10**6, "") if read else (False, 0, encoding)
    )


@pytest.mark.parametrize(
    ("start", "more"),
    [
        ("HTTP/1.1 200 OK\r\n", "X-More: " + "y" * 1000 + "\r\n"),  # headers without end
        ("HTTP/1.1 200 OK\r\nX: ", "y" * 1000),  # one header without end
        ("", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),  # answers before the answer, without end
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X-Trailer: " + "y" * 1000 + "\r\n"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1;" + "y" * 1000 + "\r\nx\r\n"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", "y" * 1000),
    ],
)
def test_the_size_of_headers_is_limited_too(server: MisbehavingServer, raw: Raw, start: str, more: str) -> None:
    raw.say, raw.times = start.encode() + more.encode() * 500, 50

    def failure() -> OutboundError:
        with pytest.raises(OutboundError) as failed:
            fetch(raw.base, max_bytes=50_000, timeout=20)
        return failed.value

    error, megabytes = peak_of(failure)
    assert not isinstance(error, OutboundNotSent)
    assert megabytes < 12


def test_compressed_responses_are_read_and_invalid_ones_reported(server: MisbehavingServer, raw: Raw) -> None:
    for encoding, body in (
        ("gzip", gzip.compress(b"Welcome")), ("deflate", zlib.compress(b"Welcome")), ("identity", b"Welcome"),
        ("deflate", zlib.compress(b"Welcome")[2:-4]), ("", b"Welcome"),
    ):  # fmt: skip
        raw.say, raw.times = answer_of(body, encoding), 1
        assert fetch(raw.base).body == b"Welcome"
    raw.say = answer_of(b"\x1f\x8b not at all", "gzip")
    with pytest.raises(OutboundError, match="compressed answer that is broken"):
        fetch(raw.base)


def answer_of(body: bytes, encoding: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def test_compression_is_never_requested_whatever_the_headers(server: MisbehavingServer) -> None:
    given = {"accept-encoding": "br", "Content-Length": "7", "Transfer-Encoding": "chunked", "X-Own": "1"}
    fetch(f"{server.base}/ok", headers=given)
    received = {name.lower(): value for name, value in server.seen[0][2].items()}
    assert (received["accept-encoding"], received["x-own"]) == ("identity", "1")
    assert not {"content-length", "transfer-encoding"} & set(received)


PRIVATE = {
    "Authorization": "Bearer SECRET", "Cookie": "session=1", "X-Api-Key": "SECRET", "X-Signature": "sha256=00",
    "Proxy-Authorization": "Basic SECRET",
}  # fmt: skip


def names_sent(server: MisbehavingServer, index: int = -1) -> set[str]:
    return {name.lower() for name in server.seen[index][2]}


def test_credentials_are_not_sent_after_a_redirect_to_another_origin(server: MisbehavingServer) -> None:
    with misbehaving() as other:
        back = f"{server.base}/ok".replace("/", "|")
        there = f"{other.base}/to/{back}".replace("/", "|")
        fetch(f"{server.base}/to/{there}", headers={**PRIVATE, "User-Agent": "check"})
    private = {name.lower() for name in PRIVATE}
    assert private <= names_sent(server, 0)
    assert names_sent(other) & private == set() and "user-agent" in names_sent(other)
    assert names_sent(server, -1) & private == set()  # also not when it leads back


def test_credentials_are_sent_after_a_redirect_to_the_same_origin(server: MisbehavingServer) -> None:
    fetch(f"{server.base}/to/|ok", headers=PRIVATE)
    assert {name.lower() for name in PRIVATE} <= names_sent(server)


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "POST", "GET"), (302, "POST", "GET"), (303, "POST", "GET"), (307, "POST", "POST"), (308, "POST", "POST"),
        (301, "HEAD", "HEAD"), (303, "HEAD", "HEAD"), (302, "GET", "GET"),
    ],
)  # fmt: skip
def test_the_method_after_a_redirect_is_chosen_as_in_browsers(
    server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch, status: int, method: str, then: str
) -> None:
    monkeypatch.setattr(
        "tests.support.misbehaving_server.Misbehaving.answer_moved",
        lambda self, rest: self.reply(status, Location="/ok"),
        raising=False,
    )
    content = b"body" if method == "POST" else None
    fetch(f"{server.base}/moved", method=method, content=content, headers={"Content-Type": "text/plain"})
    asked, _, headers, body = server.seen[-1]
    assert asked == then
    assert (body, "Content-Type" in headers) == ((b"body", True) if then == "POST" else (b"", then == method))


def test_an_invalid_redirect_target_matters_only_if_redirects_are_followed(server: MisbehavingServer, raw: Raw) -> None:
    raw.say, raw.times = b"HTTP/1.1 302 Found\r\nLocation: http://x:port/\r\nContent-Length: 0\r\n\r\n", 1
    assert fetch(raw.base, follow=False).status == 302
    with pytest.raises(OutboundError, match="not an address"):
        fetch(raw.base)


def test_credentials_in_a_url_are_sent_only_to_its_origin(server: MisbehavingServer) -> None:
    with misbehaving() as other:
        there = f"{other.base}/ok".replace("/", "|")
        fetch(f"{server.base}/to/{there}".replace("//", "//me:secret@"))
    assert "authorization" in names_sent(server, 0) and "authorization" not in names_sent(other)


ODD = ["http://[", "https://0177.0.0.1/", "http://a..b/", "http://xn--/", "http://exa\u2100mple.com/", "http://\ud800/"]


@pytest.mark.parametrize("url", [*ODD, "http://" + "a" * 64 + ".example/", "http://a" * 9, "http://256.1.1.1/"])
def test_an_unusual_url_is_reported_with_a_message(url: str) -> None:
    with pytest.raises(OutboundError) as error:
        fetch(url)
    assert 10 < len(str(error.value)) < 200


URLS = st.one_of(
    st.text(max_size=60),
    st.builds(
        "{}://{}{}".format, st.sampled_from(["http", "https", "ftp", ""]), st.text(max_size=30), st.text(max_size=9)
    ),
    st.builds("http://{}:{}/".format, st.text("0123456789.xX:[]%", max_size=20), st.text("0123456789-", max_size=6)),
)


@pytest.fixture
def no_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can be reached."""

    async def connect(*_: object) -> None:
        raise httpcore.ConnectError("the wire is cut here")

    monkeypatch.setattr("httpcore.AnyIOBackend.connect_tcp", connect)


@given(URLS)
@hypothesis_settings(suppress_health_check=SHARED, deadline=None)
@example("http://1.2.3")
@example("http://user@:80/")
def test_no_url_raises_another_exception(no_wire: Any, url: str) -> None:
    with contextlib.suppress(OutboundError):
        check_host(url)
    with pytest.raises(OutboundError):
        fetch(url, timeout=0.2)


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RecursionError("again")


@given(URLS, st.sampled_from([ValueError("x"), Unspeakable(), ExceptionGroup("g", [OSError("x")]), RecursionError()]))
def test_every_error_has_a_message(url: str, error: Exception) -> None:
    assert describe_error(error, url)


@given(
    st.one_of(
        st.binary(max_size=200),
        st.builds(b"HTTP/1.1 %d X\r\n%s".__mod__, st.tuples(st.integers(0, 999), st.binary(max_size=80))),
    )
)
@hypothesis_settings(suppress_health_check=SHARED, deadline=None)
@example(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n")
@example(b"HTTP/1.1 301 X\r\nLocation: //[\r\n\r\n")
@example(b"HTTP/1.1 301 X\r\nLocation: http://\xe2\x84\x80/\r\n\r\n")
@example(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")
@example(b"HTTP/1.1 200 OK\r\nSet-Cookie: \xff=;;;=\r\nContent-Encoding: gzip\r\n\r\nx")
def test_no_response_raises_another_exception(server: MisbehavingServer, raw: Raw, said: bytes) -> None:
    raw.say, raw.times = said, 1
    with contextlib.suppress(OutboundError):
        assert fetch(raw.base, timeout=2).status


def test_a_private_address_is_rejected_with_a_hint_to_the_operator() -> None:
    for url in ("http://127.1/", "http://2130706433/", "http://[::1]/", "http://localhost/", "http://a.localhost:80/"):
        with pytest.raises(OutboundForbidden, match="ALLOWED_OUTBOUND"):
            check_host(url)


def test_a_connection_reset_is_an_error_of_the_server(server: MisbehavingServer) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def slam() -> None:
        connection, _ = listener.accept()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    threading.Thread(target=slam, daemon=True).start()
    with pytest.raises(OutboundError) as error:
        fetch(f"http://127.0.0.1:{listener.getsockname()[1]}/")
    assert not isinstance(error.value, OutboundNotSent)
    listener.close()
