"""Whatever the rules and URLs, a link redirects to a safe URL or nowhere."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from links.models import Mode, Status
from links.redirect import responses
from links.routing.engine import MAX_HOPS, ClickContext, route_click
from links.routing.snapshot import LinkSnapshot
from links.url_policy import encode_location, extract_host, find_problem, is_safe, split_standard_url, split_url
from tests.support.links import build_snapshot
from tests.support.turns import count_examples

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
TEXTS = st.one_of(
    st.sampled_from(
        ["", "https://ok.test/x", "http://ok.test", "javascript:alert(1)", "data:text/html,x", "//evil.test",
         "https://go.test/in", "https://user@evil.test/", "https://\\evil.test", "ftp://x.test/"]
    ),
    st.text(max_size=30),
)  # fmt: skip


@st.composite
def any_link(draw: st.DrawFn, pk: int) -> LinkSnapshot:
    many = st.lists(TEXTS, max_size=4)
    rules = {
        "random": draw(many), "sequential": draw(many), "spillover": draw(many),
        "weighted": [[url, draw(st.integers(0, 100))] for url in draw(many)],
        "languages": [["de", url] for url in draw(many)], "nations": [["EE", url] for url in draw(many)],
        "browser": {"mobile": draw(TEXTS), "email": draw(TEXTS), "spiders": draw(TEXTS)}, "first": draw(TEXTS),
        "devices": [["Mobile", url] for url in draw(many)],
    }  # fmt: skip
    return build_snapshot(
        pk=pk, url=draw(TEXTS), first_url=draw(TEXTS), mode=draw(st.sampled_from(Mode.values)), rules=rules,
        status=draw(st.sampled_from(Status.values)), expiration_clicks=draw(st.integers(0, 2)),
        url_after_clicks=draw(TEXTS), expiration_date=draw(st.sampled_from([None, NOW])), url_after_date=draw(TEXTS),
        pause_after_clicks=draw(st.booleans()), pause_after_date=draw(st.booleans()),
    )  # fmt: skip


@settings(max_examples=count_examples(400), deadline=None)
@given(
    any_link(1), any_link(2), st.booleans(), st.integers(0, 5), TEXTS,
    st.sampled_from(["Mobile", "Desktop"]), st.sampled_from(["EE", ""]), st.booleans(),
)  # fmt: skip
def test_no_combination_of_rules_gives_an_empty_or_unsafe_destination(
    outer: LinkSnapshot, inner: LinkSnapshot, flag: bool, number: int, ddu: str, device: str, country: str, spider: bool
) -> None:
    asker = ClickContext(
        NOW, languages=("de",), country=country, device=device, email_client=flag, is_bot=spider, requested_url=ddu,
        is_unique=lambda one: flag, click_number=lambda one: number + 1, previous_clicks=lambda one: number,
        allowed_hosts=lambda one: frozenset({"ok.test"}),
    )  # fmt: skip
    choice = route_click(outer, asker, lambda host, path: inner if host == "go.test" else None)
    assert bool(choice.stop_reason) != bool(choice.url)
    if choice.url:
        assert is_safe(choice.url) and choice.url.startswith(("http://", "https://"))
        assert b"\n" not in encode_location(choice.url) and len(choice.hops) <= MAX_HOPS
    else:
        assert choice.stop_reason in responses.STOP_PAGES


PIECES = (
    "http://",
    "https://",
    "a.test",
    "user@",
    ":8080",
    ":0",
    ":99999",
    "/",
    "?",
    "#",
    "[::1]",
    "\\",
    "%20",
    "é",
    "..",
    "-",
    "\n",
)


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=8).map("".join))
def test_the_fast_path_for_safe_urls_agrees_with_the_full_check(url: str) -> None:
    found = split_standard_url(url)
    if found is not None:
        parts = split_url(url)
        assert find_problem(url) == "" and found == (parts.hostname, parts.path) and extract_host(url) == parts.hostname
        assert encode_location(url).decode() == url


def test_ordinary_urls_take_the_fast_path() -> None:
    assert split_standard_url("https://shop.test:8443/a/b?c=[s2sidentifier]#d") == ("shop.test", "/a/b")
    assert split_standard_url("https://me@shop.test/") is None and split_standard_url("https://shop.test/\nx") is None
