"""The documented calls of the two dialects, as files: every example call, every Clicky type in every format.

The answers lie below `reference/`; each names its source (`source` in JSON files, sources.toml beside the others).
`UPDATE_GOLDEN=1 pytest tests/contract/test_documented_calls.py` writes them anew; read the difference before you keep
it.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.cache import caches

from goals.services import goal_create
from reports.clicky.outputs import RENDERERS
from reports.clicky.types import EMPTY, TYPES
from reports.clicky.uptime import UPTIME_TYPES
from sites import site_cache
from sites.models import Site
from sites.services import site_update
from tests.support import browse, event, record
from tests.support.clicky_client import Clicky
from tests.support.curl import find_calls, parse_call
from tests.support.endpoints import send_request
from tests.support.turns import list_turns
from tests.support.types import Store

pytestmark = pytest.mark.django_db
GOLDEN = Path(__file__).parent / "reference"
SOURCES = tomllib.loads((GOLDEN / "clicky/sources.toml").read_text())
NOW = datetime(2026, 3, 30, 12, tzinfo=UTC)
KEYS = ("ck_your_api_key_here", "ck_your_key")
CLICKPORT_CALLS = [parse_call(text) for text in find_calls((GOLDEN / "seed_clickport.txt").read_text())]
CLICKPORT_READS = ("/api/realtime", "/api/goals?start_date=2026-03-01&end_date=2026-03-31",
                   "/api/pages?start_date=2026-03-01&end_date=2026-03-31")  # fmt: skip
CLICKY_CALLS = [parse_call(text) for text in find_calls((GOLDEN / "seed_clicky.txt").read_text())]
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def yoursite(site: Site, store: Store) -> Iterator[Site]:
    """The seed's site at a fixed time with one busy day, two goals and somebody online."""
    site_update(site=site, domain="yoursite.com")
    site_cache.refresh()
    goal_create(site=site, name="Contact Form", kind="form", pattern="contact", id=1)
    goal_create(site=site, name="Purchase", kind="event", pattern="Purchase", id=2)
    with time_machine.travel(NOW, tick=False):
        traffic(site)
        yield site


def traffic(site: Site) -> None:
    """Three visits of yesterday and one that goes on now."""
    at = NOW - timedelta(days=1, hours=2)
    ann: dict[str, Any] = {
        "country": "DE", "region": "Berlin", "city": "Berlin", "ip": "10.1.2.3", "language": "de",
        "browser": "Chrome", "browser_version": "120", "os": "Windows", "os_version": "10", "device_type": "Desktop",
        "source": "Google", "channel": "Organic Search", "referrer": "https://www.google.com/", "scroll": 80,
        "search_term": "tea & cups", "screen": "1920x1080", "host": "yoursite.com", "tags": {"plan": "pro"},
        "referrer_domain": "google.com", "organization": "Deutsche Telekom", "person": "jane_doe",
    }  # fmt: skip
    one = browse(site, "/", "/pricing", at=at, visitor="ann", visit=1001, title="Tea & Cups", **ann)
    same = {"visit": 1001, "visit_start": one[0]["visit_start"], "visitor": "ann", **ann}
    ben: dict[str, Any] = {
        "country": "EE", "city": "Tallinn", "channel": "Direct", "browser": "Firefox", "browser_version": "140",
        "os": "Linux", "device_type": "Desktop", "host": "yoursite.com", "scroll": 40,
    }  # fmt: skip
    record(
        event(site, "/pricing", at=at + timedelta(seconds=20), kind="download", text="Price list",
              target="https://yoursite.com/prices.pdf", **same),
        event(site, "/pricing", at=at + timedelta(seconds=30), kind="event", name="Purchase", revenue=49.99,
              currency="USD", **same),
        event(site, "/pricing", at=at + timedelta(seconds=40), kind="outbound",
              target="https://partner.example/", **same),
        event(site, "/pricing", at=at + timedelta(seconds=50), kind="form", name="contact", **same),
        event(site, "/pricing", at=at + timedelta(seconds=55), kind="video", name="play",
              target="https://yoursite.com/v.mp4", split_test="colour", split_arm="blue", **same),
    )  # fmt: skip
    browse(site, "/blog/privacy", at=at + timedelta(hours=1), visitor="ben", visit=1002, title="Privacy", **ben)
    cat = {**ben, "city": "Tartu", "channel": "Email", "source": "letter", "utm_source": "letter",
           "utm_medium": "email", "utm_campaign": "spring"}  # fmt: skip
    browse(site, "/", at=at + timedelta(hours=2), visitor="cat", visit=1003, title="Tea & Cups", **cat)
    dan = {**ann, "person": "", "tags": {}, "os": "macOS"}
    browse(site, "/", "/pricing", at=NOW - timedelta(minutes=3), visitor="dan", visit=91823, **dan)


def assert_golden(path: Path, found: bytes) -> None:
    """The answer is the golden one; a missing file is a failure, unless it is to be written."""
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(found)
    assert path.exists(), f"{path} is missing"
    assert found == path.read_bytes()


