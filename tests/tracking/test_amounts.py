"""Amounts in every usual spelling, and what every endpoint stores of them."""

from collections.abc import Iterator
from typing import Any

import pytest

from sites.amounts import parse_amount
from sites.models import Site
from tests.support.endpoints import list_stored_rows, post_event, send_request
from tests.support.hits import reset_state
from tests.support.types import Store

WRITTEN = [
    ("19,99", 19.99, ""), ("19.99", 19.99, ""), ("1,299.00", 1299, ""), ("1.299,00", 1299, ""), ("1 299,5", 1299.5, ""),
    ("1'299.50", 1299.5, ""), ("1\u202f299,50\u00a0€", 1299.5, "EUR"), ("$49", 49, "USD"), ("49 €", 49, "EUR"),
    ("EUR 5", 5, "EUR"), ("5 eur", 5, "EUR"), ("US$ 5", 5, "USD"), ("1,299", 1299, ""), ("1,299,000", 1299000, ""),
    ("1.299.000", 1299000, ""), ("1.005", 1.005, ""), ("0,125", 0.125, ""), ("1,5", 1.5, ""), ("-3", -3, ""),
    ("-$3.50", -3.5, "USD"), ("$-3", -3, "USD"), ("\u22123 €", -3, "EUR"), (".5", 0.5, ""), ("1e3", 1000, ""),
    ("0", 0, ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value", "currency"), WRITTEN)
def test_amounts_are_parsed_in_every_usual_spelling(text: str, value: float, currency: str) -> None:
    assert parse_amount(text) == (value, currency)


@pytest.mark.parametrize(
    "text", ["", "free", "1-2", "12 34 x y", "$", "nan", "inf", "1e999", "€5€", "--5", "9" * 100, "12#3"]
)
def test_text_that_is_not_an_amount_is_not_parsed(text: str) -> None:
    assert parse_amount(text) is None


@pytest.fixture
def fresh(store: Store) -> Iterator[None]:
    reset_state()
    yield
    reset_state()


@pytest.mark.usefixtures("fresh")
def test_every_endpoint_stores_amounts(site: Site, api_key: str) -> None:
    page = {"type": "custom", "name": "Buy", "url": "https://example.com/"}
    assert post_event({**page, "revenue_amount": "19,99", "revenue_currency": "EUR"}, api_key).json()["success"]
    assert post_event({**page, "revenue_amount": "$1,299.00"}, api_key).json()["success"]
    assert post_event({**page, "revenue_amount": 1.005, "revenue_currency": "KWD"}, api_key).json()["success"]
    beacon = {"site_id": site.pk, "host": "example.com"}
    send_request("/in.php", {**beacon, "type": "event", "name": "Buy", "revenue": "5,50", "currency": "eur"})
    send_request("/in.php", {**beacon, "type": "goal", "goal[name]": "Buy", "goal[revenue]": "€ 7"})
    rows = [(float(row["revenue"]), row["currency"]) for row in list_stored_rows(site.pk)]
    assert rows == [(19.99, "EUR"), (1299, "USD"), (1.005, "KWD"), (5.5, "EUR"), (7, "EUR")]


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("amount", ["free", True, ["5"], {"a": 1}])
def test_an_invalid_amount_is_rejected_with_a_message(site: Site, api_key: str, amount: object) -> None:
    answer = post_event(
        {"type": "custom", "name": "Buy", "url": "https://example.com/", "revenue_amount": amount}, api_key
    )
    assert answer.json() == {
        "success": False, "dropped": "bad_request", "message": "revenue_amount is not an amount such as 19.99",
    }  # fmt: skip
    assert list_stored_rows(site.pk) == []


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("form", ["props", "meta", "visitor"])
def test_values_of_every_json_type_are_stored(site: Site, api_key: str, form: str) -> None:
    values = {
        "yes": True, "no": False, "list": ["a", "b", 3, True], "empty": [], "object": {"a": [1]}, "nested": [["a"]],
        "null": None,
        "zero": 0, "half": 1.5, "text": "ü", "none": "",
    }  # fmt: skip
    meta = {"meta_keys": list(values), "meta_values": list(values.values())}
    bodies: dict[str, dict[str, Any]] = {"props": {"props": values}, "meta": meta, "visitor": {"visitor": values}}
    post_event({"type": "custom", "name": "Buy", "url": "https://example.com/", **bodies[form]}, api_key)
    row = list_stored_rows(site.pk)[0]
    assert row["tags" if form == "visitor" else "props"] == {
        "yes": "true", "no": "false", "list": '["a","b",3,true]', "empty": "[]", "object": '{"a":[1]}',
        "nested": '[["a"]]',
        "zero": "0", "half": "1.5", "text": "ü", "none": "",
    }  # fmt: skip
