"""Under which page an event is stored, and what is removed from its URL."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sites.page_paths import decode_path
from tests.support.hits import build_hit, build_site_config, find_rejection, process, process_hit, reset_state
from tracking.event import Rejection
from tracking.pipeline.page import CLICK_IDS, SESSION_IDS


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    reset_state()
    yield
    reset_state()


@pytest.mark.parametrize("name", sorted(CLICK_IDS | SESSION_IDS))
def test_click_and_session_ids_never_reach_the_store(name: str) -> None:
    stored = process_hit(f"/offer?{name}=abc123&colour=red")
    assert stored["path"] == "/offer?colour=red"
    assert all("abc123" not in str(value) for value in stored.values())


def test_campaign_parameters_are_removed_from_the_path_and_stored_in_columns() -> None:
    stored = process_hit("/offer?utm_source=News&utm_medium=email&utm_campaign=May&utm_content=a&utm_term=b&x=1")
    assert stored["path"] == "/offer?x=1"
    assert (stored["utm_source"], stored["utm_medium"], stored["utm_campaign"]) == ("News", "email", "May")
    assert (stored["utm_content"], stored["utm_term"]) == ("a", "b")


def test_a_campaign_in_the_hash_counts_as_one_in_the_query() -> None:
    assert process_hit("/#utm_campaign=spring&utm_source=x")["utm_campaign"] == "spring"


def test_an_explicit_campaign_takes_precedence_over_the_url() -> None:
    assert process_hit("/?utm_source=a", utm={"utm_source": "b", "other": "c"})["utm_source"] == "b"


@pytest.mark.parametrize(
    ("path", "stored"),
    [
        (f"/a?{'n' * 65}=1&b=2", "/a?b=2"),
        (f"/a?b={'v' * 65}&c=3", "/a?c=3"),
        (f"/{'p' * 600}", f"/{'p' * 499}"),
        ("/site-search?q=shoes", "/site-search"),
        ("/a#section", "/a"),
        ("/shop;jsessionid=A1B2?x=1", "/shop?x=1"),
        ("", "/"),
        ("/a?", "/a"),
        ("/ä/ü?ö=1", "/ä/ü?ö=1"),
        ("/caf%C3%A9", "/café"),
        ("/caf%c3%a9", "/café"),
        ("/café", "/café"),
        ("/%66oo%2Fbar%2fbaz%3F", "/foo%2Fbar%2Fbaz%3F"),
        ("/a b", "/a%20b"),
        ("/latin%E9", "/latin%E9"),
        ("/zero%E2%80%8Bwidth%00", "/zero%E2%80%8Bwidth%00"),
        ("/a?name=%E6%97%A5%E6%9C%AC&x=%26", "/a?name=日本&x=%26"),
        ("/search?q=shoes", "/search"),
        ("/search/results.php?q=shoes", "/search/results.php"),
        ("/search.php?q=shoes", "/search.php"),
        ("/de/Search?q=shoes", "/de/Search"),
        ("/research/papers?id=1", "/research/papers?id=1"),
        ("/job-searcher?id=1", "/job-searcher?id=1"),
        ("/searches/saved?id=1", "/searches/saved?id=1"),
        ("/g?utm_source=news&amp;utm_medium=email&amp;x=1", "/g?x=1"),
        ("/g??x=1", "/g?x=1"),
        ("/g?a=1?utm_source=news", "/g?a=1"),
        ("/t?ref=producthunt", "/t"),
        ("/t?ref=refs/heads/main", "/t?ref=refs/heads/main"),
        ("/t?via=anna&si=abc&mibextid=x&hsa_cam=1&_branch_match_id=5", "/t"),
        ("/t?sa=t&source=web&ust=170000&usg=AB&id=3", "/t?id=3"),
        ("/t?sa=t&id=3", "/t?sa=t&id=3"),
    ],
)
def test_page_urls_are_stored_as_documented(path: str, stored: str) -> None:
    assert process_hit(path)["path"] == stored


def test_urls_are_truncated_by_characters_and_never_inside_an_escape() -> None:
    long = "%E8%A8%98%E4%BA%8B" * 30  # 60 letters, 540 encoded characters
    assert process_hit(f"/{long}%E4%B8%80")["path"] == f"/{'記事' * 30}一"
    assert process_hit(f"/{long}%E4%BA%8C")["path"] == f"/{'記事' * 30}二"
    assert process_hit(f"/{'p' * 497}%2F")["path"] == f"/{'p' * 497}"
    assert len(process_hit(f"/{'%E8%A8%98' * 600}")["path"]) == 500


@given(st.text(max_size=60))
def test_normalizing_a_url_twice_changes_nothing(text: str) -> None:
    assert decode_path(decode_path(text)) == decode_path(text)
    assert decode_path(quote(text.encode("utf-8", "replace"))) == decode_path(
        decode_path(quote(text.encode("utf-8", "replace")))
    )


@pytest.mark.parametrize("pattern", ["/größe*", "/gr%C3%B6%C3%9Fe*", "/gr%c3%b6%c3%9fe/x"])
def test_pages_are_excluded_in_every_spelling(pattern: str) -> None:
    assert find_rejection("/gr%C3%B6%C3%9Fe/x", build_site_config(excluded_pages=(pattern,))) == "excluded_page"


def test_targets_and_referrers_are_stored_decoded() -> None:
    stored = process_hit(kind="outbound", target="https://xn--bcher-kva.example/gr%C3%B6%C3%9Fe?x=1",
                   referrer="https://www.xn--bcher-kva.example/%C3%BC")  # fmt: skip
    assert stored["target"] == "https://bücher.example/größe?x=1"
    assert (stored["source"], stored["referrer_domain"]) == ("bücher.example", "bücher.example")
    assert stored["referrer"] == "https://www.bücher.example/ü"


def test_a_query_string_is_truncated_after_250_characters() -> None:
    path = process_hit("/a?" + "&".join(f"k{n}={'v' * 40}" for n in range(20)))["path"]
    assert len(path) == len("/a?") + 250


def test_a_site_with_internal_search_keeps_search_queries() -> None:
    site = build_site_config(tracker={"internal_search": True})
    assert process_hit("/search?q=shoes", site)["path"] == "/search?q=shoes"


def test_a_url_of_only_an_anchor_is_kept() -> None:
    assert process_hit(url="#menu", trusted=True)["path"] == "#menu"


@pytest.mark.parametrize(
    "url", ["https://", "://", "https://exa mple.com", "\x00", "https://[::1", "//", "https://example.com:99999999/"]
)
def test_an_invalid_url_causes_no_error(url: str) -> None:
    outcome = process(
        build_hit(url=url),
        build_site_config(hosts=type("Any", (), {"accepts_host": lambda self, host: True, "any_host": True})()),
    )
    assert not isinstance(outcome, Rejection) and outcome["path"].startswith("/")


def test_values_are_truncated_to_the_length_of_their_columns() -> None:
    stored = process_hit(
        title="t" * 999, kind="event", name="n" * 999, target="x" * 9999, text="y" * 999,
        props={f"k{n}": "v" * 9999 for n in range(99)}, revenue=float("inf"), scroll=250, engaged=1e12,
    )  # fmt: skip
    assert (len(stored["title"]), len(stored["name"]), len(stored["target"]), len(stored["text"])) == (
        255,
        255,
        1000,
        255,
    )
    assert len(stored["props"]) == 50 and all(len(value) == 2000 for value in stored["props"].values())
    assert stored["revenue"] == 0.0 and stored["scroll"] == 100 and stored["engaged"] == 86_400_000


def test_visitor_data_in_the_url_becomes_tags() -> None:
    stored = process_hit("/?utm_custom[username]=ada&x=1")
    assert stored["tags"] == {"username": "ada"} and stored["person"] == "ada"