def golden_json(name: str, source: str, asked: Any, answer: dict[str, Any]) -> None:
    plain = {key: value for key, value in answer.items() if key != "meta"}
    text = json.dumps({"source": source, "asked": asked, "answer": plain}, indent=1, ensure_ascii=False)
    assert_golden(GOLDEN / "clickport" / f"{name}.json", text.encode() + b"\n")


@pytest.mark.parametrize("index", range(len(CLICKPORT_CALLS)))
def test_the_documented_clickport_calls_run_with_only_the_host_changed(
    yoursite: Site, api_key: str, index: int
) -> None:
    call = CLICKPORT_CALLS[index]
    assert call.host == "clickport.io" and call.headers["x-api-key"] in KEYS
    call.headers["x-api-key"] = api_key
    if call.path == "/api/event":
        stored = send_request(call.path, method="POST", body=call.body.encode(), headers={
            "x-api-key": api_key, "content-type": "application/json", "referer": "", "user-agent": BROWSER,
        })  # fmt: skip
        assert stored.status == 200
        found = stored.json()
        assert found["success"] is True and type(found["session_id"]) is int and found["session_id"] < 2**53
        assert set(found) == {"success", "session_id", "page_visit_id"} and int(found["page_visit_id"], 16) >= 0
        return
    answer = call.run()
    assert answer.status_code == 200, answer.content
    name = f"seed_{index + 1}_{call.path.split('?')[0].rsplit('/', 1)[1]}"
    asked = json.loads(call.body) if call.body else call.path
    golden_json(name, "seed (clickport), its call", asked, answer.json())


@pytest.mark.parametrize("path", CLICKPORT_READS)
def test_the_clickport_reads_have_the_documented_shape(yoursite: Site, api_key: str, path: str) -> None:
    call = parse_call(f'curl "https://clickport.io{path}" -H "x-api-key: {api_key}"')
    answer = call.run()
    assert answer.status_code == 200, answer.content
    name = path.split("?")[0].rsplit("/", 1)[1]
    golden_json(name, "seed (clickport) and reference (clickport) §1", path, answer.json())


@pytest.mark.parametrize("index", range(len(CLICKY_CALLS)))
def test_the_documented_clicky_calls_run_with_only_the_host_changed(yoursite: Site, index: int) -> None:
    call = CLICKY_CALLS[index]
    assert call.host == "api.clicky.com"
    for placeholder, value in (("YOUR_SITE_ID", str(yoursite.pk)), ("YOUR_SITE_KEY", yoursite.sitekey)):
        call.path = call.path.replace(placeholder, value)
    call.path = call.path.replace("site_id=ID&", f"site_id={yoursite.pk}&")
    call.path = call.path.replace("sitekey=KEY&", f"sitekey={yoursite.sitekey}&")
    caches["requests"].clear()
    (block,) = call.run().json()
    assert set(block) == {"type", "dates"} and set(block["dates"][0]) == {"date", "items"}
    assert f"type={block['type']}&" in call.path
    assert all(type(item.get("value", "")) is str for item in block["dates"][0]["items"])
    assert len(block["dates"][0]["items"]) >= 1


@pytest.mark.parametrize("turns", list_turns(2))
@pytest.mark.parametrize("output", sorted(RENDERERS))
def test_every_clicky_type_answers_in_its_documented_shape(yoursite: Site, output: str, turns: int) -> None:
    clicky, wrong = Clicky(yoursite), []
    for type in sorted(SOURCES["types"])[sorted(RENDERERS).index(output) % turns :: turns]:
        answer = clicky.raw(type, output=output, date="yesterday")
        try:
            assert_golden(GOLDEN / "clicky" / f"{type}.{output}", answer.content)
        except AssertionError as difference:
            wrong.append(f"{type}: {difference}")
    assert wrong == []


def test_every_type_has_a_golden_answer_and_a_source() -> None:
    wanted = TYPES.keys() - {*EMPTY, *(row.name for row in UPTIME_TYPES), "search"}
    assert wanted - set(SOURCES["types"]) == set()
    assert set(SOURCES["types"]) <= TYPES.keys()


@pytest.mark.parametrize("output", sorted(RENDERERS))
def test_days_and_hours_answer_in_their_documented_shape(yoursite: Site, output: str) -> None:
    clicky = Clicky(yoursite)
    daily = clicky.raw("visitors", output=output, date="last-3-days", daily=1)
    assert_golden(GOLDEN / "clicky" / f"daily.{output}", daily.content)
    hourly = clicky.raw("visitors", output=output, date="last-2-days", hourly=1)
    assert_golden(GOLDEN / "clicky" / f"hourly.{output}", hourly.content)


@pytest.mark.parametrize("output", sorted(RENDERERS))
def test_errors_answer_in_their_documented_shape(yoursite: Site, output: str) -> None:
    answer = Clicky(yoursite).raw("visitors", output=output, sitekey="wrong")
    assert_golden(GOLDEN / "clicky" / f"error.{output}", answer.content)
