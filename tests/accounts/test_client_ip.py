"""Addresses of clients behind proxies, and what counts as one client for a limit."""

from __future__ import annotations

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from accounts.security.client_ip import (
    find_client_address,
    get_client_address,
    get_client_key,
    get_rate_limit_key,
    normalize_address,
)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2::7", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::7", "2001:db8:1:3::/64"),
        ("2001:DB8:1:2::7", "2001:db8:1:2::/64"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("fe80::1%eth0", "fe80::/64"),
        (" 198.51.100.7 ", "198.51.100.7"),
        ("no address", "no address"),
        ("", ""),
    ],
)
def test_a_limit_counts_ipv4_addresses_and_ipv6_networks(address: str, key: str) -> None:
    assert get_rate_limit_key(address) == key


ADDRESSES = [
    ("198.51.100.7", "", "198.51.100.7"),
    ("198.51.100.7", "203.0.113.9", "198.51.100.7"),  # nobody named that peer a proxy
    ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
    ("10.0.0.1", "192.0.2.1, 203.0.113.9", "203.0.113.9"),  # what the client itself wrote is not believed
    ("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"),
    ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
    ("10.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
    ("10.0.0.1", '"[2001:db8::1]:80"', "2001:db8::1"),
    ("10.0.0.1", "nonsense", "10.0.0.1"),
    ("10.0.0.1", "x" * 100_000, "10.0.0.1"),
    ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
    ("", "203.0.113.9", "0.0.0.0"),
]


@pytest.mark.parametrize(("peer", "forwarded", "address"), ADDRESSES)
def test_pages_and_hits_find_the_same_client_address(
    peer: str, forwarded: str, address: str, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = ("10.0.0.0/8",)
    request = RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)
    assert get_client_address(request) == address
    assert find_client_address(peer, forwarded) == address


def test_a_change_of_the_trusted_proxies_applies_at_once(settings: Settings) -> None:
    for proxies, address in (((), "10.0.0.1"), (("10.0.0.1",), "203.0.113.9"), (("nonsense",), "10.0.0.1")):
        settings.TRUSTED_PROXIES = proxies
        assert find_client_address("10.0.0.1", "203.0.113.9") == address


def test_a_sites_own_proxy_and_a_proxy_with_its_secret_are_skipped(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ("10.0.0.1",)
    told = "203.0.113.9, 192.0.2.5"
    assert find_client_address("10.0.0.1", told) == "192.0.2.5"
    assert find_client_address("10.0.0.1", told, lambda address: address == "192.0.2.5") == "203.0.113.9"
    assert find_client_address("10.0.0.1", told, None, 1) == "203.0.113.9"


def test_a_limit_counts_the_client_behind_a_proxy(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ("10.0.0.1",)
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="2001:db8:1:2::9")
    assert get_client_key(request) == "2001:db8:1:2::/64"


def test_a_long_text_is_not_an_address() -> None:
    assert normalize_address("1" * 10_000) == "" and normalize_address("198.51.100.7:80") == "198.51.100.7"
