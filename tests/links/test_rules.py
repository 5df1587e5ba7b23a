"""How a link chooses the destination of a click."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from pytest_django import Settings

from links.models import Mode, Status
from links.redirect import tokens
from links.routing.engine import MAX_HOPS, ClickContext, route_click
from links.routing.rules import clean_rules
from links.routing.snapshot import LinkSnapshot
from links.url_policy import add_parameters, clean_dynamic_url, clean_url, find_problem
from tests.support.links import build_snapshot
from tracking.state.questions import Window
from tracking.state.windows import Counters, MemoryWindow

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)  # a Tuesday


def nowhere(host: str, path: str) -> None:
    return None


def go(row: LinkSnapshot, **asker: Any) -> str:
    return route_click(row, ClickContext(NOW, **asker), nowhere).url


def test_a_link_without_rules_redirects_to_its_url() -> None:
    assert go(build_snapshot()) == "https://main.test/"


@pytest.mark.parametrize(
    ("status", "word"), [(Status.PAUSED, "paused"), (Status.BLOCKED, "blocked"), (Status.DELETED, "blocked")]
)
def test_a_link_that_is_not_active_stops(status: int, word: str) -> None:
    assert route_click(build_snapshot(status=status), ClickContext(NOW), nowhere).stop_reason == word


def test_destinations_are_chosen_by_their_weights() -> None:
    weights = {"https://a.test/": 70, "https://b.test/": 20, "https://c.test/": 10}
    rules = {"weighted": [[url, weight] for url, weight in weights.items()]}
    row, chance, clicks = build_snapshot(mode=Mode.WEIGHTED, rules=rules), random.Random(7), 20_000
    counts: dict[str, int] = {}
    for _ in range(clicks):
        url = go(row, random_source=chance)
        counts[url] = counts.get(url, 0) + 1
    expected = {url: weight * clicks / 100 for url, weight in weights.items()}
    chi_square = sum((counts[url] - expected[url]) ** 2 / expected[url] for url in expected)
    assert chi_square < 13.82  # two degrees of freedom, p = 0.001


def test_random_chooses_all_destinations_equally() -> None:
    items = [f"https://{name}.test/" for name in "abcd"]
    row, chance = build_snapshot(mode=Mode.RANDOM, rules={"random": items}), random.Random(3)
    counts = dict.fromkeys(items, 0)
    for _ in range(8000):
        counts[go(row, random_source=chance)] += 1
    assert sum((count - 2000) ** 2 / 2000 for count in counts.values()) < 16.27


def test_a_destination_with_weight_zero_is_never_chosen() -> None:
    row = build_snapshot(mode=Mode.WEIGHTED, rules={"weighted": [["https://a.test/", 0], ["https://b.test/", 100]]})
    assert {go(row) for _ in range(500)} == {"https://b.test/"}


def test_in_turn_is_strict_under_concurrency() -> None:
    items = [f"https://{name}.test/" for name in "abc"]
    row, counters, chosen = (
        build_snapshot(mode=Mode.SEQUENTIAL, rules={"sequential": items}),
        Counters(),
        [],
    )

    def clicker() -> None:
        for _ in range(300):
            chosen.append(go(row, click_number=lambda one: counters.take(one.link_id)))

    threads = [threading.Thread(target=clicker) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {url: chosen.count(url) for url in items} == dict.fromkeys(items, 800)


def test_in_turn_follows_the_order_of_the_list() -> None:
    items = [f"https://{name}.test/" for name in "abc"]
    row, counters = (
        build_snapshot(mode=Mode.SEQUENTIAL, rules={"sequential": items}),
        Counters(),
    )
    assert [go(row, click_number=lambda one: counters.take(one.link_id)) for _ in range(7)] == [
        *items,
        *items,
        items[0],
    ]


def test_spillover_is_per_visitor_and_stays_at_the_last_destination() -> None:
    items = [f"https://{name}.test/" for name in "abc"]
    row = build_snapshot(mode=Mode.SPILLOVER, rules={"spillover": items})
    assert [go(row, previous_clicks=lambda one, at=at: at) for at in (0, 1, 2, 3, 99)] == [*items, items[2], items[2]]


def test_language_prefers_the_regional_variant_then_the_language_then_the_main_url() -> None:
    row = build_snapshot(
        mode=Mode.LANGUAGE, rules={"languages": [["de", "https://de.test/"], ["de-at", "https://at.test/"]]}
    )
    assert go(row, languages=("de-at", "de")) == "https://at.test/"
    assert go(row, languages=("de-ch",)) == "https://de.test/"
    assert go(row, languages=("fr", "de")) == "https://de.test/"
    assert go(row, languages=("fr",)) == "https://main.test/"


def test_rules_by_country_and_kind_of_browser_work() -> None:
    nation = build_snapshot(mode=Mode.NATION, rules={"nations": [["EE", "https://ee.test/"]]})
    assert [go(nation, country=code) for code in ("EE", "DE", "")] == [
        "https://ee.test/", "https://main.test/", "https://main.test/",
    ]  # fmt: skip
    rules = {"browser": {"mobile": "https://m.test/", "email": "https://e.test/", "spiders": "https://s.test/"}}
    kind = build_snapshot(mode=Mode.BROWSER, rules=rules)
    assert go(kind, device="Mobile") == "https://m.test/"
    assert go(kind, device="Desktop") == "https://main.test/"
    assert go(kind, email_client=True) == go(kind, email_client=True, is_bot=True) == "https://e.test/"
    assert go(kind, is_bot=True) == "https://s.test/"


def test_the_first_click_has_its_own_destination_but_never_for_bots() -> None:
    row = build_snapshot(mode=Mode.UNIQUE, rules={"first": "https://first.test/"})
    assert go(row, is_unique=lambda one: True) == "https://first.test/"
    assert go(row, is_unique=lambda one: False) == "https://main.test/"
    assert go(row, is_unique=lambda one: True, is_bot=True) == "https://main.test/"
    assert go(build_snapshot(first_url="https://first.test/"), is_unique=lambda one: True) == "https://first.test/"


def test_a_dynamic_link_redirects_only_to_whitelisted_hosts() -> None:
    row, listed = build_snapshot(mode=Mode.DYNAMIC), frozenset({"mydomain.com"})
    allowed = {"allowed_hosts": lambda one: listed}
    assert go(row, requested_url="mydomain.com/page?x=1", **allowed) == "http://mydomain.com/page?x=1"
    for ddu in ("www.mydomain.com/", "evil.test/", "javascript:alert(1)", "https://mydomain.com@evil.test/", ""):
        assert go(row, requested_url=ddu, **allowed) == "https://main.test/", ddu
    assert go(row, requested_url="mydomain.com") == "https://main.test/"


def test_a_click_limit_allows_exactly_that_many_clicks() -> None:
    row, counters = (
        build_snapshot(expiration_clicks=3, url_after_clicks="https://after.test/"),
        Counters(),
    )
    urls = [go(row, click_number=lambda one: counters.take(one.link_id)) for _ in range(5)]
    assert urls == ["https://main.test/"] * 3 + ["https://after.test/"] * 2
    assert (
        route_click(
            build_snapshot(expiration_clicks=1), ClickContext(NOW, click_number=lambda one: 2), nowhere
        ).stop_reason
        == "expired"
    )


def test_schedules_are_in_their_time_zone_and_may_span_midnight() -> None:
    night = {"days": [2], "from": "22:00", "until": "02:00", "url": "https://night.test/"}
    row = build_snapshot(rules={"schedule": [night], "zone": "Europe/Tallinn"})
    for moment, expected in (
        (datetime(2026, 3, 10, 20, 30, tzinfo=UTC), "https://night.test/"),  # Tuesday 22:30 there
        (datetime(2026, 3, 10, 23, 30, tzinfo=UTC), "https://night.test/"),  # Wednesday 1:30, of Tuesday's night
        (datetime(2026, 3, 11, 20, 30, tzinfo=UTC), "https://main.test/"),
        (datetime(2026, 3, 10, 19, 30, tzinfo=UTC), "https://main.test/"),
    ):
        assert route_click(row, ClickContext(moment), nowhere).url == expected, moment
    over = build_snapshot(expiration_date=NOW, url_after_date="https://over.test/")
    assert go(over) == "https://over.test/"
    assert route_click(over, ClickContext(NOW - timedelta(seconds=1)), nowhere).url == "https://main.test/"
    assert (
        route_click(build_snapshot(starts=NOW + timedelta(hours=1)), ClickContext(NOW), nowhere).stop_reason == "paused"
    )


def test_a_link_as_a_destination_is_followed_by_its_own_rules() -> None:
    inner = build_snapshot(
        pk=2, url="https://inner.test/", mode=Mode.NATION, rules={"nations": [["EE", "https://ee.test/"]]}
    )
    outer = build_snapshot(url="https://go.test/inner")
    choice = route_click(
        outer, ClickContext(NOW, country="EE"), lambda host, path: inner if host == "go.test" else None
    )
    assert [(one.link_id, url) for one, url in choice.hops] == [(1, "https://go.test/inner"), (2, "https://ee.test/")]


def test_nested_links_are_limited_and_loops_stop() -> None:
    chain = {n: build_snapshot(pk=n, url=f"https://go.test/{n + 1}") for n in range(1, 50)}
    choice = route_click(chain[1], ClickContext(NOW), lambda host, path: chain.get(int(path[1:])))
    assert choice.stop_reason == "nowhere" and len(choice.hops) == MAX_HOPS
    circle = {1: build_snapshot(pk=1, url="https://go.test/2"), 2: build_snapshot(pk=2, url="https://go.test/1")}
    assert (
        route_click(circle[1], ClickContext(NOW), lambda host, path: circle.get(int(path[1:]))).stop_reason == "nowhere"
    )


@pytest.mark.parametrize(
    "bad",
    ["javascript:alert(1)", " JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "data:text/html,<script>", "vbscript:x",
     "file:///etc/passwd", "https://", "http:///x", "https://good.test@evil.test/", "https://evil.test\\@good.test",
     "https://a b.test/", "", "https://[s2sidentifier].evil.test/", "http://x.test:99999/", "http://\u2028x.test/"],
)  # fmt: skip
def test_dangerous_and_ambiguous_destinations_are_rejected(bad: str) -> None:
    with pytest.raises(ValidationError):
        clean_url(bad)


def test_a_destination_gets_its_scheme_and_keeps_the_rest() -> None:
    assert clean_url("example.com/a b") == "http://example.com/a%20b"
    assert clean_url("localhost.test:8080/x") == "http://localhost.test:8080/x"
    assert clean_url("HTTPS://Example.com/?q=[s2sidentifier]#top") == "https://Example.com/?q=[s2sidentifier]#top"
    assert find_problem("https://münchen.test/straße") == ""
    assert clean_dynamic_url("example.com", frozenset({"example.com"})) == "http://example.com"


def test_parameters_are_added_before_the_fragment_and_replace_only_on_request() -> None:
    url = "https://x.test/p?a=1#top"
    assert add_parameters(url, [("b", "2")]) == "https://x.test/p?a=1&b=2#top"
    assert add_parameters(url, [("a", "9")]) == url
    assert add_parameters(url, [("a", "9")], replace=True) == "https://x.test/p?a=9#top"


def test_weights_must_total_100_and_lists_must_not_be_empty() -> None:
    with pytest.raises(ValidationError, match="must add up to 100; these add up to 90"):
        clean_rules({"weighted": [["https://a.test", 50], ["https://b.test", 40]]}, Mode.WEIGHTED)
    with pytest.raises(ValidationError, match="at least one"):
        clean_rules({}, Mode.RANDOM)
    assert clean_rules({"nations": [["ee", "a.test"]]}, Mode.NATION) == {"nations": [["EE", "http://a.test"]]}


def test_a_click_is_unique_after_exactly_half_an_hour() -> None:
    window = MemoryWindow(Window("test", 1800))
    assert window.claim("k", 1000.0)
    assert not window.claim("k", 2799.999)
    assert window.claim("k", 2800.0)


def test_a_later_click_does_not_prolong_the_half_hour() -> None:
    window = MemoryWindow(Window("test", 1800))
    assert [window.claim("k", at) for at in (0.0, 1000.0, 1800.0)] == [True, False, True]


def test_the_memory_of_unique_clicks_is_bounded() -> None:
    window = MemoryWindow(Window("test", 1800, max_keys=100))
    for number in range(1000):
        window.claim(str(number), float(number) / 1000)
    assert len(window) == 100
    for number in range(50):
        window.claim(f"later {number}", 10_000.0)
    assert len(window) == 50


def test_a_click_token_can_be_decoded_and_not_forged() -> None:
    click = tokens.ClickToken(tokens.generate_click_id(), 123456789, 1_773_000_000)
    word = tokens.encode_token(click)
    assert tokens.decode_token(word) == click and len(word) == tokens.TOKEN_LENGTH
    for at in range(len(word)):
        other = word[:at] + ("A" if word[at] != "A" else "B") + word[at + 1 :]
        assert tokens.decode_token(other) in (None, click if other == word else None)
    assert (
        tokens.decode_token("") is None
        and tokens.decode_token("é" * 30) is None
        and tokens.decode_token("=" * 30) is None
    )


def test_a_click_token_is_valid_after_a_key_change_with_the_old_key_as_fallback(settings: Settings) -> None:
    click = tokens.ClickToken(tokens.generate_click_id(), 7, 1_773_000_000)
    word, old = tokens.encode_token(click), settings.SECRET_KEY
    settings.SECRET_KEY = "another key, long enough for everything"
    assert tokens.decode_token(word) is None and tokens.encode_token(click) != word
    settings.SECRET_KEY_FALLBACKS = [old]
    assert tokens.decode_token(word) == click
