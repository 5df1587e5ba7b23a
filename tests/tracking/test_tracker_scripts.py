"""The tracker script and its parts: configured by one line, compressed, cached."""

import gzip
import json
import re
from typing import Any

import brotli
import pytest

from accounts.models import Purpose
from accounts.services import account_brand_set
from sites import site_cache
from sites.models import Site
from tests.support import state, verify_host
from tests.support.asgi import make_scope
from tests.support.endpoints import Answer, send_request
from tracking import collector
from tracking.static_js import STATIC_DIRECTORY

pytestmark = pytest.mark.usefixtures("site")  # a serving process has read its sites


def configuration(answer: Answer) -> dict[str, Any]:
    found = re.match(rb"var _ff=(\{.*?\});\n", answer.body)
    assert found, answer.body[:200]
    return dict(json.loads(found[1]))


def plain(path: str, query: str = "", **headers: Any) -> Answer:
    headers = {"accept_encoding": "", "host": "stats.example.net", **headers}
    return send_request(path, query, **headers)


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/js", "", {"b": "/in.php", "h": "stats.example.net", "n": "clicky", "id": 0}),
        ("/123.js", "", {"b": "/in.php", "h": "stats.example.net", "n": "clicky", "id": 123}),
        ("/js", "in=%2Fabc123", {"b": "/abc123", "h": "", "n": "clicky", "id": 0}),
        ("/w/hello.js", "", {"b": "/in.php", "h": "stats.example.net", "n": "hello", "id": 0}),
        ("/w/Acme-2.js", "", {"b": "/in.php", "h": "stats.example.net", "n": "acme2", "id": 0}),
        ("/w/window.js", "", {"b": "/in.php", "h": "stats.example.net", "n": "stats", "id": 0}),
        ("/tracker.js", "", {"b": "/in.php", "h": "stats.example.net", "n": "clickport", "id": 0}),
        (
            "/p/secret-word-123/js",
            "",
            {"b": "/p/secret-word-123/in.php", "h": "stats.example.net", "n": "clicky", "id": 0},
        ),
    ],
)
def test_the_script_is_one_line_of_configuration_and_the_file(path: str, query: str, expected: dict[str, Any]) -> None:
    answer = plain(path, query)
    assert answer.status == 200 and answer.headers["content-type"].startswith("application/javascript")
    assert configuration(answer) == expected
    assert answer.body.endswith((STATIC_DIRECTORY / "tracker" / "core.min.js").read_bytes())


@pytest.mark.parametrize(
    "text", ["%2F%3C/script%3E%3Cscript%3E", "//evil.example/x", "%22;alert(1)//", "%E2%80%A8", "%5C%5Cevil"]
)
def test_a_proxy_path_cannot_inject_script_or_another_host(text: str) -> None:
    answer = plain("/js", f"in={text}")
    assert b"</script>" not in answer.body.split(b"\n")[0].lower()
    told = configuration(answer)
    assert not told["b"].startswith("//") and "\\" not in told["b"] and '"' not in told["b"]


def test_the_script_is_compressed_as_the_browser_accepts() -> None:
    whole = plain("/js").body
    small, middle = plain("/js", accept_encoding="gzip, br"), plain("/js", accept_encoding="gzip")
    assert (small.headers["content-encoding"], middle.headers["content-encoding"]) == ("br", "gzip")
    assert brotli.decompress(small.body) == gzip.decompress(middle.body) == whole
    assert len(small.body) < len(middle.body) < len(whole)


