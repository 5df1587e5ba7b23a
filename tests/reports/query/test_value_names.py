"""Values can be given by code or name with the same result; unknown values are rejected."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from accounts.models import User
from reports.query import QueryRefused
from reports.query.filters import parse
from reports.query.vocabulary import find_country, find_language, find_language_tag
from sites.models import Site
from tests.support import NOW, ask, browse, insert_recorded, log_in
from tests.support.clickport_client import Api
from tests.support.clicky_client import Clicky
from tests.support.endpoints import send_request
from tests.support.types import Store

pytestmark = pytest.mark.django_db
GERMANY = ("DE", "de", "Germany", "germany", " GERMANY ", "DEU")
GERMAN = ("de", "DE", "German", "german")
AUSTRIAN = ("de-AT", "de-at", "de_AT", "German (Austria)", "german (austria)")


@pytest.fixture(autouse=True)
def traffic(site: Site, store: Store) -> Any:
    """Two visitors of Germany, one of Austria, one of nowhere, today."""
    with time_machine.travel(NOW, tick=False):
        at = NOW - timedelta(hours=2)
        german: dict[str, Any] = {
            "country": "DE",
            "language": "de",
            "browser": "Chrome",
            "os": "macOS",
            "device_type": "Mobile",
        }
        browse(site, "/", at=at, visitor="a", channel="Organic Search", source="Google", **german)
        browse(site, "/", at=at, visitor="b", channel="Direct", source="", **german)
        browse(site, "/", at=at, visitor="c", country="AT", language="de-AT", channel="Email", source="letter",
               browser="Firefox", os="Windows", device_type="Desktop")  # fmt: skip
        browse(site, "/", at=at, visitor="d", country="", language="", channel="Direct", source="")
        yield


def dashboard(user: User, site: Site, query: str) -> tuple[int, str]:
    """(visitors, chips) of the overview under a filter."""
    answer = log_in(user).get(f"/sites/{site.pk}/?period=today&{query}", headers={"accept-language": "en"})
    assert answer.status_code == 200, answer.content
    (number,) = [one for one in answer.context["key_figures"].numbers if one.name == "visitors"]
    return int(number.formatted.exact), ", ".join(chip.label for chip in answer.context["filter_tags"])


def query(dimension: str, value: Any, operator: str = "is") -> dict[str, Any]:
    return {"period": "today", "filters": [{"dimension": dimension, "operator": operator, "value": value}]}


def clickport(key: str, dimension: str, value: Any, operator: str = "is") -> int:
    counted: int = Api(key).post(query(dimension, value, operator))["results"]["visitors"]
    return counted


@pytest.mark.parametrize("text", GERMANY)
def test_a_country_is_found_by_its_code_or_name_in_every_dialect(
    site: Site, alice: User, api_key: str, text: str
) -> None:
    assert dashboard(alice, site, f"country={text}") == (2, "Country is Germany")
    assert dashboard(alice, site, f"add=country&how=is&what={text}") == (2, "Country is Germany")
    assert clickport(api_key, "country", text) == 2
    assert Clicky(site).value("visitors-unique", date="today") == "4"
    assert len(Clicky(site).items("visitors-list", date="today", country=text.strip())) == 2


@pytest.mark.parametrize("text", GERMAN)
def test_a_language_is_found_by_its_code_or_name_in_every_dialect(
    site: Site, alice: User, api_key: str, text: str
) -> None:
    assert dashboard(alice, site, f"language={text}") == (2, "Language is German")
    assert clickport(api_key, "language", text) == 2
    in_any_country = Clicky(site).items("visitors-list", date="today", language=text)
    assert len(in_any_country) == 3, "in the Stats API a language is German wherever it is spoken"


@pytest.mark.parametrize("text", AUSTRIAN)
def test_a_regional_language_is_found_by_its_tag_or_name(site: Site, alice: User, api_key: str, text: str) -> None:
    assert dashboard(alice, site, f"language={text}") == (1, "Language is German (Austria)")
    assert clickport(api_key, "language", text) == 1


@pytest.mark.parametrize(
    ("dimension", "text", "found"),
    [
        ("browser", "chrome", 2), ("browser", "Google Chrome", 2), ("os", "Mac OS X", 2), ("os", "windows", 1),
        ("device", "mobile", 2), ("device", "PHONE", 2), ("channel", "organic search", 1), ("source", "Direct", 2),
        ("source", "direct", 2), ("country", "Unknown", 1), ("language", "unknown", 1), ("weekday", "Monday", 4),
        ("weekday", "1", 4), ("weekday", "tue", 0), ("hour_of_day", "10", 4), ("hour_of_day", "10:00", 4),
        ("kind", "View", 4),
    ],
)  # fmt: skip
def test_every_dimension_with_names_lists_them(
    site: Site, alice: User, api_key: str, dimension: str, text: str, found: int
) -> None:
    assert clickport(api_key, dimension, text) == found
    assert dashboard(alice, site, f"{dimension}={text}")[0] == found


def test_several_values_are_alternatives_and_is_not_excludes_all(site: Site, alice: User, api_key: str) -> None:
    assert dashboard(alice, site, "country=Germany&country=at") == (3, "Country is Germany or Austria")
    assert dashboard(alice, site, "country~is_not=germany")[0] == 2
    assert clickport(api_key, "country", ["Germany", "AUT"]) == 3
    assert clickport(api_key, "country", "Germany", "is_not") == 2


@pytest.mark.parametrize(
    ("dimension", "text"),
    [
        ("country", "Germanny"), ("country", "DE,AT"), ("country", "ZZ"), ("language", "Germanish"),
        ("language", "xq"), ("device", "Toaster"), ("channel", "Pigeon"), ("weekday", "8"), ("hour_of_day", "24"),
        ("kind", "sale"), ("currency", "Eurodollars"),
    ],
)  # fmt: skip
def test_an_unknown_value_is_rejected_with_a_message(
    site: Site, alice: User, api_key: str, dimension: str, text: str
) -> None:
    page = log_in(alice).get(f"/sites/{site.pk}/?{dimension}={text}")
    assert page.status_code == 400
    assert "There is no" in page.content.decode() and "; use " in page.content.decode()
    refused = Api(api_key).post(query(dimension, text), status=400)
    assert "There is no" in refused["message"] and "filters[0].value" in refused["message"]
    if dimension in ("country", "language"):
        assert "There is no" in Clicky(site).error("visitors-list", date="today", **{dimension: text})


@pytest.mark.parametrize(
    ("operator", "text", "found"),
    [("contains", "germ", 2), ("starts_with", "Aus", 1), ("ends_with", "ANY", 2), ("not_contains", "germ", 2)],
)
def test_patterns_match_the_names_of_countries(api_key: str, operator: str, text: str, found: int) -> None:
    assert clickport(api_key, "country", text, operator) == found


def test_the_search_of_a_table_matches_names(site: Site, alice: User) -> None:
    def names(dimension: str, text: str) -> list[str]:
        page = log_in(alice).get(f"/sites/{site.pk}/details/{dimension}?period=today&q={text}")
        return [line.row.name for line in page.context["lines"]]

    assert names("country", "german") == ["Germany"]
    assert names("language", "germ") == ["German", "German (Austria)"]
    assert names("country", "nowhere") == []


def test_languages_are_stored_in_one_spelling(site: Site) -> None:
    for number, language in enumerate(("de-ch", "de-CH", "de_CH")):
        send_request(
            "/in.php",
            query={"site_id": site.pk, "type": "pageview", "href": "/", "lang": language},
            peer=f"192.0.2.{number + 1}",
        )
    insert_recorded()
    rows = ask(site, "views", by="language")
    assert {name: views for name, views in rows.items() if "ch" in name.lower()} == {"de-CH": 3}


def test_names_are_compared_without_accents_case_and_kinds_of_quotes() -> None:
    assert find_country("Cote d'Ivoire") == find_country("Côte d’Ivoire") == find_country("Ivory Coast") == "CI"
    assert find_country("the netherlands") == "NL" and find_country("Turkey") == find_country("Türkiye") == "TR"
    assert find_country("UK") == find_country("United Kingdom") == find_country("gbr") == "GB"
    assert find_language_tag("ZH-hans-cn") == "zh-Hans-CN" and find_language("Klingon") == "tlh"
    with pytest.raises(QueryRefused, match="There is no country “Atlantis”; use a code such as DE"):
        parse({"dimension": "country", "operator": "is", "value": "Atlantis"})
    with pytest.raises(QueryRefused, match="There is no value of “unique” “2”; use 1 or 0"):
        parse({"dimension": "unique", "operator": "is", "value": "2"})
