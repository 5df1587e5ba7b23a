"""The OpenAPI document is complete, and does not contain our product's name on a white-labelled host."""

from typing import Any

import pytest
from django.test import Client

from accounts.branding import PRODUCT_NAME
from accounts.models import Account, Purpose
from accounts.services import account_brand_set
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


def test_the_document_of_a_white_labelled_host_does_not_contain_our_name(client: Client, account: Account) -> None:
    account_brand_set(account=account, host="stats.agency.example", name="Agency Numbers")
    verify_host(account, "stats.agency.example", Purpose.BRAND)
    answer = client.get("/api/schema/?format=json", headers={"host": "stats.agency.example"})
    assert answer.status_code == 200
    assert PRODUCT_NAME.lower() not in answer.content.decode().lower()
