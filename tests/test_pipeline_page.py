"""Which page an event is stored under, and what is cut from its address."""

import pytest

from tests.hits import event, facts, hit
from tracking.pipeline import process
from tracking.steps.page import CLICK_IDS, SESSION_IDS


@pytest.mark.parametrize("name", sorted(CLICK_IDS | SESSION_IDS))
def test_click_and_session_ids_never_reach_the_store(name: str) -> None:
    stored = event(f"/offer?{name}=abc123&colour=red")
    assert stored["path"] == "/offer?colour=red"
    assert all("abc123" not in str(value) for value in stored.values())


def test_campaign_words_leave_the_path_and_fill_their_columns() -> None:
    stored = event("/offer?utm_source=News&utm_medium=email&utm_campaign=May&utm_content=a&utm_term=b&x=1")
    assert stored["path"] == "/offer?x=1"
    assert (stored["utm_source"], stored["utm_medium"], stored["utm_campaign"]) == ("News", "email", "May")
    assert (stored["utm_content"], stored["utm_term"]) == ("a", "b")


def test_a_campaign_in_the_hash_counts_as_one_in_the_query() -> None:
    assert event("/#utm_campaign=spring&utm_source=x")["utm_campaign"] == "spring"


def test_an_explicit_campaign_wins_over_the_address() -> None:
    assert event("/?utm_source=a", utm={"utm_source": "b", "other": "c"})["utm_source"] == "b"


@pytest.mark.parametrize(
    ("path", "stored"),
    [
        (f"/a?{'n' * 65}=1&b=2", "/a?b=2"),
        (f"/a?b={'v' * 65}&c=3", "/a?c=3"),
        (f"/{'p' * 300}", f"/{'p' * 127}"),
        ("/site-search?q=shoes", "/site-search"),
        ("/a#section", "/a"),
        ("/shop;jsessionid=A1B2?x=1", "/shop?x=1"),
        ("", "/"),
        ("/a?", "/a"),
        ("/ä/ü?ö=1", "/ä/ü?%C3%B6=1"),
    ],
)
def test_addresses_are_stored_as_documented(path: str, stored: str) -> None:
    assert event(path)["path"] == stored


def test_a_query_ends_after_250_characters() -> None:
    path = event("/a?" + "&".join(f"k{n}={'v' * 40}" for n in range(20)))["path"]
    assert len(path) == len("/a?") + 250


def test_a_site_with_internal_search_keeps_what_was_searched() -> None:
    site = facts(tracker={"internal_search": True})
    assert event("/search?q=shoes", site)["path"] == "/search?q=shoes"


def test_an_anchor_stays_when_it_is_the_whole_address() -> None:
    assert event(url="#menu", trusted=True)["path"] == "#menu"


@pytest.mark.parametrize(
    "url", ["https://", "://", "https://exa mple.com", "\x00", "https://[::1", "//", "https://example.com:99999999/"]
)
def test_garbage_for_an_address_is_no_error(url: str) -> None:
    process(hit(url=url), facts(hosts=type("Any", (), {"accepts_host": lambda self, host: True, "any_host": True})()))


def test_words_are_cut_to_what_the_columns_hold() -> None:
    stored = event(
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


def test_visitor_data_in_the_address_becomes_tags() -> None:
    stored = event("/?utm_custom[username]=ada&x=1")
    assert stored["tags"] == {"username": "ada"} and stored["person"] == "ada"
