"""Any bytes in any parameter and header of every endpoint: a valid response and a balanced ingestion audit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from sites.models import Site
from tests.support.endpoints import count_hits, exchange, is_balanced
from tests.support.hits import CHROME, reset_state
from tests.support.turns import count_examples
from tracking import collector

pytestmark = pytest.mark.usefixtures("store")
PROPER = (200, 204, 302, 304, 400, 401, 404, 405, 413)
PATHS = [*collector.ENDPOINTS, "/{}ns.gif", "/{}-db.gif", "/{}.js", "/p/word/in.php", "/p/word/js", "/p/word/{}ns.gif"]
BYTES = some.binary(max_size=120)
WORDS_TEXT = (
    "type href title ref utm page host et sc vid res lang tz jsuid consent x mime goal domain part timeout dnt ua "
    "custom[a] custom[username] goal[id] goal[revenue] split[name] split[goal][] video[time] prop[x] heatmap[] name "
    "sitekey_admin session_id ip_address revenue currency wd lw lh in n _ site data-id brand key v"
)
NAMES = some.one_of(some.sampled_from(WORDS_TEXT.split()).map(str.encode), BYTES)
VALUES = some.one_of(
    BYTES,
    some.sampled_from(
        [b"pageview", b"heatmap", b"goal", b"custom", b"video", b"1", b"-1", b"1e999", b"NaN", b"js", b"%", b"[",
         b"\x00", b"http://[::1", b"https://example.com/\xff", b"/a|1|2|3|click|1|1|p", b"webdriver", b"9" * 400]
    ),
)  # fmt: skip
HEADERS = some.one_of(
    some.sampled_from(
        b"user-agent referer origin cookie x-forwarded-for forwarded via content-type content-length accept-language "
        b"accept accept-encoding if-none-match x-api-key host dnt sec-gpc sec-ch-ua sec-ch-ua-platform purpose".split()
    ),
    some.binary(min_size=1, max_size=20).map(bytes.lower),
)
TOLD = some.one_of(
    BYTES,
    some.sampled_from(
        [CHROME.encode(), b'"Chromium";v="141"', b'"Windows"', b"application/json", b"en", b"https://example.com/",
         b"1", b"127.0.0.1, 10.0.0.1", b"_jsuid=1; _cky_ignore=0", b"::ffff:1.2.3.4%eth0"]
    ),
)  # fmt: skip


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    reset_state()
    yield
    reset_state()


@settings(max_examples=count_examples(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=some.data())
@pytest.mark.parametrize("path", PATHS)
def test_no_request_causes_a_server_error(site: Site, path: str, data: Any, caplog: pytest.LogCaptureFixture) -> None:
    pairs = data.draw(some.lists(some.tuples(NAMES, VALUES), max_size=8))
    raw = data.draw(some.booleans())
    query = b"&".join([b"site_id=%d" % site.pk, *(
        name + b"=" + (value if raw else quote_from_bytes(value).encode()) for name, value in pairs
    )])  # fmt: skip
    scope = {
        "type": "http", "method": data.draw(some.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "BREW"])),
        "path": path.format(site.pk), "query_string": query, "scheme": "http", "client": ("192.0.2.1", 1),
        "http_version": data.draw(some.sampled_from(["1.0", "1.1", "2"])),
        "headers": data.draw(some.lists(some.tuples(HEADERS, TOLD), max_size=8)),
    }  # fmt: skip
    caplog.clear()
    answer = asyncio.run(exchange(scope, data.draw(some.one_of(BYTES, some.just(query)))))
    assert answer.status in PROPER, answer
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert errors == [], errors[0].exc_info or errors[0].getMessage()


def test_the_ingestion_audit_balances_after_many_invalid_requests(site: Site) -> None:
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(some.sampled_from(PATHS), some.lists(some.tuples(NAMES, VALUES), max_size=6), some.tuples(HEADERS, TOLD))
    def send_request(path: str, pairs: list[tuple[bytes, bytes]], header: tuple[bytes, bytes]) -> None:
        query = b"&".join([b"site_id=%d&host=example.com" % site.pk, *(name + b"=" + value for name, value in pairs)])
        people = [(b"user-agent", CHROME.encode()), (b"accept-language", b"en"), (b"referer", b"https://example.com/")]
        scope = {
            "type": "http", "method": "POST" if path == "/api/event" else "GET", "path": path.format(site.pk),
            "query_string": query, "headers": [*people, header], "scheme": "http", "http_version": "1.1",
            "client": ("192.0.2.1", 1),
        }  # fmt: skip
        assert asyncio.run(exchange(scope, b"")).status in PROPER

    send_request()
    found = count_hits()
    assert is_balanced(found) and found["stored"] > 0 and found["received"] > 40, found
