"""The ClickMeter API conforms to its corrected description; each correction has a reason."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, Phase, settings
from rest_framework.fields import BooleanField, CharField, FloatField, IntegerField, ListField
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import Account
from links.clickmeter import api_view, serializers
from links.clickmeter.description import load_description
from links.clickmeter.fields import NameOrNumberField
from links.clickmeter.lenient_serializer import LenientSerializer
from links.clickmeter.operations import OPERATIONS
from links.services.conversions import conversion_create
from links.services.groups import group_create
from links.services.links import datapoint_create
from tests.support.clickmeter_client import use_account_key
from tests.support.links import Browser, flush_clicks, refresh_caches

GOLDEN = Path(__file__).resolve().parents[2] / "contract" / "reference" / "clickmeter"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
QUICK = settings(
    max_examples=2, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None,
    phases=[Phase.generate],
)  # fmt: skip
described = schemathesis.openapi.from_wsgi("/clickmeter/openapi.json", get_wsgi_application())
described.config.phases.coverage.enabled = False


def differences(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """JSON pointers of everything that is not the same."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in old.keys() | new.keys():
            inner = f"{place}/{str(name).replace('~', '~0').replace('/', '~1')}"
            if name in old and name in new:
                yield from differences(old[name], new[name], inner)
            else:
                yield inner
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for at, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from differences(one, other, f"{place}/{at}")
    elif old != new:
        yield place


def test_every_difference_from_clickmeters_description_has_a_reason() -> None:
    old = yaml.safe_load((GOLDEN / "openapi.yaml").read_text())
    rows = tomllib.loads((GOLDEN / "corrections.toml").read_text())["correction"]
    changed = sorted(differences(old, load_description()))
    unexplained = [place for place in changed if not any(re.fullmatch(row["place"], place) for row in rows)]
    assert not unexplained, unexplained[:20]
    idle = [row["fact"] for row in rows if not any(re.fullmatch(row["place"], place) for place in changed)]
    assert not idle and all(row["fact"] for row in rows)


def test_the_description_has_exactly_the_operations_of_the_table() -> None:
    methods = {"get", "post", "put", "delete"}
    told = {
        (method.upper(), path) for path, item in load_description()["paths"].items() for method in item.keys() & methods
    }
    assert told == {(row.method, row.path) for row in OPERATIONS}


ENTITIES = {
    "Datapoints.Datapoint": serializers.DatapointSerializer,
    "Datapoints.TrackingLinkSpecifics": serializers.RedirectSerializer,
    "Datapoints.TrackingPixelSpecifics": serializers.PixelSerializer,
    "Groups.Group": serializers.GroupSerializer,
    "Conversions.Conversion": serializers.ConversionSerializer,
    "Tags.Tag": serializers.TagSerializer,
    "Domains.Domain": serializers.DomainSerializer,
    "Retargeting.RetargetingScript": serializers.ScriptSerializer,
}
TYPES = {  # what a field is described as; a field that is computed or consists of members may be anything
    CharField: "string", BooleanField: "boolean", IntegerField: "integer", FloatField: "number", ListField: "array",
}  # fmt: skip


@pytest.mark.parametrize("name", ENTITIES)
def test_an_entity_is_described_with_the_members_that_its_serializer_reads_and_writes(name: str) -> None:
    serializer: type[LenientSerializer] = ENTITIES[name]
    properties = load_description()["components"]["schemas"][f"Api.Core.Dto.{name}"]["properties"]
    conversions = {f"{place}Conversion{what}" for place in serializers.POSITION_NAMES for what in ("Id", "Name")}
    fields = serializer().fields
    assert fields.keys() == properties.keys() - (conversions if name == "Datapoints.Datapoint" else set())
    for member, field in fields.items():
        described = properties[member]
        kinds = [kind for base, kind in TYPES.items() if isinstance(field, base)]
        assert described.get("type") in kinds or not kinds, member
        assert described.get("writeOnly", False) == field.write_only, member
        if isinstance(field, NameOrNumberField):
            words = [word for word in described["enum"] if isinstance(word, str)]
            assert {*described["enum"]} - {*words} == {*field.choices}, member
            assert {field.to_internal_value(word) for word in words} == {*field.choices}, member


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
