"""The OpenAPI documents: complete, without warnings, with valid examples, and without our name on a brand's host."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from io import StringIO
from typing import Any

import jsonschema_rs
import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from drf_spectacular.validation import validate_schema

from accounts.branding import PRODUCT_NAME
from accounts.models import Account, Purpose
from accounts.services import account_brand_set
from reports.clicky.filters import FILTERS
from reports.clicky.stats_request import PARAMETERS
from reports.clicky.types import STATS_TYPES, TYPES
from reports.openapi import list_references
from tests.permissions.routes import ROUTES
from tests.support import verify_host

OURS = ("/api/schema/?format=json", "/api/openapi.json", "/api/v1/openapi.json")
DOCUMENTS = (*OURS, "/clickmeter/openapi.json")
STATS_DOCUMENT = "/api/stats/openapi.json"
DESCRIPTIONS = {  # with which test_openapi_answers.py compares answers
    "query": "api/openapi.json", "management": "api/v1/openapi.json", "stats": "api/stats/openapi.json",
}  # fmt: skip
ELSEWHERE = {
    "clickmeter/^openapi\\.json$": "tests/links/clickmeter/test_description.py",
    "api/schema/": "the descriptions of two others in one, here",
}


def test_every_description_is_compared_with_answers() -> None:
    described = {route for route in ROUTES if "openapi" in route or "schema" in route}
    assert described == {*ELSEWHERE, *DESCRIPTIONS.values()}


def read(address: str) -> Any:
    answer = Client().get(address)
    assert answer.status_code == 200
    return answer.json()


def list_operations(schema: Any) -> Iterator[tuple[str, Any]]:
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            yield f"{method.upper()} {path}", operation


def list_contents(operation: Any) -> Iterator[tuple[str, Any]]:
    """(request or status, content) of the JSON bodies of an operation."""
    yield from (("request", body) for body in [operation.get("requestBody", {}).get("content", {})] if body)
    yield from ((status, one["content"]) for status, one in operation["responses"].items() if "content" in one)


def build_components(schema: Any, where: str) -> Any:
    """The components as they apply to a body: what is read-only is required of answers only."""
    if where != "request":
        return schema["components"]
    schemas = {
        name: {
            **one,
            "required": [part for part in one.get("required", []) if "readOnly" not in one["properties"][part]],
        }
        for name, one in schema["components"]["schemas"].items()
    }
    return {"schemas": schemas}


def test_the_descriptions_are_built_without_a_warning() -> None:
    written = StringIO()
    call_command("spectacular", fail_on_warn=True, validate=True, stdout=written)
    assert written.getvalue().startswith("openapi: 3.1.0")


@pytest.mark.django_db
@pytest.mark.parametrize("address", [*OURS, STATS_DOCUMENT])
def test_every_document_and_the_documentation_show_the_version_of_the_product(address: str) -> None:
    version = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]["version"]
    assert read(address)["info"]["version"] == version
    assert f"Version {version}<" in Client().get("/docs/").content.decode()


@pytest.mark.django_db
def test_every_address_of_the_management_api_is_described() -> None:
    schema = read("/api/v1/openapi.json")
    ours = {path: set(methods) for path, methods in schema["paths"].items()}
    assert all(path.startswith("/api/v1/") for path in ours)
    assert ours["/api/v1/sites"] == {"get", "post"}
    assert ours["/api/v1/sites/{site_id}"] == {"get", "patch", "delete"}
    assert ours["/api/v1/sites/{site_id}/keys"] == {"get", "post"}
    assert ours["/api/v1/members/{member_id}"] == {"get", "patch", "delete"}
    assert schema["components"]["securitySchemes"]["authkey"]["scheme"] == "bearer"
    assert {"authkey": []} in schema["paths"]["/api/v1/sites"]["get"]["security"]


@pytest.mark.django_db
def test_both_documents_together_have_every_operation_of_the_common_one() -> None:
    common, query, management = (read(address) for address in DOCUMENTS[:3])
    assert dict(list_operations(common)) == {**dict(list_operations(query)), **dict(list_operations(management))}
    assert not set(query["paths"]) & set(management["paths"])
    for schema in (query, management):
        assert set(list_references([schema["paths"], schema["components"]])) == set(schema["components"]["schemas"])
    assert set(query["components"]["securitySchemes"]) == {"key"}
    assert set(management["components"]["securitySchemes"]) == {"authkey", "cookieAuth", "token"}


@pytest.mark.django_db
def test_every_body_of_the_management_api_has_an_example_that_its_schema_accepts() -> None:
    schema = read("/api/v1/openapi.json")
    for name, operation in list_operations(schema):
        assert operation["summary"], name
        for where, content in list_contents(operation):
            found = content["application/json"]
            components = build_components(schema, where)
            accepts = jsonschema_rs.validator_for({**found["schema"], "components": components})
            examples = found.get("examples", {})
            assert examples, f"{name} {where}"
            for example in examples.values():
                assert [error.message for error in accepts.iter_errors(example["value"])] == [], f"{name} {where}"


@pytest.mark.django_db
def test_every_object_of_the_management_api_is_closed_and_every_error_has_one_shape() -> None:
    schema = read("/api/v1/openapi.json")
    bodies = set(list_references([content["application/json"]["schema"] for name, operation in list_operations(schema)
                                  for where, content in list_contents(operation) if where == "request"]))  # fmt: skip
    assert {"PatchedAccount", "Invite", "SiteKeys", "PatchedGoal", "Annotation"} <= bodies
    for name in {*bodies, "Grant", "FunnelStep"}:
        assert schema["components"]["schemas"][name]["additionalProperties"] is False, name
    for name, operation in list_operations(schema):
        errors = {status: one for status, one in operation["responses"].items() if status[0] in "45"}
        assert {"400", "401", "403", "404"} <= errors.keys(), name
        for error in errors.values():
            assert error["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}


@pytest.mark.django_db
def test_the_stats_api_has_a_valid_description_of_its_own() -> None:
    described = read(STATS_DOCUMENT)
    validate_schema(described)  # type: ignore[no-untyped-call]
    assert set(described["paths"]) == {"/api/stats/4", "/api/account/sites", "/api/whitelabel/{operation}"}
    assert not described["paths"].keys() & read(DOCUMENTS[0])["paths"].keys()
    assert {name: set(methods) for name, methods in described["paths"].items() if set(methods) != {"get", "post"}} == {}


@pytest.mark.django_db
def test_every_type_and_parameter_of_the_stats_api_is_described() -> None:
    operations = read(STATS_DOCUMENT)["paths"]["/api/stats/4"]
    parameters = {row["name"]: row for row in operations["get"]["parameters"]}
    keys = {"sitekey", "sitekey_admin"}
    assert parameters.keys() | keys == {*PARAMETERS, *FILTERS, "goal", "custom"}
    assert operations["get"]["security"] == [{"sitekey": []}]
    form = operations["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"]
    assert form.keys() == parameters.keys() | keys
    assert parameters["type"]["schema"]["items"]["enum"] == [*TYPES, "segmentation"]
    examples = operations["get"]["responses"]["200"]["content"]["application/json"]["examples"]
    assert [row["summary"] for row in examples.values()] == [row.name for row in STATS_TYPES]


@pytest.mark.parametrize("address", (*DOCUMENTS, STATS_DOCUMENT))
def test_the_document_of_a_white_labelled_host_does_not_contain_our_name(address: str, account: Account) -> None:
    account_brand_set(account=account, host="stats.agency.example", name="Agency Numbers")
    verify_host(account, "stats.agency.example", Purpose.BRAND)
    answer = Client().get(address, headers={"host": "stats.agency.example"})
    assert answer.status_code == 200
    assert PRODUCT_NAME.lower() not in answer.content.decode().lower()
    if address in DOCUMENTS[1:]:
        assert answer.json()["servers"][0]["url"].startswith("http://stats.agency.example")
        assert answer["Access-Control-Allow-Origin"] == "*"
