"""The server answers a GET at an endpoint without a task, byte for byte as the application does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sites import site_cache
from sites.models import Site
from tests.support import state
from tests.support.endpoints import BROWSER_HEADERS, count_hits, exchange
from tests.support.types import Store
from tracking import collector

pytestmark = pytest.mark.django_db


def scope(path: str, query: str = "", method: str = "GET", **more: str) -> dict[str, Any]:
    told = {**BROWSER_HEADERS, **more}
    return {
        "type": "http", "method": method, "path": path, "http_version": "1.1", "scheme": "http",
        "query_string": query.encode(), "client": ("203.0.113.7", 5555),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in told.items()],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "query", "more"),
    [
        ("/in.php", "site_id={}&type=pageview&href=/a&host=example.com", {}),
        ("/in.php", "site_id={}&type=pageview&href=/a&host=example.com", {"origin": "https://example.com"}),
        ("/in.php", "site_id={}&type=pageview&href=/a&host=elsewhere.net&mime=js", {}),
        ("/in.php", "site_id=999999999", {"origin": "https://example.com"}),
        ("/{}ns.gif", "", {}),
        ("/js", "", {"accept-encoding": "gzip"}),
        ("/api/event", "", {}),
        ("/p/word/in.php", "site_id={}&type=pageview&href=/a&host=example.com", {}),
    ],
)
def test_an_immediate_response_equals_that_of_the_application(
    site: Site, store: Store, path: str, query: str, more: dict[str, str]
) -> None:
    site_cache.refresh()
    asked = scope(path.format(site.pk), query.format(site.pk), **more)
    found = collector.Collector(state.current()).respond_immediately(asked)
    answered = asyncio.run(exchange(asked, b""))
    assert found is not None
    status, head, body = found
    lines = head.decode("latin-1").split("\r\n")
    assert lines[-1] == "" and dict(line.split(": ", 1) for line in lines[:-1]) == answered.headers
    assert (status, body) == (answered.status, answered.body)


def test_an_immediately_answered_hit_is_in_the_ingestion_audit(site: Site, store: Store) -> None:
    site_cache.refresh()
    collector.Collector(state.current()).respond_immediately(
        scope("/in.php", f"site_id={site.pk}&type=pageview&href=/a&host=example.com")
    )
    assert count_hits(site.pk) == {"received": 1, "stored": 1}


@pytest.mark.parametrize(("path", "method"), [("/in.php", "POST"), ("/in.php", "HEAD"), ("/login", "GET")])
def test_requests_with_a_body_or_for_other_paths_are_left_to_the_application(
    site: Site, path: str, method: str
) -> None:
    assert collector.Collector(state.current()).respond_immediately(scope(path, method=method)) is None


def test_an_origin_that_could_inject_a_header_is_not_echoed(site: Site, store: Store) -> None:
    site_cache.refresh()
    found = collector.Collector(state.current()).respond_immediately(
        scope("/in.php", "site_id=1", origin="https://a\r\nset-cookie: x=1")
    )
    assert found is not None and b"set-cookie" not in found[1]
