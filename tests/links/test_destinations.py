"""Destinations: which ones are accepted, and that redirects contain them as they were entered."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from accounts.models import Account
from links import url_policy
from links.url_policy import add_parameters, add_query, clean_url, encode_location
from sites.models import Site
from tests.support.links import Browser, create_link

SIGNED = "https://bucket.s3.test/a%20b.pdf?X-Amz-Credential=AKIA%2F2026&arr[]=1&arr[]=2&x=a%20b+c&e=&flag&y=%7E#part"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://d.test/?kw={keyword}&id={{id}}", "https://d.test/?kw=%7Bkeyword%7D&id=%7B%7Bid%7D%7D"),
        ("https://d.test/a|b^c`d", "https://d.test/a|b%5Ec%60d"),
        ("https://d.test/{a b}#{c}", "https://d.test/%7Ba%20b%7D#%7Bc%7D"),
        ("https://d.test/?sub={clickid}&id=[s2sidentifier]", "https://d.test/?sub=%7Bclickid%7D&id=[s2sidentifier]"),
        ("https://bücher.test/straße?q=ä", "https://xn--bcher-kva.test/straße?q=ä"),
        ("https://BÜCHER.test:8080", "https://xn--bcher-kva.test:8080"),
        ("bücher.test/a", "http://xn--bcher-kva.test/a"),
        ("http://[::1]/x", "http://[::1]/x"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
        (SIGNED, SIGNED),
    ],
)
def test_a_destination_is_stored_as_entered_except_for_invalid_characters(given: str, kept: str) -> None:
    assert clean_url(given) == kept
    assert clean_url(kept) == kept


@pytest.mark.parametrize(
    "bad",
    [
        "https://{host}.test/",
        "https://a^b.test/",
        "https://\ud800.test/",
        "https://d.test/\ud800",
        "https://[::1/x",
        "https://good.test／evil.test/",
    ],
)
def test_a_host_is_never_escaped(bad: str) -> None:
    with pytest.raises(ValidationError):
        clean_url(bad)


def test_the_location_header_is_ascii_also_for_internationalized_hosts() -> None:
    assert (
        encode_location("https://bücher.test:8080/pfad/ü?q=ä")
        == b"https://xn--bcher-kva.test:8080/pfad/%C3%BC?q=%C3%A4"
    )
    assert encode_location("https://d.test/\ud800") == b"https://d.test/?"


@pytest.mark.parametrize(
    ("url", "query", "went"),
    [
        (SIGNED, "n=1", SIGNED.replace("#", "&n=1#")),
        ("https://d.test/?x=a+b&e=", "flag", "https://d.test/?x=a+b&e=&flag"),
        ("https://d.test/?a=1&utm_source=x&b=2", "utm_source=y", "https://d.test/?a=1&utm_source=y&b=2"),
        ("https://d.test/?a[]=1&b=2&a[]=3", "a%5B%5D=8&a[]=9", "https://d.test/?a%5B%5D=8&a[]=9&b=2"),
        ("https://d.test/?", "q=%C3%A4+%20&z", "https://d.test/?q=%C3%A4+%20&z"),
        ("https://d.test/?a&", "b", "https://d.test/?a&b"),
        ("https://d.test", "b#c=<d>&ddu=x.test&DDU=y", "https://d.test?b%23c=%3Cd%3E"),
        ("https://d.test/?a=1#top", "", "https://d.test/?a=1#top"),
    ],
)
def test_a_visitors_parameters_are_added_without_touching_the_others(url: str, query: str, went: str) -> None:
    assert add_query(url, query) == went


def test_our_own_parameters_are_encoded_for_every_reader() -> None:
    assert add_parameters("https://d.test/?flag", [("utm_campaign", "a b&c")]) == (
        "https://d.test/?flag&utm_campaign=a%20b%26c"
    )


@pytest.mark.django_db
@pytest.mark.usefixtures("fresh_links")
def test_a_link_to_an_own_site_only_adds_the_click_token(account: Account, site: Site) -> None:
    create_link(
        account, url="https://example.com/?x=a%20b+c&flag#s", append_query=True, rules={"utm": {"utm_source": "a b"}}
    )
    location = Browser().open("/l/offer?n=%20+&v").location
    before, mark, after = location.partition("&ffclid=")
    assert before == "https://example.com/?x=a%20b+c&flag&utm_source=a%20b&n=%20+&v"
    assert mark and after.endswith("#s") and len(after) == 32


@pytest.mark.django_db
@pytest.mark.usefixtures("fresh_links")
def test_a_link_to_an_internationalized_host_redirects_to_punycode(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = create_link(account, url="https://bücher.test/pfad")
    assert link.url == "https://xn--bcher-kva.test/pfad"
    assert Browser().open("/l/offer").location == link.url
    assert (
        url_policy.extract_host(link.url) == url_policy.extract_host("https://BÜCHER.test:80/a") == "xn--bcher-kva.test"
    )