def test_the_script_is_cached_and_revalidated_by_etag() -> None:
    first = plain("/js")
    assert "max-age" in first.headers["cache-control"] and first.headers["vary"] == "accept-encoding"
    again = plain("/js", if_none_match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert plain("/js", "in=%2Fother", if_none_match=first.headers["etag"]).status == 200


@pytest.mark.parametrize("name", ["heat", "media", "widget"])
@pytest.mark.parametrize("path", ["/in.php", "/js", "/123.js"])
def test_lazy_parts_are_served_through_the_same_paths(path: str, name: str) -> None:
    answer = plain(path, f"part={name}")
    assert answer.body == (STATIC_DIRECTORY / "tracker" / f"{name}.min.js").read_bytes()
    assert "max-age=86400" in answer.headers["cache-control"]


@pytest.mark.parametrize("name", ["nothing", "../settings", "core", "%00"])
def test_other_files_are_not_served(name: str) -> None:
    assert plain("/in.php", f"part={name}").status == 404


def test_the_badge_is_a_visible_image_without_our_name() -> None:
    answer = send_request("/media/links/badge.gif")
    assert answer.status == 200 and answer.headers["content-type"] == "image/gif"
    assert answer.body[:6] in (b"GIF87a", b"GIF89a") and answer.body[6:10] == b"\x14\x00\x14\x00"  # 20 x 20 pixels
    assert b"ootfall" not in answer.body


@pytest.mark.parametrize("path", ["/w/", "/w/.js", "/w/a/b.js", "/w/a.css", "/w/<b>.js", f"/w/{'a' * 31}.js"])
def test_only_valid_names_are_scripts_below_w(path: str) -> None:
    assert not collector.matches({"path": path})


def branded(site: Site, **brand: str) -> None:
    account_brand_set(account=site.account, host="stats.agency.example", **brand)
    verify_host(site.account, "stats.agency.example", Purpose.BRAND)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("Pixel & Söhne 7", "pixelsohne7"),
        ("7up", "stats"),
        ("Window", "stats"),
        ("</script>", "script"),
        ("数", "stats"),
    ],
)
def test_on_a_white_labelled_host_globals_have_the_brands_name(site: Site, name: str, word: str) -> None:
    branded(site, name=name)
    for host in ("stats.agency.example", "stats.agency.example:8000", "STATS.agency.example"):
        assert configuration(plain("/js", host=host))["n"] == word
        assert configuration(plain(f"/{site.pk}.js", host=host))["n"] == word
    assert configuration(plain("/js"))["n"] == "clicky"
    assert configuration(plain("/tracker.js", host="stats.agency.example"))["n"] == "clickport"


def test_a_white_labelled_host_serves_the_script_under_its_own_name(site: Site) -> None:
    branded(site, name="Hello")
    told = configuration(plain("/w/hello.js", host="stats.agency.example"))
    assert told == {"b": "/in.php", "h": "stats.agency.example", "n": "hello", "id": 0}
    assert configuration(plain("/w/other.js", host="stats.agency.example"))["n"] == "other", "pages of another brand"


def test_a_host_without_a_brand_has_the_common_globals_again(site: Site) -> None:
    branded(site, name="Agency")
    account_brand_set(account=site.account, host="", name="")
    site_cache.refresh_accounts()
    assert configuration(plain("/js", host="stats.agency.example"))["n"] == "clicky"


@pytest.mark.parametrize(
    ("path", "query"),
    [("/js", ""), ("/in.php", "part=widget"), ("/in.php", "part=heat"), ("/tracker.js", ""), ("/1ns.gif", ""),
     ("/in.php", "type=pageview&href=/&mime=js&site_id=SITE"), ("/in.php", "type=pageview&site_id=999")],
)  # fmt: skip
def test_no_hot_endpoint_of_a_white_labelled_host_contains_our_name(site: Site, path: str, query: str) -> None:
    branded(site, name="Agency")
    answer = plain(path, query.replace("SITE", str(site.pk)), host="stats.agency.example")
    told = answer.body.decode("latin-1") + repr(answer.headers)
    assert answer.status == 200 and "footfall" not in told.lower()


@pytest.mark.parametrize("path", ["/js", "/in.php?part=heat", "/media/links/badge.gif", "/123ns.gif"])
def test_pages_that_demand_a_resource_policy_get_it_once(path: str) -> None:
    """Twice, it would be no valid one, and such a page (Cross-Origin-Embedder-Policy) would load nothing of ours."""
    reply = collector.Collector(state.current()).respond_immediately(make_scope("GET", path, {}))
    assert reply is not None
    assert reply[1].lower().count(b"cross-origin-resource-policy: cross-origin\r\n") == 1
