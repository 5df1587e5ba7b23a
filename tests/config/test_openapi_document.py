"""The OpenAPI document is complete, and does not contain our product's name on a white-labelled host."""

from typing import Any

import pytest
from django.test import Client
from drf_spectacular.validation import validate_schema

from accounts.branding import PRODUCT_NAME
from accounts.models import Account, Purpose
from accounts.services import account_brand_set
from reports.clicky.filters import FILTERS
from reports.clicky.stats_request import PARAMETERS
from reports.clicky.types import STATS_TYPES, TYPES
from tests.support import verify_host


@pytest.fixture
def schema(client: Client, db: None) -> Any:
    return client.get("/api/schema/?format=json").json()


def test_every_address_of_the_management_api_is_described(schema: Any) -> None:
    ours = {path: set(methods) for path, methods in schema["paths"].items() if path.startswith("/api/v1/")}
    assert ours["/api/v1/sites"] == {"get", "post"}
    assert ours["/api/v1/sites/{site_id}"] == {"get", "patch", "delete"}
    assert ours["/api/v1/sites/{site_id}/keys"] == {"get", "post"}
    assert ours["/api/v1/members/{member_id}"] == {"get", "patch", "delete"}
    assert schema["components"]["securitySchemes"]["authkey"]["scheme"] == "bearer"
    assert {"authkey": []} in schema["paths"]["/api/v1/sites"]["get"]["security"]


def test_the_stats_api_has_a_valid_description_of_its_own(client: Client, db: None, schema: Any) -> None:
    described = client.get("/api/stats/openapi.json").json()
    validate_schema(described)  # type: ignore[no-untyped-call]
    assert set(described["paths"]) == {"/api/stats/4", "/api/account/sites", "/api/whitelabel/{operation}"}
    assert not described["paths"].keys() & schema["paths"].keys()
    assert {name: set(methods) for name, methods in described["paths"].items() if set(methods) != {"get", "post"}} == {}


def test_every_type_and_parameter_of_the_stats_api_is_described(client: Client, db: None) -> None:
    operations = client.get("/api/stats/openapi.json").json()["paths"]["/api/stats/4"]
    parameters = {row["name"]: row for row in operations["get"]["parameters"]}
    keys = {"sitekey", "sitekey_admin"}
    assert parameters.keys() | keys == {*PARAMETERS, *FILTERS, "goal", "custom"}
    assert operations["get"]["security"] == [{"sitekey": []}]
    form = operations["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"]
    assert form.keys() == parameters.keys() | keys
    assert parameters["type"]["schema"]["items"]["enum"] == [*TYPES, "segmentation"]
    examples = operations["get"]["responses"]["200"]["content"]["application/json"]["examples"]
    assert [row["summary"] for row in examples.values()] == [row.name for row in STATS_TYPES]


@pytest.mark.parametrize("path", ["/api/schema/?format=json", "/api/stats/openapi.json"])
def test_the_document_of_a_white_labelled_host_does_not_contain_our_name(
    client: Client, account: Account, path: str
) -> None:
    account_brand_set(account=account, host="stats.agency.example", name="Agency Numbers")
    verify_host(account, "stats.agency.example", Purpose.BRAND)
    answer = client.get(path, headers={"host": "stats.agency.example"})
    assert answer.status_code == 200
    assert PRODUCT_NAME.lower() not in answer.content.decode().lower()
