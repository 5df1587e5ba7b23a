"""Places and networks: both formats of records, tables of address ranges, broken files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from tracking import geo
from tracking.network_table import Networks, build_from_csv

V4 = ['16777216,16777471,13335,"Cloudflare, Inc."', "16778240,16779263,38803,Gtelecom Pty Ltd"]
V6 = ["42540488161975842760550356425300246528,42540488241204005274814694018844196863,6939,Hurricane Electric LLC"]


@pytest.fixture(autouse=True)
def reopened() -> Iterator[None]:
    geo.reload()
    yield
    geo.reload()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("1.0.0.0", (13335, "Cloudflare, Inc.")),
        ("1.0.0.255", (13335, "Cloudflare, Inc.")),
        ("1.0.1.0", (0, "")),
        ("1.0.5.9", (38803, "Gtelecom Pty Ltd")),
        ("0.0.0.1", (0, "")),
        ("255.255.255.255", (0, "")),
        ("2001::1", (6939, "Hurricane Electric LLC")),
        ("::1", (0, "")),
        ("not an address", (0, "")),
    ],
)
def test_an_address_is_found_in_its_network(address: str, expected: tuple[int, str], tmp_path: Path) -> None:
    build_from_csv(V4, V6).save(tmp_path / "networks.table")
    assert Networks.load(tmp_path / "networks.table").find(address) == expected


@pytest.mark.parametrize("content", [b"", b"garbage\n", b"{}\n", b"[1]\n", b"\xff\xff"])
def test_a_broken_network_table_is_ignored(content: bytes, tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "broken.table"
    path.write_bytes(content)
    settings.GEOIP_ASN = str(path)
    assert geo.list_available()["networks"] is False and geo.look_up("1.0.0.1") == {}


def test_the_network_table_fills_number_and_name(tmp_path: Path, settings: Settings) -> None:
    build_from_csv(V4, V6).save(tmp_path / "n.table")
    settings.GEOIP_ASN = str(tmp_path / "n.table")
    assert geo.look_up("1.0.0.7") == {"asn": 13335, "organization": "Cloudflare, Inc."}


def test_a_broken_city_database_disables_geography(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "city.mmdb").write_bytes(b"no database")
    settings.GEOIP_CITY = str(tmp_path / "city.mmdb")
    assert geo.list_available()["places"] is False and geo.look_up("1.0.0.1") == {}


@pytest.mark.parametrize(
    "record",
    [
        {
            "country_code": "DE",
            "state1": "Bavaria",
            "city": "Munich",
            "latitude": 48.1,
            "longitude": 11.6,
            "postcode": "",
        },
        {
            "country": {"iso_code": "DE", "names": {"en": "Germany"}},
            "subdivisions": [{"iso_code": "BY", "names": {"en": "Bavaria"}}],
            "city": {"names": {"en": "Munich", "de": "München"}},
            "location": {"latitude": 48.1, "longitude": 11.6},
        },
    ],
)
def test_flat_and_nested_records_give_the_same_place(record: dict[str, Any]) -> None:
    expected = {"country": "DE", "region": "Bavaria", "city": "Munich", "latitude": 48.1, "longitude": 11.6}
    assert geo._parse_place(record) == expected


def test_a_record_without_a_place_fills_no_column() -> None:
    assert geo._parse_place({"country": {"iso_code": None}}) == {} and geo._parse_place({}) == {}


@pytest.mark.django_db
def test_pages_credit_the_provider_of_the_geography_database(client: Client, alice: User, settings: Settings) -> None:
    for page in ("/login", "/docs/privacy"):
        text = client.get(page).content.decode()
        assert 'href="https://db-ip.com"' in text and "IP Geolocation by DB-IP" in text and "CC BY 4.0" in text, page
    settings.GEOIP_CITY = "/srv/GeoLite2-City.mmdb"
    assert "db-ip.com" not in client.get("/docs/privacy").content.decode()
