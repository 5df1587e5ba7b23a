"""The ClickMeter API conforms to its description, which differs from the published one only with a reason."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import schemathesis
import yaml
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS, reset_generator_stats
from drf_spectacular.validation import validate_schema
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import Account
from links.clickmeter import api_view
from links.clickmeter.description import load_description
from links.clickmeter.fields import NameOrNumberField
from links.clickmeter.operations import OPERATIONS
from links.clickmeter.serializers import (
    ConversionSerializer,
    DatapointSerializer,
    DomainSerializer,
    RedirectSerializer,
)
from links.services.conversions import conversion_create
from links.services.groups import group_create
from links.services.links import datapoint_create
from tests.support.clickmeter_client import use_account_key
from tests.support.links import Browser, flush_clicks, refresh_caches
from tests.support.openapi_outline import Outline

REFERENCE = Path(__file__).resolve().parents[2] / "contract" / "reference" / "clickmeter"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
QUICK = settings(
    max_examples=2, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None,
    phases=[Phase.generate],
)  # fmt: skip
ENUMERATIONS = [
    field
    for kind in (DatapointSerializer, RedirectSerializer, ConversionSerializer, DomainSerializer)
    for field in kind().fields.values()
    if isinstance(field, NameOrNumberField)
]
described = schemathesis.openapi.from_wsgi("/clickmeter/openapi.json", get_wsgi_application())
described.config.phases.coverage.enabled = False


def test_every_difference_from_clickmeters_description_has_a_reason() -> None:
    document = tomllib.loads((REFERENCE / "corrections.toml").read_text())
    moves, corrections = document["move"], document["correction"]
    published = Outline(yaml.safe_load((REFERENCE / "openapi.yaml").read_text())).lines()
    assert all(any(re.match(row["place"], place) for place in published) for row in moves)
    for row in moves:
        published = {re.sub(f"^{row['place']}", row["to"], place): said for place, said in published.items()}
    ours = Outline(load_description()).lines()
    changed = sorted(place for place in published.keys() | ours.keys() if published.get(place) != ours.get(place))
    unexplained = [place for place in changed if not any(re.fullmatch(row["place"], place) for row in corrections)]
    assert not unexplained, unexplained[:20]
    idle = [row["fact"] for row in corrections if not any(re.fullmatch(row["place"], place) for place in changed)]
    assert not idle and all(row["fact"] for row in (*moves, *corrections))


def test_the_description_has_exactly_the_operations_of_the_table() -> None:
    told = {(method.upper(), path) for path, item in load_description()["paths"].items() for method in item}
    assert told == {(row.method, row.path) for row in OPERATIONS}


def test_every_operation_is_described_with_a_name_of_its_own_and_what_it_does() -> None:
    operations = [row for item in load_description()["paths"].values() for row in item.values()]
    assert len({row["operationId"] for row in operations}) == len(OPERATIONS)
    assert all(row["summary"] and "{" not in row["summary"] for row in operations)
    summaries = {row["operationId"]: row["summary"] for row in operations}
    assert {name: text for name, text in summaries.items() if "datapoint" in text} == {}
    assert summaries["DataPoints_Put"] == "Create a link"


def test_the_description_is_valid_and_made_without_a_warning(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    reset_generator_stats()
    load_description.cache_clear()
    cast(Any, validate_schema)(client.get("/clickmeter/openapi.json").json())
    assert not GENERATOR_STATS, capsys.readouterr().err


@pytest.mark.parametrize("field", ENUMERATIONS, ids=lambda field: field.field_name)
def test_an_enumeration_is_described_with_the_names_and_numbers_that_are_read(field: NameOrNumberField) -> None:
    words = [word for word in field.describe()["enum"] if isinstance(word, str)]
    assert {*field.describe()["enum"]} - {*words} == {*field.choices}
    assert {field.to_internal_value(word) for word in words} == {*field.choices}


@pytest.mark.django_db
def test_the_description_contains_the_host_of_the_request(client: Client) -> None:
    below = json.loads(client.get("/clickmeter/openapi.json").content)
    alone = json.loads(client.get("/openapi.json", headers={"host": "apiv2.example.org"}).content)
    assert below["servers"] == [{"url": "http://testserver/clickmeter"}]
    assert alone["servers"] == [{"url": "http://apiv2.example.org/"}]


@pytest.fixture(scope="module")
def world(module_account: Account) -> Account:
    """An account with one of everything, and a click."""
    group = group_create(account=module_account, name="One", tags=["red"])
    sale = conversion_create(account=module_account, name="Sale", value="5")
    datapoint_create(account=module_account, alias="one", url="https://shop.test/", group=group, conversions=[sale])
    refresh_caches()
    Browser().open("/l/one?a=b")
    flush_clicks()
    return module_account


@pytest.fixture
def key(world: Account, module_caches: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The account's master key; no limit of requests."""
    monkeypatch.setattr(api_view, "LIMIT", replace(api_view.LIMIT, maximum=0))
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield use_account_key(world).key
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.django_db
@described.parametrize()
@QUICK
def test_every_operation_conforms_to_the_description(case: Any, key: str) -> None:
    case.call_and_validate(headers={"X-Clickmeter-Authkey": key, "accept-encoding": "identity"}, checks=CHECKS)
